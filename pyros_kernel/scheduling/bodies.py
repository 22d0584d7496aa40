"""Apparent Sun and Moon through one night, as polynomials in time.

Positions come from ERFA (``epv00``: VSOP2000 fits, ``moon98``: Meeus 1998, chapter 47) at the nodes of a
Chebyshev polynomial; between them the polynomial is good to a milliarcsecond, and costs microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import erfa
import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike

from pyros_kernel.scheduling.earth import DAY_S, Earth, Floats

_NODES = 24
_MOON_LIGHT_TIME_S = 1.28
_AU_DAYS = 499.004783836 / DAY_S  # light time of one astronomical unit


class Bodies:
    """Where Sun and Moon stand, seen from the centre of the Earth, in the frame of :class:`Earth`.

    :param half_span_s: how far from the midnight it is good
    """

    def __init__(self, earth: Earth, half_span_s: float) -> None:
        self._midnight_s, self._half_s = earth.midnight_unix_s, half_span_s
        x = chebyshev.chebpts1(_NODES)
        t = self._midnight_s + x * half_span_s
        vectors = np.concatenate([_sun_au(earth, t), _moon_au(earth, t)], axis=1)
        fit = cast(Callable[..., Floats], chebyshev.chebfit)
        self._coefficients = fit(x, vectors, _NODES - 1)

    def sun_and_moon_au(self, unix_s: ArrayLike) -> tuple[Floats, Floats]:
        """Give both vectors in astronomical units, shape (3, …) each.

        :raises ValueError: for a time outside the span
        """
        x = (np.asarray(unix_s, dtype=float) - self._midnight_s) / self._half_s
        if x.size and not np.abs(x).max() <= 1:
            raise ValueError(
                f"Sun and Moon are known within {self._half_s / 3600:g} h of the night's middle; "
                f"asked {np.abs(x).max() * self._half_s / 3600:.1f} h away: make a Sky of the other night"
            )
        both = np.asarray(chebyshev.chebval(x, self._coefficients), dtype=np.float64)
        return both[:3], both[3:]


def _sun_au(earth: Earth, unix_s: Floats) -> Floats:
    heliocentric, barycentric = erfa.epv00(*earth.tt(unix_s))
    towards = -np.asarray(heliocentric["p"], dtype=float)
    distance = np.linalg.norm(towards, axis=1)
    velocity = np.asarray(barycentric["v"], dtype=float) * _AU_DAYS
    lorentz = np.sqrt(1 - (velocity**2).sum(axis=1))
    apparent = np.asarray(erfa.ab(towards / distance[:, None], velocity, distance, lorentz), dtype=float)
    return (apparent * distance[:, None]) @ earth.to_cirs.T


def _moon_au(earth: Earth, unix_s: Floats) -> Floats:
    # The Moon shares the Earth's motion: its light time and aberration together are its own motion since.
    geocentric = erfa.moon98(*earth.tt(unix_s - _MOON_LIGHT_TIME_S))
    return np.asarray(geocentric["p"], dtype=float) @ earth.to_cirs.T
