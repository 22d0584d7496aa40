"""A telescope behind Alpaca."""

from __future__ import annotations

from typing import Any

from alpaca.telescope import EquatorialCoordinateType
from alpaca.telescope import Telescope as AscomTelescope
from astropy import units as u
from astropy.coordinates import SkyCoord

from instruments.alpaca.connection import Status
from instruments.alpaca.device import AlpacaDevice, optional, parse
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Failed, ProtocolError, Rejected
from instruments.horizon import Horizon, separation_deg
from instruments.of_date import icrs_deg, of_date_deg
from instruments.operation import Operation
from instruments.reading import Reading
from instruments.target import Limit, icrs_of
from instruments.telescope import Motion, Telescope, TelescopeState

_TOLERANCE_DEG = 30 / 3600
_RATE_DEG_S, _SETTLE_S, _PARK_S = 2.0, 15.0, 120.0
_NOT_BEGUN = 5  # so often a mount may say that it stands before it has begun to move


class AlpacaTelescope(CoreInstrument[TelescopeState], Telescope):
    """Point a telescope that speaks ASCOM Alpaca.

    :param name: name of the device in the store
    :param address: ``alpaca://host:port/telescope/0``; ``?min_altitude=`` gives the lowest altitude (degrees, 0 if
        left out), and ``equinox=J2000`` or ``date`` what a mount speaks that says only «other»
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse(address, ("min_altitude", "equinox"))
        self._lowest_deg = where.number("min_altitude", 0.0)
        self._said_equinox = where.options.get("equinox", "date")
        if self._said_equinox not in ("date", "J2000"):
            raise ValueError(f"{address!r}: equinox is date or J2000")
        self._of_date, self._limit = True, Limit(None, self._lowest_deg)
        self._device: AlpacaDevice[TelescopeState] = AlpacaDevice(
            name, where, clock, "telescope", make=AscomTelescope, read=_read, make_state=self._state, stop=_stop
        )
        super().__init__(name, address, self._device)

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, read the state, where the telescope stands, and which coordinates it speaks."""
        super().connect(timeout_s)
        system, latitude, longitude = self._device.ask("connect", _site, timeout_s)
        if system in (EquatorialCoordinateType.equJ2050, EquatorialCoordinateType.equB1950):
            self._device.disconnect()
            raise ProtocolError(self.name, "connect", f"the mount speaks {system.name}, which PyROS does not")
        known = {EquatorialCoordinateType.equTopocentric: True, EquatorialCoordinateType.equJ2000: False}
        self._of_date = known.get(system, self._said_equinox == "date")
        horizon = None if latitude is None or longitude is None else Horizon(float(latitude), float(longitude))
        self._limit = Limit(horizon, self._lowest_deg)

    def slew_to(self, target: SkyCoord) -> Operation[TelescopeState]:
        """Slew to ``target`` and track it."""
        ra_deg, dec_deg = icrs_of(target)
        what = f"slew_to {ra_deg:.5f} {dec_deg:+.5f}"
        now_s = self._device.clock.unix_s()
        refusal = self._limit.refusal(ra_deg, dec_deg, now_s) if self._device.connected else ""
        if refusal:
            raise Rejected(self.name, what, refusal, self._device.describe())
        wanted = self._theirs(ra_deg, dec_deg, now_s)
        status = self._device.last_status
        away_deg = separation_deg(status["ra_deg"], status["dec_deg"], *wanted) if status else 0.0

        def begin(mount: Any) -> None:
            if mount.AtPark:
                raise Rejected(self.name, what, "the mount is parked; unpark() first", self._device.describe())
            mount.Tracking = True
            mount.SlewToCoordinatesAsync(wanted[0] / 15, wanted[1])

        sent_s = self._device.order(what, begin)

        def check(operation: Operation[Any], status: Status) -> None:
            self._check_slew(operation, status, wanted)

        return self._device.follow(what, sent_s, away_deg / _RATE_DEG_S + _SETTLE_S, "mount", check)

    def park(self) -> Operation[TelescopeState]:
        """Slew to the park position and stay there."""
        sent_s = self._device.order("park", lambda mount: mount.Park())
        stood = 0

        def check(operation: Operation[Any], status: Status) -> None:
            nonlocal stood
            if status["parked"]:
                operation.finish(self._state(status))
            elif not status["slewing"]:
                stood += 1
                if stood > _NOT_BEGUN:
                    operation.abort_with("somebody else stopped the mount: it stands, and is not parked")

        return self._device.follow("park", sent_s, _PARK_S, "mount", check)

    def unpark(self) -> None:
        """Make a parked mount ready to slew."""
        self._device.order("unpark", lambda mount: mount.Unpark())

    def track(self, on: bool) -> None:
        """Start or stop following the sky."""
        self._device.order(f"track {on}", lambda mount: setattr(mount, "Tracking", on))

    def sync(self, position: SkyCoord) -> None:
        """Tell the mount where it really points."""
        ra_deg, dec_deg = self._theirs(*icrs_of(position), self._device.clock.unix_s())
        self._device.order("sync", lambda mount: mount.SyncToCoordinates(ra_deg / 15, dec_deg))

    def _theirs(self, ra_deg: float, dec_deg: float, unix_s: float) -> tuple[float, float]:
        return of_date_deg(ra_deg, dec_deg, unix_s) if self._of_date else (ra_deg, dec_deg)

    def _check_slew(self, operation: Operation[Any], status: Status, wanted: tuple[float, float]) -> None:
        if status["slewing"]:
            return
        off_deg = separation_deg(status["ra_deg"], status["dec_deg"], *wanted)
        if status["parked"] or not status["tracking"]:
            operation.abort_with("somebody else stopped the mount: it does not track")
        elif off_deg <= _TOLERANCE_DEG:
            operation.finish(self._state(status))
        else:
            why = f"it stopped {off_deg * 3600:.0f} arcsec off the target: stopped by somebody, or stuck"
            operation.fail(Failed(self.name, operation.command, why, self._device.describe()))

    def _state(self, status: Status) -> TelescopeState:
        ra_deg, dec_deg, read_s = status["ra_deg"], status["dec_deg"], status["time"]
        if self._of_date:
            ra_deg, dec_deg = icrs_deg(ra_deg, dec_deg, read_s)
        altitude, azimuth = self._limit.altaz_deg(ra_deg, dec_deg, read_s)
        time = self._device.time_of(status)
        return TelescopeState(
            motion=Reading(_motion(status), None, time, self.name),
            position=Reading(SkyCoord(ra_deg, dec_deg, unit="deg", frame="icrs"), None, time, self.name),
            altitude=Reading(altitude, u.deg, time, self.name),
            azimuth=Reading(azimuth, u.deg, time, self.name),
        )


def _read(mount: Any) -> Status:
    return {
        "slewing": bool(mount.Slewing),
        "tracking": bool(mount.Tracking),
        "parked": bool(mount.AtPark),
        "ra_deg": float(mount.RightAscension) * 15,
        "dec_deg": float(mount.Declination),
    }


def _site(mount: Any) -> tuple[Any, float | None, float | None]:
    system = optional(lambda: mount.EquatorialSystem)
    return system, optional(lambda: mount.SiteLatitude), optional(lambda: mount.SiteLongitude)


def _stop(mount: Any) -> None:
    if not mount.AtPark:
        mount.AbortSlew()
        mount.Tracking = False


def _motion(status: Status) -> Motion:
    if status["parked"]:
        return Motion.PARKED
    if status["slewing"]:
        return Motion.SLEWING
    return Motion.TRACKING if status["tracking"] else Motion.IDLE
