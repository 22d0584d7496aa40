"""The guardian's own connections: what it reads, and the few things it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from pyros_kernel.safety.guardian.campaign import Facts
from pyros_kernel.safety.guardian.patience import Said, Silent
from pyros_kernel.safety.guardian.ward import Ward, ward_for
from pyros_kernel.safety.judge import Judge
from pyros_kernel.safety.opinion import opinion
from pyros_kernel.safety.verdict import Reason

_SOURCES = ("plc", "weather_station")
_ORDERS = {"park": "telescope", "close": "dome"}  # of whom it is asked; anything else is a camera's name


class Hands:
    """Hold a connection to each device that safety is about.

    :param addresses: device name → address; devices that safety is not about are left out
    :param kinds: device name → kind, as the store has it; by the word of a PyROS address if left out
    :param now_s: tells the observatory's time, unix seconds
    :param speed: observatory seconds per real second
    :raises ValueError: if an address of one of them is malformed
    """

    def __init__(
        self, addresses: Mapping[str, str], kinds: Mapping[str, str], now_s: Callable[[], float], speed: float
    ) -> None:
        self._now_s, self._speed = now_s, speed
        of_kind = {name: kinds.get(name) or address.rpartition("/")[2].lower() for name, address in addresses.items()}

        def wards(*wanted: str) -> dict[str, Ward]:
            return {n: ward_for(k, n, addresses[n], now_s) for n, k in of_kind.items() if k.startswith(wanted)}

        self.sources = list(wards(*_SOURCES).values())
        self._monitors = list(wards("safety_monitor").values())
        self._cameras = wards("camera")
        self._one: dict[str, Ward] = {kind: one for kind in _ORDERS.values() for one in wards(kind).values()}
        self._heard: dict[str, tuple[bool, str, float]] = {}
        self.errors: dict[str, str] = {}

    def read_weather(self, judge: Judge) -> None:
        """Ask each PLC and weather station, and let the judge know."""
        for source in self.sources:
            try:
                for quantity, (value, time_s) in source.weather().items():
                    judge.take(source.name, quantity, value, time_s)
            except (Silent, Said) as error:
                self.errors[source.name] = str(error)
            else:
                self.errors.pop(source.name, None)

    def opinions(self) -> list[Reason]:
        """Ask each safety monitor, and give what it says; its silence is not safe."""
        found: list[Reason] = []
        for monitor in self._monitors:
            try:
                self._heard[monitor.name] = monitor.safety()
            except (Silent, Said) as error:
                self.errors[monitor.name] = str(error)
            else:
                self.errors.pop(monitor.name, None)
            found.append(opinion(monitor.name, self._heard.get(monitor.name), self._now_s(), self._speed))
        return found

    def look(self, *, urgent: bool = False) -> Facts:
        """Read dome and telescope; the cameras only when it is urgent."""
        shutter, closed, motion = None, False, None
        if (dome := self._one.get("dome")) is not None:
            try:
                shutter, closed = dome.shutter(urgent=urgent)
            except (Silent, Said) as error:
                self.errors[dome.name] = str(error)
            else:
                self.errors.pop(dome.name, None)
        if (telescope := self._one.get("telescope")) is not None:
            try:
                motion = telescope.motion(urgent=urgent)
            except (Silent, Said) as error:
                self.errors[telescope.name] = str(error)
            else:
                self.errors.pop(telescope.name, None)
        exposing = tuple(name for name, camera in self._cameras.items() if urgent and _exposes(camera))
        return Facts(shutter=shutter, closed=closed, motion=motion, exposing=exposing)

    def obey(self, order: str) -> float | None:
        """Send an order: ``park``, ``close``, or the name of a camera to abort.

        :return: how long the device says it takes, observatory seconds; None if it doesn't say
        :raises Silent: if it does not answer
        :raises Said: if it refuses
        """
        if order in self._cameras:
            self._cameras[order].obey("abort")
            return 0.0
        one = self._one.get(_ORDERS[order])
        if one is None:
            raise Silent(f"no {_ORDERS[order]} is known here")
        return one.obey(order)

    def tell_dome(self, command: str) -> bool:
        """Send the dome a SET or DO of its watchdog; what it does not know is its matter.

        :return: whether it took that
        """
        dome = self._one.get("dome")
        if dome is None:
            return False
        try:
            dome.tell_watchdog(command)
        except (Silent, Said) as error:
            self.errors["watchdog"] = str(error)
            return False
        self.errors.pop("watchdog", None)
        return True

    def all_silent_s(self) -> float:
        """Tell for how long no device at all has answered, real seconds."""
        since = [ward.silent_since_s for ward in self._needed()]
        heard = [s for s in since if s is not None]
        return time.monotonic() - max(heard) if since and len(heard) == len(since) else 0.0

    def close(self) -> None:
        """Give all connections back."""
        for ward in (*self._needed(), *self._monitors, *self._cameras.values()):
            ward.close()

    def _needed(self) -> Iterable[Ward]:
        return (*self.sources, *self._one.values())


def _exposes(camera: Ward) -> bool:
    try:
        return camera.exposes()
    except (Silent, Said):
        return False
