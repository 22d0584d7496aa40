"""An alt-azimuth mount: where it points at a moment, by its own account and in truth."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from instruments.horizon import Horizon
from simulators.motion import duration_s, fraction, shortest_deg


@dataclass(frozen=True, slots=True)
class MountSettings:
    """What a simulated telescope can be told.

    :param speed_deg_s: greatest speed of each axis; the default points anywhere in less than 20 s
    :param acceleration_deg_s2: of each axis
    :param settle_s: rest before a slew counts as done
    :param min_altitude_deg: lowest altitude it slews to
    :param park_altitude_deg: altitude of the park position
    :param park_azimuth_deg: azimuth of it, from north through east
    :param pointing_error_arcsec: size of the pointing model's errors
    :param rotator_deg_s: speed of the rotator
    :param periodic_error_arcsec: amplitude of the tracking's periodic error
    :param period_s: of the periodic error
    :param drift_arcsec_min: how fast tracking drifts away, from where the slew ended
    """

    speed_deg_s: float = 15.0
    acceleration_deg_s2: float = 5.0
    settle_s: float = 2.0
    min_altitude_deg: float = 10.0
    park_altitude_deg: float = 30.0
    park_azimuth_deg: float = 0.0
    pointing_error_arcsec: float = 5.0
    rotator_deg_s: float = 10.0
    periodic_error_arcsec: float = 0.3
    period_s: float = 480.0
    drift_arcsec_min: float = 0.05


@dataclass(frozen=True, slots=True)
class Still:
    """Standing at an altitude and azimuth."""

    altitude: float
    azimuth: float
    word: str = "idle"


@dataclass(frozen=True, slots=True)
class Following:
    """Following the sky from a moment on, with a drift in degrees a second."""

    ra: float
    dec: float
    start_s: float
    ra_rate: float = 0.0
    dec_rate: float = 0.0
    word: str = "tracking"


@dataclass(frozen=True, slots=True)
class Moving:
    """On the way from one altitude and azimuth to another."""

    start: Still
    way: tuple[float, float]
    start_s: float
    end_s: float
    after: Still | Following
    word: str


Motion = Still | Following | Moving


class Mount:
    """Point somewhere, as a function of time.

    :param horizon: of the site
    :param settings: see :class:`MountSettings`
    :param seed: of its pointing errors
    """

    def __init__(self, horizon: Horizon, settings: MountSettings, seed: int) -> None:
        self._horizon, self._set = horizon, settings
        dice = random.Random(seed)
        self._model = [dice.gauss(0, settings.pointing_error_arcsec / 3600 / 2) for _ in range(4)]
        self._phase, self._heading = (dice.uniform(0, 2 * math.pi) for _ in range(2))
        self._sync = (0.0, 0.0)
        self._motion: Motion = self.park_position

    @property
    def park_position(self) -> Still:
        """Where it parks."""
        return Still(self._set.park_altitude_deg, self._set.park_azimuth_deg, "parked")

    def motion(self, unix_s: float) -> Motion:
        """Tell what it does."""
        if isinstance(self._motion, Moving) and unix_s >= self._motion.end_s:
            self._motion = self._motion.after
        return self._motion

    def be(self, motion: Still | Following) -> None:
        """Stand or follow from now on, without a way."""
        self._motion = motion

    def go(self, wanted: Still | Following, word: str, unix_s: float) -> float:
        """Start a move.

        :return: how long it takes, seconds
        """
        start = Still(*self.altaz_deg(self.motion(unix_s), unix_s))
        end_s, way = unix_s, (0.0, 0.0)
        # A star goes on while the mount is on its way: aim at where it will be.
        for _ in range(2):
            altitude, azimuth = self.altaz_deg(wanted, end_s)
            way = (altitude - start.altitude, shortest_deg(start.azimuth, azimuth))
            longest = max(abs(way[0]), abs(way[1]))
            moved_s = duration_s(longest, self._set.speed_deg_s, self._set.acceleration_deg_s2)
            end_s = unix_s + moved_s + self._set.settle_s
        self._motion = Moving(start, way, unix_s, end_s, wanted, word)
        return end_s - unix_s

    def altaz_deg(self, motion: Motion, unix_s: float) -> tuple[float, float]:
        """Tell altitude and azimuth (from north through east) of a motion."""
        if isinstance(motion, Still):
            return motion.altitude, motion.azimuth
        if isinstance(motion, Following):
            return self._horizon.altaz_deg(*self.radec_deg(motion, unix_s), unix_s)
        passed_s, speed, ramp = unix_s - motion.start_s, self._set.speed_deg_s, self._set.acceleration_deg_s2
        altitude, azimuth = (fraction(passed_s, abs(way), speed, ramp) * way if way else 0.0 for way in motion.way)
        return motion.start.altitude + altitude, (motion.start.azimuth + azimuth) % 360

    def radec_deg(self, motion: Motion, unix_s: float) -> tuple[float, float]:
        """Tell the ICRS position of a motion, as the mount believes."""
        if isinstance(motion, Following):
            passed_s = unix_s - motion.start_s
            dec = motion.dec + motion.dec_rate * passed_s
            return (motion.ra + motion.ra_rate * passed_s) % 360, max(-90.0, min(90.0, dec))
        return self._horizon.radec_deg(*self.altaz_deg(motion, unix_s), unix_s)

    def true_deg(self, unix_s: float) -> tuple[float, float]:
        """Tell the ICRS position that it really points at: with the errors of its model and of its tracking."""
        ra, dec = self.radec_deg(self.motion(unix_s), unix_s)
        error_x, error_dec = self._error_deg(ra, dec, unix_s)
        track_x, track_dec = self.tracking_arcsec(unix_s)
        true_dec = max(-90.0, min(90.0, dec + error_dec + self._sync[1] + track_dec / 3600))
        x = error_x + self._sync[0] + track_x / 3600
        return (ra + x / max(math.cos(math.radians(dec)), 1e-3)) % 360, true_dec

    def tracking_arcsec(self, unix_s: float) -> tuple[float, float]:
        """Tell how far off tracking is, to the east and to the north: a periodic error, and a slow drift."""
        motion = self._motion
        if not isinstance(motion, Following):
            return 0.0, 0.0
        turn = 2 * math.pi * unix_s / self._set.period_s + self._phase
        drift = self._set.drift_arcsec_min * (unix_s - motion.start_s) / 60
        periodic = self._set.periodic_error_arcsec * math.sin(turn)
        return periodic + drift * math.cos(self._heading), drift * math.sin(self._heading)

    def synchronise(self, wanted: Still | Following, unix_s: float) -> None:
        """Take ``wanted`` for where it really points now, and follow that."""
        true_ra, true_dec = self.true_deg(unix_s)
        ra, dec = self.radec_deg(wanted, unix_s)
        self._motion = Following(ra, dec, unix_s)
        error_x, error_dec = self._error_deg(ra, dec, unix_s)
        track_x, track_dec = self.tracking_arcsec(unix_s)
        x = shortest_deg(ra, true_ra) * math.cos(math.radians(dec))
        self._sync = (x - error_x - track_x / 3600, true_dec - dec - error_dec - track_dec / 3600)

    def _error_deg(self, ra: float, dec: float, unix_s: float) -> tuple[float, float]:
        altitude, azimuth = (math.radians(a) for a in self._horizon.altaz_deg(ra, dec, unix_s))
        a, b, c, d = self._model
        # A tilt of the azimuth axis and a sagging tube, roughly: what matters is that it is smooth and seeded.
        return a * math.sin(azimuth) + b * math.cos(altitude), c * math.cos(azimuth) + d * math.cos(altitude)
