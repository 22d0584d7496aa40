"""The guardian's own connections: what it reads, and the few things it does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pyros_kernel.safety.guardian.campaign import Facts
from pyros_kernel.safety.guardian.line import Line, Said, Silent
from pyros_kernel.safety.guardian.times import unix_s
from pyros_kernel.safety.judge import Judge

_ORDERS = {"park": ("TELESCOPE", "PARK"), "close": ("DOME", "CLOSE")}


class Hands:
    """Hold a line to each device that safety is about.

    :param addresses: device name → ``pyros://host:port/WORD``; words that safety is not about are left out
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        lines = [Line(name, address) for name, address in addresses.items() if address.startswith("pyros:")]
        self.sources = [line for line in lines if line.word in ("PLC", "WEATHER_STATION")]
        self._cameras = {line.name: line for line in lines if line.word.startswith("CAMERA")}
        self._one = {line.word: line for line in lines if line.word in ("DOME", "TELESCOPE")}
        self.errors: dict[str, str] = {}

    def read_weather(self, judge: Judge) -> None:
        """Ask each PLC and weather station, and let the judge know."""
        for source in self.sources:
            try:
                said = source.ask("GET", "WEATHER")
                for quantity, reading in said.items():
                    judge.take(source.name, quantity, _value(reading["value"]), unix_s(reading["time"]))
            except Silent as error:
                self.errors[source.name] = str(error)
            except (Said, KeyError, TypeError, ValueError) as error:
                self.errors[source.name] = f"nonsense: {error}"
            else:
                self.errors.pop(source.name, None)

    def look(self, *, urgent: bool = False) -> Facts:
        """Read dome and telescope; the cameras only when it is urgent."""
        dome = self._status(self._one.get("DOME"), urgent) or {}
        telescope = self._status(self._one.get("TELESCOPE"), urgent) or {}
        exposing = [name for name, line in self._cameras.items() if urgent and self._exposes(line)]
        shutter = dome.get("shutter")
        return Facts(
            shutter=shutter,
            closed=shutter == "closed" and dome.get("closed_switch") is True,
            motion=telescope.get("motion"),
            exposing=tuple(exposing),
        )

    def obey(self, order: str) -> float | None:
        """Send an order: ``park``, ``close``, or the name of a camera to abort.

        :return: how long the device says it takes, observatory seconds
        :raises Silent: if it does not answer
        :raises Said: if it refuses
        """
        if order in self._cameras:
            self._cameras[order].ask("DO", "ABORT", urgent=True)
            return 0.0
        word, operation = _ORDERS[order]
        line = self._one.get(word)
        if line is None:
            raise Silent(f"no {word.lower()} is known here")
        eta = line.ask("DO", operation, urgent=True).get("eta")
        return float(eta) if isinstance(eta, int | float) else None

    def tell_dome(self, command: str) -> None:
        """Send the dome a SET or DO of its watchdog; what it does not know is its matter."""
        action, _, operation = command.partition(" ")
        line = self._one.get("DOME")
        if line is None:
            return
        try:
            line.ask(action, operation)
        except (Silent, Said) as error:
            self.errors["watchdog"] = str(error)
        else:
            self.errors.pop("watchdog", None)

    def all_silent_s(self) -> float:
        """Tell for how long no device at all has answered, real seconds."""
        lines = [*self.sources, *self._one.values()]
        since = [line.silent_since_s for line in lines]
        heard = [s for s in since if s is not None]
        return time.monotonic() - max(heard) if lines and len(heard) == len(since) else 0.0

    def close(self) -> None:
        """Give all connections back."""
        for line in (*self.sources, *self._cameras.values(), *self._one.values()):
            line.close()

    def _status(self, line: Line | None, urgent: bool) -> dict[str, Any] | None:
        if line is None:
            return None
        try:
            said = line.ask("GET", "STATUS", urgent=urgent)
        except (Silent, Said) as error:
            self.errors[line.name] = str(error)
            return None
        self.errors.pop(line.name, None)
        return said

    def _exposes(self, line: Line) -> bool:
        try:
            return line.ask("GET", "STATUS").get("activity") == "exposing"
        except (Silent, Said):
            return False


def _value(value: Any) -> float | bool:
    if isinstance(value, bool | int | float):
        return value
    raise ValueError(f"{value!r} is neither number nor switch")
