"""Lines of the PyROS language by hand, past what the night would do, but past neither gate nor lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from instruments.pyros.device import Device, Status
from instruments.pyros.values import Value
from pyros_kernel.lease import ControlLease
from pyros_kernel.recipes import Refused, running
from pyros_kernel.safety.sun import sun_altaz_deg
from pyros_kernel.services import Services
from pyros_kernel.store import Night, NightStatus

_CONNECT_REAL_S = 2.0
_BUSY = (NightStatus.OPENING, NightStatus.OBSERVING, NightStatus.CLOSING, NightStatus.CALIBRATING)
_ALWAYS = ("ABORT", "STOP", "CLOSE", "PARK")  # what makes things safe is never refused
_SUN_DEG = -1.0


class ByHand:
    """Send single commands to instruments that speak the PyROS language.

    :param lease: asked before anything but a reading
    """

    def __init__(self, services: Services, lease: ControlLease) -> None:
        self._services, self._lease = services, lease

    def __repr__(self) -> str:
        return f"<By hand: {', '.join(self.devices) or 'no device speaks the PyROS language'}>"

    @property
    def devices(self) -> Mapping[str, str]:
        """The devices that speak the language: name → its word in the grammar."""
        found = {name: urlsplit(m.instrument.address) for name, m in self._services.devices.members.items()}
        return {name: where.path.strip("/") for name, where in found.items() if where.scheme == "pyros"}

    def send(self, device: str, action: str, operation: str, *values: Value) -> Mapping[str, object]:
        """Send a command over a link of its own, and give what the device answers.

        :param device: its name in the store
        :param action: GET, SET or DO
        :param values: in the grammar's order; those left out are the grammar's defaults
        :raises Refused: if it must not be given now; says why, and what to do
        :raises NotCommanding: if another kernel commands
        :raises InstrumentError: if it is not of the language, or the device refuses it
        """
        word = self.devices.get(device)
        if word is None:
            raise Refused(f"{device} does not speak the PyROS language; there are {', '.join(self.devices)}")
        if operation == "IMAGE":
            raise Refused("an image is read out with its exposure: use the recipe expose")
        if action != "GET":
            self._lease.check(f"{word} {action} {operation}")
            if why := self._why_not(word, action, operation):
                raise Refused(f"{word} {action} {operation} refused: {why}")
        address = self._services.devices.members[device].instrument.address
        link: Device[Status] = Device(device, address, self._services.clock, _as_is)
        link.connect(_CONNECT_REAL_S)
        try:
            return link.ask(action, operation, *values).values
        finally:
            link.disconnect()

    def _why_not(self, word: str, action: str, operation: str) -> str:
        if operation in _ALWAYS:
            return ""
        services = self._services
        with services.store.session(read_only=True) as session:
            status = session.get_one(Night, services.night_id).status
        if status in _BUSY:
            return f"the night is {status}: pause it first (obs.pause())"
        if busy := [run.name for run in running(services)]:
            return f"recipe {busy[0]} is under way: abort it first"
        if word == "DOME" and operation == "OPEN" and not (verdict := services.safety.verdict()).safe:
            return str(verdict)
        if word == "TELESCOPE" and action == "DO" and operation == "START":
            site = services.site
            altitude_deg, _ = sun_altaz_deg(site.latitude_deg, site.longitude_deg, services.clock.unix_s())
            if altitude_deg > _SUN_DEG:
                return f"the Sun stands at {altitude_deg:.0f}°: use obs.telescope.slew_to, which keeps away from it"
        return ""


class Seat:
    """An instrument as a notebook holds it: all that it can do, and its panel.

    :param instrument: what everything else is asked of
    :param panel: shows the panel
    """

    def __init__(self, instrument: object, panel: Callable[[], object]) -> None:
        self._instrument, self._panel = instrument, panel

    def panel(self) -> object:
        """Show its panel."""
        return self._panel()

    def __getattr__(self, name: str) -> object:
        return getattr(self._instrument, name)

    def __dir__(self) -> Sequence[str]:
        return sorted({"panel", *dir(self._instrument)})

    def __repr__(self) -> str:
        return repr(self._instrument)


def _as_is(status: Status) -> Status:
    return status
