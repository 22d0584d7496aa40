"""A telescope that is not there: an alt-azimuth mount on a simulated site."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from astropy.coordinates import FK5, ICRS, SkyCoord
from astropy.time import Time

from instruments.clock import Clock
from instruments.horizon import Horizon
from instruments.pyros.values import iso_ms
from simulators.config import Settings, Site
from simulators.device import Handler, Params, Refusal, Reply, settings_of
from simulators.motion import duration_s, fraction, shortest_deg

_SIDEREAL_DEG_S = 360.98564736629 / 86400


@dataclass(frozen=True, slots=True)
class TelescopeSettings:
    """What a simulated telescope can be told.

    :param speed_deg_s: greatest speed of each axis; the default points anywhere in less than 20 s
    :param acceleration_deg_s2: of each axis
    :param settle_s: rest before a slew counts as done
    :param min_altitude_deg: lowest altitude it slews to
    :param park_altitude_deg: altitude of the park position
    :param park_azimuth_deg: azimuth of it, from north through east
    :param pointing_error_arcsec: size of the pointing model's errors
    :param rotator_deg_s: speed of the rotator
    """

    speed_deg_s: float = 15.0
    acceleration_deg_s2: float = 5.0
    settle_s: float = 2.0
    min_altitude_deg: float = 10.0
    park_altitude_deg: float = 30.0
    park_azimuth_deg: float = 0.0
    pointing_error_arcsec: float = 5.0
    rotator_deg_s: float = 10.0


@dataclass(frozen=True, slots=True)
class _Still:
    """Standing at an altitude and azimuth."""

    altitude: float
    azimuth: float
    word: str = "idle"


@dataclass(frozen=True, slots=True)
class _Following:
    """Following the sky from a moment on, with a drift in degrees a second."""

    ra: float
    dec: float
    start_s: float
    ra_rate: float = 0.0
    dec_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class _Moving:
    """On the way between two altitudes and azimuths."""

    start: _Still
    way: tuple[float, float]
    start_s: float
    end_s: float
    after: _Still | _Following
    word: str


@dataclass(frozen=True, slots=True)
class _Rotator:
    start: float = 0.0
    end: float = 0.0
    start_s: float = 0.0


class SimulatedTelescope:
    """Behave like a mount, as a function of the clock's time.

    :param clock: the shared clock
    :param site: where it stands
    :param settings: see :class:`TelescopeSettings`
    :param seed: of its pointing errors
    """

    def __init__(self, clock: Clock, site: Site, settings: Settings, seed: int) -> None:
        self._clock, self._site = clock, site
        self._set = settings_of(TelescopeSettings, settings, "telescope")
        self._horizon = Horizon(site.latitude_deg, site.longitude_deg)
        dice = random.Random(seed)
        self._model = [dice.gauss(0, self._set.pointing_error_arcsec / 3600 / 2) for _ in range(4)]
        self._sync = (0.0, 0.0)
        self._motion: _Still | _Following | _Moving = _Still(
            self._set.park_altitude_deg, self._set.park_azimuth_deg, "parked"
        )
        self._rotator = _Rotator()
        self._target: tuple[str, Params] | None = None
        self._drift: Params | None = None
        self._rotator_target: float | None = None

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """What serves each operation."""
        return {
            ("GET", "STATUS"): self._status,
            ("GET", "SITE"): self._where,
            ("SET", "COORD_RADEC"): lambda p: self._upload("COORD_RADEC", p),
            ("SET", "COORD_HADEC"): lambda p: self._upload("COORD_HADEC", p),
            ("SET", "COORD_ALTAZ"): lambda p: self._upload("COORD_ALTAZ", p),
            ("SET", "DRIFT_HADEC"): self._upload_drift,
            ("SET", "ROTATOR_ANGLE"): self._upload_rotator,
            ("DO", "START"): self._start,
            ("DO", "DRIFT_ON"): self._drift_on,
            ("DO", "DRIFT_OFF"): self._stop,
            ("DO", "ROTATOR_GOTO"): self._rotate,
            ("DO", "PARK"): self._park,
            ("DO", "UNPARK"): self._unpark,
            ("DO", "ABORT"): self._stop,
            ("DO", "SYNC"): self._synchronise,
        }

    def reported_deg(self, unix_s: float) -> tuple[float, float]:
        """Tell the ICRS position that the mount believes it points at."""
        motion = self._at(unix_s)
        if isinstance(motion, _Following):
            passed_s = unix_s - motion.start_s
            dec = motion.dec + motion.dec_rate * passed_s
            return (motion.ra + motion.ra_rate * passed_s) % 360, max(-90.0, min(90.0, dec))
        return self._horizon.radec_deg(*self._direction(motion, unix_s), unix_s)

    def true_deg(self, unix_s: float) -> tuple[float, float]:
        """Tell the ICRS position that it really points at: with the errors of its pointing model."""
        ra, dec = self.reported_deg(unix_s)
        error_x, error_dec = self._error_deg(ra, dec, unix_s)
        true_dec = max(-90.0, min(90.0, dec + error_dec + self._sync[1]))
        return (ra + (error_x + self._sync[0]) / max(math.cos(math.radians(dec)), 1e-3)) % 360, true_dec

    def _at(self, unix_s: float) -> _Still | _Following | _Moving:
        if isinstance(self._motion, _Moving) and unix_s >= self._motion.end_s:
            self._motion = self._motion.after
        return self._motion

    def _direction(self, motion: _Still | _Following | _Moving, unix_s: float) -> tuple[float, float]:
        if isinstance(motion, _Still):
            return motion.altitude, motion.azimuth
        if isinstance(motion, _Following):
            return self._horizon.altaz_deg(*self.reported_deg(unix_s), unix_s)
        passed_s, speed, ramp = unix_s - motion.start_s, self._set.speed_deg_s, self._set.acceleration_deg_s2
        altitude, azimuth = (fraction(passed_s, abs(way), speed, ramp) * way if way else 0.0 for way in motion.way)
        return motion.start.altitude + altitude, (motion.start.azimuth + azimuth) % 360

    def _error_deg(self, ra: float, dec: float, unix_s: float) -> tuple[float, float]:
        altitude, azimuth = (math.radians(a) for a in self._horizon.altaz_deg(ra, dec, unix_s))
        a, b, c, d = self._model
        # A tilt of the azimuth axis and a sagging tube, roughly: what matters is that it is smooth and seeded.
        return a * math.sin(azimuth) + b * math.cos(altitude), c * math.cos(azimuth) + d * math.cos(altitude)

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        motion = self._at(now)
        ra, dec = self.reported_deg(now)
        altitude, azimuth = self._direction(motion, now)
        return Reply(
            {
                "time": iso_ms(now),
                "motion": "tracking" if isinstance(motion, _Following) else motion.word,
                "ra": round(ra, 7),
                "dec": round(dec, 7),
                "altitude": round(altitude, 5),
                "azimuth": round(azimuth, 5),
                "rotator": round(self._rotator_at(now), 4),
                "eta": round(motion.end_s - now, 3) if isinstance(motion, _Moving) else 0.0,
            }
        )

    def _where(self, params: Params) -> Reply:
        return Reply(
            {
                "latitude": self._site.latitude_deg,
                "longitude": self._site.longitude_deg,
                "elevation": self._site.elevation_m,
                "min_altitude": self._set.min_altitude_deg,
            }
        )

    def _upload(self, name: str, params: Params) -> Reply:
        self._target = (name, params)
        return Reply()

    def _upload_drift(self, params: Params) -> Reply:
        self._drift = params
        return Reply()

    def _upload_rotator(self, params: Params) -> Reply:
        self._rotator_target = float(params["angle"])
        return Reply()

    def _wanted(self, name: str, params: Params, unix_s: float) -> _Still | _Following:
        if name == "COORD_RADEC":
            ra, dec = params["ra"], params["dec"]
            if params["equinox"] != "J2000":
                equinox = FK5(equinox=Time(params["equinox"], scale="utc"))
                of_j2000 = SkyCoord(ra, dec, unit="deg", frame=equinox).transform_to(ICRS())
                ra, dec = float(of_j2000.ra.deg), float(of_j2000.dec.deg)
            return _Following(ra % 360, dec, unix_s)
        if name == "COORD_HADEC":
            return _Still(*self._horizon.altaz_of_hadec_deg(params["ha"], params["dec"]))
        # The language counts azimuth from south through west.
        return _Still(params["elevation"], (params["azimuth"] + 180) % 360)

    def _start(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._must_be_free(self._at(now))
        if self._target is None:
            raise Refusal("refused", "no coordinates were uploaded; use TELESCOPE SET COORD_RADEC first")
        wanted = self._wanted(*self._target, now)
        altitude = self._direction(wanted, now)[0]
        if altitude < self._set.min_altitude_deg:
            limit = f"below the limit of {self._set.min_altitude_deg:.1f} deg"
            raise Refusal("refused", f"the target stands at altitude {altitude:.2f} deg, {limit}")
        return self._move(wanted, "slewing", now)

    def _park(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        motion = self._at(now)
        if not isinstance(motion, _Following) and motion.word in ("parked", "parking"):
            return Reply({"eta": max(motion.end_s - now, 0.0) if isinstance(motion, _Moving) else 0.0})
        return self._move(_Still(self._set.park_altitude_deg, self._set.park_azimuth_deg, "parked"), "parking", now)

    def _move(self, wanted: _Still | _Following, word: str, now: float) -> Reply:
        start = _Still(*self._direction(self._at(now), now))
        end_s, way = now, (0.0, 0.0)
        # A star goes on while the mount is on its way: aim at where it will be.
        for _ in range(2):
            altitude, azimuth = self._direction(wanted, end_s)
            way = (altitude - start.altitude, shortest_deg(start.azimuth, azimuth))
            longest = max(abs(way[0]), abs(way[1]))
            moved_s = duration_s(longest, self._set.speed_deg_s, self._set.acceleration_deg_s2)
            end_s = now + moved_s + self._set.settle_s
        self._motion = _Moving(start, way, now, end_s, wanted, word)
        return Reply({"eta": round(end_s - now, 3)})

    def _stop(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        motion = self._at(now)
        if isinstance(motion, _Following | _Moving):
            self._motion = _Still(*self._direction(motion, now))
        turned = self._rotator_at(now)
        self._rotator = _Rotator(turned, turned, now)
        return Reply()

    def _unpark(self, params: Params) -> Reply:
        motion = self._at(self._clock.unix_s())
        if isinstance(motion, _Moving) and motion.word == "parking":
            raise Refusal("busy", "the mount is parking; wait, or TELESCOPE DO ABORT")
        if isinstance(motion, _Still):
            self._motion = _Still(motion.altitude, motion.azimuth)
        return Reply()

    def _drift_on(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        motion = self._at(now)
        self._must_be_free(motion)
        if isinstance(motion, _Moving):
            raise Refusal("busy", "the mount slews; wait, or TELESCOPE DO ABORT")
        drift = self._drift or {"dha": "diurnal", "ddec": 0.0}
        ra_rate = 0.0 if drift["dha"] == "diurnal" else _SIDEREAL_DEG_S - drift["dha"]
        self._motion = _Following(*self.reported_deg(now), now, ra_rate, drift["ddec"])
        return Reply()

    def _synchronise(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        if self._target is None or not isinstance(self._at(now), _Following):
            raise Refusal("refused", "SYNC needs uploaded coordinates and a mount that tracks")
        true_ra, true_dec = self.true_deg(now)
        wanted = self._wanted(*self._target, now)
        ra, dec = (wanted.ra, wanted.dec) if isinstance(wanted, _Following) else self._sky(wanted, now)
        self._motion = _Following(ra, dec, now)
        error_x, error_dec = self._error_deg(ra, dec, now)
        scale = math.cos(math.radians(dec))
        self._sync = (shortest_deg(ra, true_ra) * scale - error_x, true_dec - dec - error_dec)
        return Reply()

    def _sky(self, still: _Still, unix_s: float) -> tuple[float, float]:
        return self._horizon.radec_deg(still.altitude, still.azimuth, unix_s)

    def _rotate(self, params: Params) -> Reply:
        if self._rotator_target is None:
            raise Refusal("refused", "no angle was uploaded; use TELESCOPE SET ROTATOR_ANGLE first")
        now = self._clock.unix_s()
        self._rotator = _Rotator(self._rotator_at(now), self._rotator_target, now)
        return Reply({"eta": round(abs(self._rotator.end - self._rotator.start) / self._set.rotator_deg_s, 3)})

    def _rotator_at(self, unix_s: float) -> float:
        turn = self._rotator
        reach = self._set.rotator_deg_s * (unix_s - turn.start_s)
        return turn.start + max(-reach, min(reach, turn.end - turn.start))

    def _must_be_free(self, motion: _Still | _Following | _Moving) -> None:
        if isinstance(motion, _Following) or motion.word not in ("parked", "parking"):
            return
        if motion.word == "parked":
            raise Refusal("refused", "the mount is parked; use TELESCOPE DO UNPARK first")
        raise Refusal("busy", "the mount is parking; wait, or TELESCOPE DO ABORT")
