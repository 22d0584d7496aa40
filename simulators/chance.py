"""Things that vary by chance, and yet are the same whenever one looks at the same moment."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256


class Wandering:
    """Wander about zero with unit deviation: an AR(1) process, as a function of time.

    ``x[n] = r x[n-1] + sqrt(1 - r²) e[n]`` with ``r = exp(-step / memory)`` (Box & Jenkins 1976, §3.2.3), written as
    the sum over its past, and linear between the steps.

    :param seed: of the innovations ``e``
    :param memory_s: time in which it forgets where it was
    :param step_s: between the values of the process; some twenty to the memory
    """

    def __init__(self, seed: int, memory_s: float, step_s: float) -> None:
        self._seed, self._step_s = abs(seed), step_s
        r = math.exp(-step_s / memory_s)
        self._past = int(min(math.ceil(math.log(1e-3) / math.log(r)), _BLOCK))
        # Newest last, as the innovations come.
        self._weights = math.sqrt(1 - r * r) * r ** np.arange(self._past)[::-1]

    def at(self, unix_s: float) -> float:
        """Tell where it is at a moment."""
        steps = unix_s / self._step_s
        n = math.floor(steps)
        return self._value(n) + (steps - n) * (self._value(n + 1) - self._value(n))

    def _value(self, n: int) -> float:
        block, i = divmod(n, _BLOCK)
        past = np.concatenate((_innovations(self._seed, block - 1), _innovations(self._seed, block)))
        end = _BLOCK + i + 1
        return float(past[end - self._past : end] @ self._weights)


@lru_cache(maxsize=256)
def _innovations(seed: int, block: int) -> NDArray[np.float64]:
    return np.random.Generator(np.random.PCG64([seed, block])).standard_normal(_BLOCK)
