"""The devices of the observatory, as its store describes them: connected or not, each with its last error."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from instruments import (
    Camera,
    Dome,
    Focuser,
    Instrument,
    InstrumentError,
    NotConnected,
    Plc,
    Rotator,
    SafetyMonitor,
    Telescope,
)
from instruments.connect import open_instrument
from instruments.reconnect import Backoff
from instruments.together import NotAllConnected, connect_all, tree
from pyros_kernel.clock import Clock
from pyros_kernel.safety import GatedDome, Verdict
from pyros_kernel.safety.sun_gate import SUN_DEG, SunSafeTelescope
from pyros_kernel.store import Channel, Device, DeviceKind

logger = logging.getLogger(__name__)

D = TypeVar("D")

NEVER_ASKED = "not asked yet"
_CONNECT_S = 3.0
_STATE_S = 0.9  # real seconds: with Monitoring's second between two questions, who is silent is known in two
_GRACE_S = 3.0  # real seconds: a cut cable or a server that restarts is no reason to leave the sky
_LONGEST_PAUSE_S = 1.0  # real seconds between two attempts to connect: a dome that comes back must be seen soon
_CHANNELS = {DeviceKind.CAMERA_VIS: Channel.VIS, DeviceKind.CAMERA_NIR: Channel.NIR}


class Missing(Exception):
    """A device that is needed is not there; says which, and why."""


@dataclass(slots=True)
class Member:
    """A device of the observatory: its row, its instrument, and why it can't be used, if so."""

    row: Device
    instrument: Instrument[Any]
    error: str = NEVER_ASKED
    answered_s: float = float("-inf")  # time.monotonic
    backoff: Backoff = field(default_factory=lambda: Backoff(longest_s=_LONGEST_PAUSE_S))

    @property
    def usable(self) -> bool:
        """Whether it is connected and answered when last asked."""
        return not self.error and self.instrument.connected

    @property
    def there(self) -> bool:
        """Whether it can be used, or lost its link a moment ago: what it does goes on, and the link comes back."""
        return self.usable or time.monotonic() - self.answered_s < _GRACE_S


class Devices:
    """Hold every device of the observatory.

    :param rows: the store's devices; one without an address can't be reached and is left out
    :param verdict: what the dome's gate asks before it opens
    :param place: the site's latitude and longitude (north and east), to keep the telescope off the Sun
    :param addresses: name → address, where a device is reached now, instead of its row's (simulators on free ports)
    """

    def __init__(
        self,
        rows: Iterable[Device],
        clock: Clock,
        verdict: Callable[[], Verdict],
        addresses: Mapping[str, str] | None = None,
        *,
        place: tuple[float, float],
    ) -> None:
        self.members: dict[str, Member] = {}
        for row in rows:
            address = (addresses or {}).get(row.name, row.address)
            if not row.enabled or not address:
                continue
            instrument = open_instrument(row.kind.value, row.name, address, clock)
            if isinstance(instrument, Dome):
                instrument = GatedDome(instrument, verdict)
            if isinstance(instrument, Telescope):
                distance_deg = float(row.settings.get("sun_distance_deg", SUN_DEG))
                instrument = SunSafeTelescope(instrument, clock, *place, distance_deg)
            self.members[row.name] = Member(row, instrument)

    @property
    def telescope(self) -> Telescope:
        """The telescope.

        :raises Missing: if the store has none
        """
        return self._the(Telescope)

    @property
    def dome(self) -> GatedDome:
        """The dome, behind its gate.

        :raises Missing: if the store has none
        """
        return self._the(GatedDome)

    @property
    def focuser(self) -> Focuser:
        """The focuser.

        :raises Missing: if the store has none that can be reached
        """
        return self._the(Focuser)

    @property
    def rotator(self) -> Rotator:
        """The rotator.

        :raises Missing: if the store has none that can be reached
        """
        return self._the(Rotator)

    @property
    def plc(self) -> Plc:
        """The site's PLC.

        :raises Missing: if the store has none
        """
        return self._the(Plc)

    @property
    def cameras(self) -> dict[Channel, Camera]:
        """The cameras that are there now, by channel."""
        return {
            _CHANNELS[m.row.kind]: m.instrument
            for m in self.members.values()
            if m.row.kind in _CHANNELS and m.there and isinstance(m.instrument, Camera)
        }

    @property
    def monitors(self) -> tuple[SafetyMonitor, ...]:
        """The safety monitors, that are asked at each verdict."""
        return tuple(m.instrument for m in self.members.values() if isinstance(m.instrument, SafetyMonitor))

    def __getitem__(self, name: str) -> Instrument[Any]:
        """Give a device by its name in the store.

        :raises KeyError: if there is none of that name; says which there are
        """
        if name not in self.members:
            raise KeyError(f"no device {name!r}; there are: {', '.join(self.members)}")
        return self.members[name].instrument

    def __repr__(self) -> str:
        """Show all devices as one tree, those that can't be used with why."""
        usable = sum(member.usable for member in self.members.values())
        outcome = {
            m.instrument: None if m.usable else NotConnected(m.row.name, "use", m.error or "not connected")
            for m in self.members.values()
        }
        return tree(f"{usable} of {len(outcome)} devices can be used:", outcome)

    def connect(self) -> None:
        """Connect all devices side by side; what can't be reached is logged as one tree, and tried again later.

        Observing needs only the blocking ones, see :meth:`missing_blocking`.
        """
        try:
            connect_all((member.instrument for member in self.members.values()), _CONNECT_S)
        except NotAllConnected as error:
            logger.warning("%s", error)
            for name, why in error.errors.items():
                self.members[name].error = why.what
                self.members[name].backoff.failed()

    def missing_blocking(self) -> list[str]:
        """Name the blocking devices that are not there, each with why."""
        return [
            f"{m.row.name}: {m.error or 'not connected'}"
            for m in self.members.values()
            if m.row.blocking and not m.there
        ]

    def row_of(self, camera: Camera) -> Device:
        """Give the store's row of a camera."""
        return self.members[camera.name].row

    def refresh(self, name: str) -> object | None:
        """Read a device's state, connecting first where there is no link; never raises for a dead one.

        A device that can't be reached is tried again after pauses that grow.

        :return: the state, or None, with the reason in its :class:`Member`
        """
        member = self.members[name]
        if not member.instrument.connected and not member.backoff.due:
            return None
        try:
            if not member.instrument.connected:
                self._connect(member)
            state = member.instrument.state(timeout_s=_STATE_S)
        except InstrumentError as error:
            if member.error != error.what:
                logger.warning("%s", error)
            member.error = error.what
            return None
        if member.error:
            logger.info("%s answers at %s", name, member.instrument.address)
        member.error, member.answered_s = "", time.monotonic()
        return state

    def _connect(self, member: Member) -> None:
        try:
            member.instrument.connect(timeout_s=1.0)
        except InstrumentError:
            member.backoff.failed()
            raise
        member.backoff.worked()

    def disconnect(self) -> None:
        """Give all links back."""
        for member in self.members.values():
            member.instrument.disconnect()

    def _the(self, kind: type[D]) -> D:
        for member in self.members.values():
            if isinstance(member.instrument, kind):
                return member.instrument
        raise Missing(f"the store describes no {kind.__name__.lower()} with an address: see `pyros loaddata`")
