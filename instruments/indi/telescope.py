"""A telescope behind INDI."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from astropy import units as u
from astropy.coordinates import SkyCoord

from instruments.address import parse_address
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.errors import Failed, Rejected
from instruments.horizon import Horizon, separation_deg
from instruments.indi.device import PORT, IndiDevice
from instruments.indi.order import Order
from instruments.indi.table import Property, View
from instruments.of_date import icrs_deg, of_date_deg
from instruments.operation import Operation
from instruments.reading import Reading
from instruments.target import Limit, icrs_of
from instruments.telescope import Motion, Telescope, TelescopeState

_COORD, _PARK, _TRACK, _SITE = "EQUATORIAL_EOD_COORD", "TELESCOPE_PARK", "TELESCOPE_TRACK_STATE", "GEOGRAPHIC_COORD"
_MODE, _ABORT = "ON_COORD_SET", "TELESCOPE_ABORT_MOTION"
_OPTIONS = ("min_altitude", "latitude", "longitude", "elevation")
_TOLERANCE_DEG = 30 / 3600
_SYNCED_DEG = 60 / 3600
_RATE_DEG_S = 2.0  # no driver tells how fast its mount is; this one is slow, and its slews take their time
_SETTLE_S = 15.0
_PARK_S = 120.0
_TRIES = 3  # a slew from standing still ends where the target stood when it began


class IndiTelescope(CoreInstrument[TelescopeState], Telescope):
    """Point a telescope that an INDI driver moves.

    :param name: name of the device in the store
    :param address: ``indi://host:port/Device Name``; after a ``?`` may stand ``min_altitude`` (degrees, 0 if left
        out), and ``latitude``, ``longitude`` (east) and ``elevation``, which are then told to the mount with the time
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse_address(address, "indi", PORT, _OPTIONS)
        self._lowest_deg = where.number("min_altitude", 0.0)
        self._device: IndiDevice[TelescopeState] = IndiDevice(
            name,
            where,
            clock,
            needs=(_COORD, _MODE),
            probes=(_COORD, _PARK, _TRACK, _SITE),
            make_state=self._state,
            # A mount goes on tracking where it was stopped.
            stop=((_ABORT, "ABORT"), (_TRACK, "TRACK_OFF")),
        )
        super().__init__(name, address, self._device)
        if "latitude" in where.options:
            self._place = {
                "LAT": where.number("latitude", 0.0),
                "LONG": where.number("longitude", 0.0) % 360.0,
                "ELEV": where.number("elevation", 0.0),
            }
        else:
            self._place = {}

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, tell the mount its site if the address names one, and read the state once."""
        if self._place:
            utc = datetime.fromtimestamp(self._device.clock.unix_s(), UTC).isoformat(timespec="seconds")[:19]
            self._device.keep("place", ("TIME_UTC", {"UTC": utc, "OFFSET": "0"}), (_SITE, self._place))
        super().connect(timeout_s)

    def slew_to(self, target: SkyCoord) -> Operation[TelescopeState]:
        """Slew to ``target`` and track it; the mount is told the position of date."""
        ra_deg, dec_deg = icrs_of(target)
        what = f"slew_to {ra_deg:.5f} {dec_deg:+.5f}"
        now_s = self._device.clock.unix_s()
        view = self._device.view
        with self._device.sense(what):
            refusal = _parked(view) or _limit(view, self._lowest_deg).refusal(ra_deg, dec_deg, now_s) if view else ""
        if refusal:
            raise Rejected(self.name, what, refusal, self._device.describe())
        of_date = of_date_deg(ra_deg, dec_deg, now_s)
        stops = view[_ABORT].sets if _ABORT in view else 0
        sent = [self._send(what, of_date)]
        with self._device.sense(what):
            away_deg = _off_deg(sent[0].before, *of_date)

        def check(operation: Operation[Any], view: View) -> None:
            self._check_slew(operation, view, of_date, sent, stops)

        return self._device.follow(sent[0], away_deg / _RATE_DEG_S + _SETTLE_S, "mount", check)

    def park(self) -> Operation[TelescopeState]:
        """Slew to the park position and stay there."""
        order = self._device.order("park", _PARK, {"PARK": True}, lambda p: p.on("PARK") and p.state == "Ok")

        def check(operation: Operation[Any], view: View) -> None:
            park = view[_PARK]
            if park.state == "Busy":
                return
            if park.on("PARK") and park.state == "Ok":
                operation.finish(self._state(view))
            else:
                operation.abort_with("somebody else stopped the mount: it is not parked")

        return self._device.follow(order, _PARK_S, "mount", check)

    def unpark(self) -> None:
        """Make a parked mount ready to slew."""
        park = self._device.property("unpark", _PARK)
        if park.on("UNPARK") and park.state != "Busy":
            return
        self._device.order("unpark", _PARK, {"UNPARK": True}, lambda p: p.on("UNPARK") and p.state in ("Ok", "Idle"))

    def track(self, on: bool) -> None:
        """Start or stop following the sky."""
        member = "TRACK_ON" if on else "TRACK_OFF"
        self._device.order(f"track {on}", _TRACK, {member: True}, lambda p: p.on(member))

    def sync(self, position: SkyCoord) -> None:
        """Tell the mount where it really points."""
        of_date = of_date_deg(*icrs_of(position), self._device.clock.unix_s())
        self._device.order(
            "sync",
            _COORD,
            {"RA": of_date[0] / 15, "DEC": of_date[1]},
            lambda p: _off_deg(p, *of_date) < _SYNCED_DEG,
            first=((_MODE, {"SYNC": True}),),
        )

    def _send(self, what: str, of_date: tuple[float, float]) -> Order:
        return self._device.order(
            what,
            _COORD,
            {"RA": of_date[0] / 15, "DEC": of_date[1]},
            lambda p: p.state == "Ok" and _off_deg(p, *of_date) < _TOLERANCE_DEG,
            first=((_MODE, {"TRACK": True}),),
        )

    def _check_slew(
        self, operation: Operation[Any], view: View, of_date: tuple[float, float], sent: list[Order], stops: int
    ) -> None:
        coord = view[_COORD]
        if _ABORT in view and view[_ABORT].sets > stops:
            operation.abort_with("somebody else stopped the mount")
            return
        if coord.state == "Busy" or coord.sets == sent[-1].before.sets:
            return
        if _TRACK in view and not view[_TRACK].on("TRACK_ON"):
            operation.abort_with("somebody else stopped the mount: it does not track")
            return
        off_deg = _off_deg(coord, *of_date)
        if off_deg <= _TOLERANCE_DEG:
            operation.finish(self._state(view))
        elif len(sent) < _TRIES:
            try:
                sent.append(self._send(operation.command, of_date))
            except Rejected as error:
                operation.fail(error)
        else:
            wrong = f"it says that it tracks, but {off_deg * 3600:.0f} arcsec off the target, after {_TRIES} slews"
            operation.fail(Failed(self.name, operation.command, wrong, self._device.describe()))

    def _state(self, view: View) -> TelescopeState:
        coord = view[_COORD]
        ra_deg, dec_deg = icrs_deg(coord.number("RA") * 15, coord.number("DEC"), coord.heard_s)
        altitude, azimuth = _limit(view, self._lowest_deg).altaz_deg(ra_deg, dec_deg, coord.heard_s)
        time = self._device.time_of(coord)
        return TelescopeState(
            motion=Reading(_motion(view), None, time, self.name),
            position=Reading(SkyCoord(ra_deg, dec_deg, unit="deg", frame="icrs"), None, time, self.name),
            altitude=Reading(altitude, u.deg, time, self.name),
            azimuth=Reading(azimuth, u.deg, time, self.name),
        )


def _motion(view: View) -> Motion:
    park, track = view.get(_PARK), view.get(_TRACK)
    if park is not None and park.on("PARK"):
        return Motion.PARKING if park.state == "Busy" else Motion.PARKED
    if view[_COORD].state == "Busy":
        return Motion.SLEWING
    return Motion.TRACKING if track is not None and track.on("TRACK_ON") else Motion.IDLE


def _parked(view: View) -> str:
    return "the mount is parked; unpark() first" if _PARK in view and view[_PARK].on("PARK") else ""


def _limit(view: View, lowest_deg: float) -> Limit:
    site = view.get(_SITE)
    if site is None or (site.number("LAT") == 0.0 and site.number("LONG") == 0.0):
        return Limit(None, lowest_deg)  # what a driver says that was never told
    return Limit(Horizon(site.number("LAT"), site.number("LONG")), lowest_deg)


def _off_deg(coord: Property, ra_deg: float, dec_deg: float) -> float:
    return separation_deg(coord.number("RA") * 15, coord.number("DEC"), ra_deg, dec_deg)
