"""A telescope that is not there: its commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from astropy.coordinates import FK5, ICRS, SkyCoord
from astropy.time import Time

from instruments.clock import Clock
from instruments.horizon import Horizon
from instruments.pyros.values import iso_ms
from simulators.config import Settings, Site
from simulators.device import Handler, Params, Refusal, Reply, settings_of
from simulators.motion import EvenMove
from simulators.mount import Following, Motion, Mount, MountSettings, Moving, Still

_SIDEREAL_DEG_S = 360.98564736629 / 86400


class SimulatedTelescope:
    """Serve the TELESCOPE section of the grammar.

    :param clock: the shared clock
    :param site: where it stands
    :param settings: see :class:`simulators.mount.MountSettings`
    :param seed: of its pointing errors
    """

    def __init__(self, clock: Clock, site: Site, settings: Settings, seed: int) -> None:
        self._clock, self._site = clock, site
        self._set = settings_of(MountSettings, settings, "telescope")
        self._horizon = Horizon(site.latitude_deg, site.longitude_deg)
        self._mount = Mount(self._horizon, self._set, seed)
        self._rotator = EvenMove(0.0, 0.0, 0.0, self._set.rotator_deg_s)
        self._target: tuple[str, Params] | None = None
        self._drift: Params = {"dha": "diurnal", "ddec": 0.0}
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
            ("DO", "ABORT"): self._abort,
            ("DO", "SYNC"): self._synchronise,
        }

    def true_deg(self, unix_s: float) -> tuple[float, float]:
        """Tell the ICRS position that it really points at."""
        return self._mount.true_deg(min(unix_s, self._clock.unix_s()))

    def trail_arcsec(self, unix_s: float, exposure_s: float) -> tuple[float, float]:
        """Tell how far stars trail during an exposure, to the east and to the north."""
        start, end = (self._mount.tracking_arcsec(s) for s in (unix_s, unix_s + exposure_s))
        return end[0] - start[0], end[1] - start[1]

    def _status(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        motion = self._mount.motion(now)
        ra, dec = self._mount.radec_deg(motion, now)
        altitude, azimuth = self._mount.altaz_deg(motion, now)
        return Reply(
            {
                "time": iso_ms(now),
                "motion": motion.word,
                "ra": round(ra, 7),
                "dec": round(dec, 7),
                "altitude": round(altitude, 5),
                "azimuth": round(azimuth, 5),
                "rotator": round(self._rotator.at(now), 4),
                "eta": round(motion.end_s - now, 3) if isinstance(motion, Moving) else 0.0,
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

    def _wanted(self, unix_s: float) -> Still | Following:
        if self._target is None:
            raise Refusal("refused", "no coordinates were uploaded; use TELESCOPE SET COORD_RADEC first")
        name, params = self._target
        if name == "COORD_RADEC":
            ra, dec = params["ra"], params["dec"]
            if params["equinox"] != "J2000":
                equinox = FK5(equinox=Time(params["equinox"], scale="utc"))
                of_j2000 = SkyCoord(ra, dec, unit="deg", frame=equinox).transform_to(ICRS())
                ra, dec = float(of_j2000.ra.deg), float(of_j2000.dec.deg)
            return Following(ra % 360, dec, unix_s)
        if name == "COORD_HADEC":
            return Still(*self._horizon.altaz_of_hadec_deg(params["ha"], params["dec"]))
        # The language counts azimuth from south through west.
        return Still(params["elevation"], (params["azimuth"] + 180) % 360)

    def _start(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        _must_be_free(self._mount.motion(now))
        wanted = self._wanted(now)
        altitude = self._mount.altaz_deg(wanted, now)[0]
        if altitude < self._set.min_altitude_deg:
            limit = f"below the limit of {self._set.min_altitude_deg:.1f} deg"
            raise Refusal("refused", f"the target stands at altitude {altitude:.2f} deg, {limit}")
        return Reply({"eta": round(self._mount.go(wanted, "slewing", now), 3)})

    def _park(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        motion = self._mount.motion(now)
        if motion.word in ("parked", "parking"):
            return Reply({"eta": round(motion.end_s - now, 3) if isinstance(motion, Moving) else 0.0})
        return Reply({"eta": round(self._mount.go(self._mount.park_position, "parking", now), 3)})

    def _stop(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        motion = self._mount.motion(now)
        if not isinstance(motion, Still):
            self._mount.be(Still(*self._mount.altaz_deg(motion, now)))
        return Reply()

    def _abort(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        self._rotator = self._rotator.to(self._rotator.at(now), now)
        return self._stop(params)

    def _unpark(self, params: Params) -> Reply:
        motion = self._mount.motion(self._clock.unix_s())
        if motion.word == "parking":
            raise Refusal("busy", "the mount is parking; wait, or TELESCOPE DO ABORT")
        if isinstance(motion, Still):
            self._mount.be(replace(motion, word="idle"))
        return Reply()

    def _drift_on(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        motion = self._mount.motion(now)
        _must_be_free(motion)
        if isinstance(motion, Moving):
            raise Refusal("busy", "the mount slews; wait, or TELESCOPE DO ABORT")
        dha, ddec = self._drift["dha"], self._drift["ddec"]
        ra_rate = 0.0 if dha == "diurnal" else _SIDEREAL_DEG_S - dha
        self._mount.be(Following(*self._mount.radec_deg(motion, now), now, ra_rate, ddec))
        return Reply()

    def _synchronise(self, params: Params) -> Reply:
        now = self._clock.unix_s()
        if not isinstance(self._mount.motion(now), Following):
            raise Refusal("refused", "only a mount that tracks can be synchronised; TELESCOPE DO DRIFT_ON first")
        self._mount.synchronise(self._wanted(now), now)
        return Reply()

    def _rotate(self, params: Params) -> Reply:
        if self._rotator_target is None:
            raise Refusal("refused", "no angle was uploaded; use TELESCOPE SET ROTATOR_ANGLE first")
        now = self._clock.unix_s()
        self._rotator = self._rotator.to(self._rotator_target, now)
        return Reply({"eta": round(self._rotator.left_s(now), 3)})


def _must_be_free(motion: Motion) -> None:
    if motion.word == "parked":
        raise Refusal("refused", "the mount is parked; use TELESCOPE DO UNPARK first")
    if motion.word == "parking":
        raise Refusal("busy", "the mount is parking; wait, or TELESCOPE DO ABORT")
