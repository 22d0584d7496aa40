"""The sky as panels show it: Sun, Moon and targets now, and altitudes through the night."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pyros_kernel.scheduling import Sky, altitude_curve
from pyros_kernel.scheduling.wishes import place_at
from pyros_kernel.snapshot import SkyView, Spot
from pyros_kernel.store import RequestKind, Sequence

_SKY_S = 20.0  # Sun, Moon and stars move less than a tenth of a degree meanwhile …
_SKY_REAL_S = 0.5  # … and on a fast clock the eye needs no more
_CURVE_POINTS = 49

Curve = tuple[tuple[float, float], ...]
Altitudes = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class SkyLook:
    """Look at the sky, and remember; one thread at a time."""

    def __init__(self, sky: Sky, min_altitude_deg: float) -> None:
        self._sky, self._min_altitude_deg = sky, min_altitude_deg
        self._looked_s, self._looked_real_s = 0.0, 0.0
        self._curves: dict[int, Curve] = {}
        self._targets: tuple[Sequence, ...] = ()
        self.sun_altitude_deg = 0.0
        self.moon_illumination = 0.0
        self.now = SkyView(Spot("Moon", "moon", 0.0, 0.0), (), min_altitude_deg)
        self.moon_curve = self._altitudes(sky.moon_altitude_deg)

    def follow(self, targets: tuple[Sequence, ...]) -> None:
        """Take the sequences whose places are wanted."""
        if [(s.id, s.status) for s in targets] != [(s.id, s.status) for s in self._targets]:
            self._looked_s = 0.0
        self._targets = targets

    def look(self, now_s: float) -> None:
        """Find where everything is, if the sky has moved since."""
        now_real_s = time.monotonic()
        if abs(now_s - self._looked_s) < _SKY_S or (self._looked_s and now_real_s - self._looked_real_s < _SKY_REAL_S):
            return
        self._looked_s, self._looked_real_s = now_s, now_real_s
        moon = self._sky.moon(now_s)
        self.sun_altitude_deg, self.moon_illumination = self._sky.sun_altitude_deg(now_s), moon.illumination
        spot = Spot("Moon", "moon", round(moon.altitude_deg, 1), round(moon.azimuth_deg, 1))
        self.now = SkyView(spot, self._spots(now_s), self._min_altitude_deg)

    def curve(self, sequence: Sequence) -> Curve:
        """Give a sequence's altitude through the night."""
        known = self._curves.get(sequence.id)
        if known is None:
            known = self._altitudes(lambda t: _altitudes_deg(sequence, self._sky, t))
            self._curves[sequence.id] = known
        return known

    def _spots(self, now_s: float) -> tuple[Spot, ...]:
        if not self._targets:
            return ()
        towards = self._sky.directions(*zip(*(place_at(s, self._sky, now_s) for s in self._targets), strict=True))
        altitudes = self._sky.altitudes_deg(towards, now_s).ravel().round(1).tolist()
        azimuths = self._sky.azimuths_deg(towards, now_s).ravel().round(1).tolist()
        return tuple(
            Spot(s.name, s.status.value, altitude, azimuth, s.request.kind is RequestKind.ALERT)
            for s, altitude, azimuth in zip(self._targets, altitudes, azimuths, strict=True)
        )

    def _altitudes(self, of: Altitudes) -> Curve:
        times = np.linspace(self._sky.night.sunset_unix_s, self._sky.night.sunrise_unix_s, _CURVE_POINTS)
        return tuple(zip(times.tolist(), np.round(of(times), 1).tolist(), strict=True))


def _altitudes_deg(sequence: Sequence, sky: Sky, times: NDArray[np.float64]) -> NDArray[np.float64]:
    if not sequence.ephemeris:
        return altitude_curve(sequence.ra_deg, sequence.dec_deg, sky, times)
    places = [place_at(sequence, sky, t) for t in times.tolist()]
    return np.array([altitude_curve(*place, sky, [t])[0] for place, t in zip(places, times.tolist(), strict=True)])
