"""How an instrument misbehaves on its wire: faults by name, seeded, one device's."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from instruments.pyros.answer import format_ok
from instruments.pyros.line import prefix
from instruments.pyros.values import iso_ms, unix_s
from simulators.device import Reply
from simulators.pace import DeviceClock

# How much of a fault there is, where the caller does not say: seconds.
USUAL = {"slow": 1.0, "clock_jump": 3600.0, "crash": 1.0}

_CLAIMS = {
    "slewing": "tracking",
    "parking": "parked",
    "opening": "open",
    "closing": "closed",
    "exposing": "idle",
    "reading": "idle",
}
_STILL = {"moving": False, "filter_moving": False, "eta": 0.0, "remaining": 0.0}
_TIMES = ("time", "start")


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes over the wire in place of an answer.

    :param data: bytes
    :param delay_s: real seconds until then
    :param cut: whether the link is cut after it
    """

    data: bytes
    delay_s: float = 0.0
    cut: bool = False


class Faults:
    """The faults of one device, until they are healed.

    :param clock: of the device, to get it stuck
    """

    def __init__(self, clock: DeviceClock) -> None:
        self._clock = clock
        self._active: dict[str, float] = {}
        self._dice = random.Random(0)
        self._kept: dict[tuple[str, str], Reply] = {}

    @property
    def names(self) -> list[str]:
        """What is wrong now."""
        return sorted(self._active)

    def __contains__(self, name: str) -> bool:
        return name in self._active

    def set(self, name: str, value: float | None = None, seed: int = 0) -> None:
        """Begin to misbehave.

        :param value: how much; the usual measure if left out
        :param seed: of what chance decides
        """
        self._active[name] = USUAL.get(name, 0.0) if value is None else value
        self._dice = random.Random(seed)
        if name in ("stick", "lie"):
            self._clock.stick()

    def heal(self) -> None:
        """Behave."""
        self._active.clear()
        self._kept.clear()
        self._clock.loosen()

    def value(self, name: str) -> float:
        """Tell how much of a fault there is."""
        return self._active[name]

    def refuses(self, action: str) -> bool:
        """Tell whether a command is refused for no reason."""
        return "refuse" in self._active and action != "GET"

    def stops_after(self, eta_s: float) -> float | None:
        """Tell when a motion of ``eta_s`` stops short; None: never."""
        return eta_s * self._dice.uniform(0.2, 0.8) if "stop_short" in self._active and eta_s > 0 else None

    def reply(self, key: tuple[str, str], reply: Reply) -> Reply:
        """Spoil what an OK carries."""
        if not self._active or key[0] != "GET" or key[1] == "HEARTBEAT":
            return reply
        if "frozen" in self._active:
            reply = self._kept.setdefault(key, reply)
        values: Any = dict(reply.values)
        if "lie" in self._active:
            values = _claimed(values)
        if {"stick", "lie"} & self._active.keys():
            values = _retimed(values, self._true_time)
        if "clock_jump" in self._active:
            values = _retimed(values, self._jumped)
        if "nan" in self._active:
            values = _without_numbers(values)
        return Reply(values, reply.payload)

    def _true_time(self, iso: str) -> str:
        return iso_ms(self._clock.true_s())

    def _jumped(self, iso: str) -> str:
        return iso_ms(unix_s(iso) + self._active["clock_jump"])

    def line(self, request_id: str | None, reply: Reply) -> bytes:
        """Write an OK, even one that no sane device would write."""
        if "nan" in self._active:
            return f"{prefix(request_id)}OK {json.dumps(reply.values)}\n".encode()
        return format_ok(request_id, reply.values)

    def wire(self, heartbeat: bool, data: bytes) -> Sent:
        """Spoil an answer on its way."""
        if "mute" in self._active:
            return Sent(b"")
        if "drop" in self._active and not heartbeat:
            del self._active["drop"]  # once: the next link shall live
            return Sent(data[: len(data) // 2], cut=True)
        if "garbage" in self._active:
            data = self._dice.randbytes(len(data)).replace(b"\n", b"?") + b"\n"
        if "wrong_id" in self._active:
            data = b"@" + b"%x-wrong" % self._dice.getrandbits(32) + b" " + data[data.find(b" ") + 1 :]
        if "half_line" in self._active:
            data = data[: max(data.find(b"\n") // 2, 1)]
        if "twice" in self._active:
            data += data
        return Sent(data, self._active.get("slow", 0.0))


def _claimed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Claim that whatever moves has arrived."""
    said: dict[str, Any] = {k: _CLAIMS.get(v, v) if isinstance(v, str) else _STILL.get(k, v) for k, v in values.items()}
    if "frame" in said and said.get("activity") != values.get("activity"):
        said["frame"] += 1
    return said


def _retimed(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _retimed(v, change, k) for k, v in cast("dict[str, Any]", value).items()}
    return change(value) if key in _TIMES else value


def _without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_numbers(v) for k, v in cast("dict[str, Any]", value).items()}
    return float("nan") if isinstance(value, float) else value
