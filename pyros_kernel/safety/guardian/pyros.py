"""A device behind a PyROS line, as the guardian knows it."""

from __future__ import annotations

from typing import Any

from pyros_kernel.safety.guardian.line import Line
from pyros_kernel.safety.guardian.patience import Said
from pyros_kernel.safety.guardian.times import unix_s
from pyros_kernel.safety.guardian.ward import TIMEOUT_REAL_S, Measured

_ORDERS = {"abort": "ABORT", "park": "PARK", "close": "CLOSE"}


class PyrosWard:
    """Ask and command by lines of the PyROS language.

    :param address: ``pyros://host:port/WORD``
    :raises ValueError: if it is malformed
    """

    def __init__(self, name: str, address: str) -> None:
        self._line, self.name = Line(name, address, TIMEOUT_REAL_S), name

    @property
    def silent_since_s(self) -> float | None:
        """Since when it does not answer (``time.monotonic()``); None if it does."""
        return self._line.silent_since_s

    def shutter(self, *, urgent: bool) -> tuple[str, bool]:
        """Give a dome's word for its shutter, and whether its limit switch says closed."""
        said = self._line.ask("GET", "STATUS", urgent=urgent)
        shutter = str(said.get("shutter", "unknown"))
        return shutter, shutter == "closed" and said.get("closed_switch") is True

    def motion(self, *, urgent: bool) -> str:
        """Give a telescope's motion."""
        return str(self._line.ask("GET", "STATUS", urgent=urgent).get("motion", ""))

    def exposes(self) -> bool:
        """Tell whether a camera exposes."""
        return self._line.ask("GET", "STATUS").get("activity") == "exposing"

    def weather(self) -> Measured:
        """Read a weather station or PLC."""
        said = self._line.ask("GET", "WEATHER")
        try:
            return {name: (_value(one["value"]), unix_s(one["time"])) for name, one in said.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise Said(f"{self.name}: nonsense: {error}") from error

    def safety(self) -> tuple[bool, str, float]:
        """Give what a safety monitor says."""
        said = self._line.ask("GET", "SAFETY")
        try:
            return said["safe"] is True, ", ".join(str(why) for why in said["reasons"]), unix_s(said["time"])
        except (KeyError, TypeError, ValueError) as error:
            raise Said(f"{self.name}: nonsense: {error}") from error

    def obey(self, order: str) -> float | None:
        """Do ``close``, ``park`` or ``abort``; give how long it says that takes."""
        eta = self._line.ask("DO", _ORDERS[order], urgent=True).get("eta")
        return float(eta) if isinstance(eta, int | float) else None

    def tell_watchdog(self, command: str) -> None:
        """Tell a dome's own watchdog."""
        action, _, operation = command.partition(" ")
        self._line.ask(action, operation)

    def close(self) -> None:
        """Give the connection back."""
        self._line.close()


def _value(value: Any) -> float | bool:
    if isinstance(value, bool | int | float):
        return value
    raise ValueError(f"{value!r} is neither number nor switch")
