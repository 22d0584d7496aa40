"""A telescope behind a PyROS line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from astropy import units as u
from astropy.coordinates import SkyCoord

from instruments.clock import Clock
from instruments.errors import InstrumentError, ProtocolError, Rejected
from instruments.horizon import Horizon, separation_deg
from instruments.instrument import DEADLINE_S
from instruments.operation import Operation
from instruments.pyros.device import Device, Status, time_of
from instruments.pyros.line import Command, command
from instruments.pyros.pending import Pending
from instruments.reading import Reading
from instruments.target import icrs_of
from instruments.telescope import Motion, Telescope, TelescopeState

_TOLERANCE_DEG = 30 / 3600
_MOUNT = "mount"


class PyrosTelescope(Telescope):
    """Point a telescope that speaks the PyROS language.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/TELESCOPE``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        super().__init__(name, address)
        self._device = Device(name, address, clock, partial(_state, name))
        self._horizon: Horizon | None = None
        self._min_altitude_deg = 0.0

    @property
    def connected(self) -> bool:
        """Whether the link stands now."""
        return self._device.connected

    @property
    def last_state(self) -> TelescopeState | None:
        """The last state that was read."""
        return self._device.last_state

    def connect(self, timeout_s: float = 5.0) -> None:
        """Connect, read the state once, and where the telescope stands."""
        self._device.connect(timeout_s)
        try:
            site = self._device.ask("GET", "SITE", timeout_s=timeout_s).values
        except InstrumentError:
            self._device.disconnect()
            raise
        self._horizon = Horizon(_float(site["latitude"]), _float(site["longitude"]))
        self._min_altitude_deg = _float(site["min_altitude"])
        # The first burst of the night shall not pay for filling caches.
        zenith = self._horizon.radec_deg(90.0, 0.0, self._device.clock.unix_s())
        self._upload(*icrs_of(SkyCoord(*zenith, unit="deg")))

    def state(self, timeout_s: float = DEADLINE_S) -> TelescopeState:
        """Read the state from the device."""
        return self._device.state(timeout_s)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop all motion."""
        self._device.abort(reason)

    def disconnect(self) -> None:
        """Give the link back."""
        self._device.disconnect()

    def slew_to(self, target: SkyCoord) -> Operation[TelescopeState]:
        """Slew to ``target`` and track it.

        A target in ICRS goes to the socket without an astropy transformation.
        """
        ra_deg, dec_deg = icrs_of(target)
        what = f"slew_to {ra_deg:.5f} {dec_deg:+.5f}"
        upload = self._upload(ra_deg, dec_deg)
        with self._device.poller.held():
            accepted = self._device.upload_and_do(upload, "START")
            return self._follow(what, accepted, lambda operation: partial(self._check_slew, operation, ra_deg, dec_deg))

    def park(self) -> Operation[TelescopeState]:
        """Slew to the park position and stay there."""
        with self._device.poller.held():
            accepted = self._device.do("PARK")
            return self._follow("park", accepted, lambda operation: partial(self._check_park, operation))

    def unpark(self) -> None:
        """Make a parked mount ready to slew."""
        self._device.ask("DO", "UNPARK")

    def track(self, on: bool) -> None:
        """Start or stop following the sky."""
        if on:
            self._device.upload_and_do(command(self._device.word, "SET", "DRIFT_HADEC", "diurnal", 0.0), "DRIFT_ON")
        else:
            self._device.ask("DO", "DRIFT_OFF")

    def sync(self, position: SkyCoord) -> None:
        """Tell the mount where it really points."""
        upload = self._device.command("SET", "COORD_RADEC", *icrs_of(position), "J2000")
        self._device.upload_and_do(upload, "SYNC")

    def _upload(self, ra_deg: float, dec_deg: float) -> Command:
        if self._horizon is not None:
            altitude, _ = self._horizon.altaz_deg(ra_deg, dec_deg, self._device.clock.unix_s())
            # Half a degree is left to the device, which knows its limit and its time better.
            if altitude < self._min_altitude_deg - 0.5:
                what = f"slew_to {ra_deg:.5f} {dec_deg:+.5f}"
                limit = f"the target stands at {altitude:.1f}°, below the limit of {self._min_altitude_deg:.1f}°"
                raise Rejected(self.name, what, limit, self._device.describe())
        return self._device.command("SET", "COORD_RADEC", ra_deg, dec_deg, "J2000")

    def _follow(
        self,
        what: str,
        accepted: Pending,
        make_check: Callable[[Operation[Any]], Callable[[Status], None]],
    ) -> Operation[TelescopeState]:
        operation: Operation[Any] = Operation(
            self.name, what, _float(accepted.values["eta"]), on_cancel=lambda: self.abort(f"{what} was cancelled")
        )
        operation.sent_monotonic_s = accepted.sent_monotonic_s
        self._device.poller.follow(operation, make_check(operation), _MOUNT, accepted.sent_monotonic_s)
        return operation

    def _check_slew(self, operation: Operation[Any], ra_deg: float, dec_deg: float, status: Status) -> None:
        if status["motion"] == Motion.SLEWING:
            return
        if status["motion"] != Motion.TRACKING:
            operation.abort_with(f"somebody else stopped the mount: it is {status['motion']}")
            return
        off_deg = separation_deg(ra_deg, dec_deg, status["ra"], status["dec"])
        if off_deg <= _TOLERANCE_DEG:
            operation.finish(_state(self.name, status))
        else:
            wrong = f"it says that it tracks, but {off_deg * 3600:.0f} arcsec off the target"
            operation.fail(ProtocolError(self.name, operation.command, wrong, self._device.describe()))

    def _check_park(self, operation: Operation[Any], status: Status) -> None:
        if status["motion"] == Motion.PARKED:
            operation.finish(_state(self.name, status))
        elif status["motion"] != Motion.PARKING:
            operation.abort_with(f"somebody else stopped the mount: it is {status['motion']}")


def _float(value: object) -> float:
    assert isinstance(value, int | float)  # the grammar's check of the answer saw to it
    return float(value)


def _state(name: str, status: Status) -> TelescopeState:
    time = time_of(status["time"])
    position = SkyCoord(status["ra"], status["dec"], unit="deg", frame="icrs")
    return TelescopeState(
        motion=Reading(Motion(status["motion"]), None, time, name),
        position=Reading(position, None, time, name),
        altitude=Reading(float(status["altitude"]), u.deg, time, name),
        azimuth=Reading(float(status["azimuth"]), u.deg, time, name),
    )
