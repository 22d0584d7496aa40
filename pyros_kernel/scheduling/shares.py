"""What share of its value each block brings, by its start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling.earth import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Quality:
    """What share of its value a block brings, by its start.

    :param begin_unix_s: of the grid; its points are ``step_s`` apart
    :param share: shape (N, G)
    """

    begin_unix_s: float
    step_s: float
    share: Floats

    def at(self, which: Ints, start_unix_s: Floats) -> Floats:
        """Give the shares of some blocks at some starts."""
        x = np.clip((start_unix_s - self.begin_unix_s) / self.step_s, 0, self.share.shape[1] - 1.000001)
        k = x.astype(np.int64)
        low = self.share[which, k]
        return low + (x - k) * (self.share[which, k + 1] - low)
