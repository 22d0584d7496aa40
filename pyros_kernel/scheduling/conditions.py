"""What the sky is expected to be like through a night: seeing and transparency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.earth import Floats


@dataclass(frozen=True, slots=True)
class Conditions:
    """A forecast, or what was measured; between two times a straight line.

    :param unix_s: in order
    :param seeing_arcsec: FWHM at the zenith
    :param clear: transparency, 0 … 1; all 1 if left out
    """

    unix_s: tuple[float, ...]
    seeing_arcsec: tuple[float, ...]
    clear: tuple[float, ...] = ()

    def seeing(self, unix_s: Floats) -> Floats:
        """Give the seeing at the zenith."""
        return np.interp(unix_s, self.unix_s, self.seeing_arcsec)

    def transparency(self, unix_s: Floats) -> Floats:
        """Give the transparency."""
        return np.interp(unix_s, self.unix_s, self.clear) if self.clear else np.ones(len(unix_s))
