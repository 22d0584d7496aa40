"""What a device behind INDI said of its properties, and how often.

INDI has no request ids: whether a message answers a command can only be told by counting.  So each property counts
how often it was set, and how often it was Busy or in Alert; a command looks at what was counted after it was sent.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from instruments.indi.element import BrokenStream, Element, Item

Value = float | str | bool
_MAX_PROPERTIES = 2000
_KINDS = ("Number", "Switch", "Text", "Light", "BLOB")


@dataclass(frozen=True, slots=True)
class Blob:
    """An image as it came: ``text`` is base64, ``format`` e.g. ``.fits``, ``length`` of the payload in bytes."""

    text: str = field(repr=False)
    format: str
    length: int


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a device.

    :param values: float of a number, bool of a switch, else text, by member
    :param limits: lowest and highest value by member; equal for one without limits
    :param blob: the last image, of a BLOB
    :param sets: how often the driver has set it, and of these :param busy: times to Busy, :param alerts: to Alert
    :param heard: number of the table's message that was the last of it
    :param heard_s: when that was, and :param said_s: when the driver set it, or told something new of it
    """

    name: str
    kind: str
    state: str
    writable: bool
    values: Mapping[str, Value]
    limits: Mapping[str, tuple[float, float]]
    blob: Blob | None = None
    sets: int = 0
    busy: int = 0
    alerts: int = 0
    heard: int = 0
    heard_s: float = 0.0
    said_s: float = 0.0

    def number(self, member: str) -> float:
        """Give a number.

        :raises ValueError: if it has no such member, or the driver says that it is none (NaN) or infinite
        """
        value = float(self.values.get(member, math.nan))
        if not math.isfinite(value):
            raise ValueError(f"{self.name}.{member} is {value}")
        return value

    def on(self, member: str) -> bool:
        """Tell whether a switch is on; one that isn't there is off."""
        return self.values.get(member) is True


View = Mapping[str, Property]


class Table:
    """Keep the properties of one device; other devices' are passed over.

    :param device: the device
    :param now_s: tells the time, unix seconds
    """

    def __init__(self, device: str, now_s: Callable[[], float]) -> None:
        self._device, self._now_s = device, now_s
        self._changed = threading.Condition()
        self._properties: dict[str, Property] = {}
        self._messages: deque[tuple[int, str]] = deque(maxlen=100)
        self._count = 0
        self.gone = False

    @property
    def count(self) -> int:
        """How many messages came."""
        return self._count

    def view(self) -> dict[str, Property]:
        """Give all properties as they are now."""
        with self._changed:
            return dict(self._properties)

    def warnings_since(self, count: int) -> str:
        """Give what the driver warned of after its message number ``count``."""
        with self._changed:
            return "; ".join(t for n, t in self._messages if n > count and not t.startswith(("[INFO]", "[DEBUG]")))

    def wait(self, ready: Callable[[View], bool], timeout_s: float) -> bool:
        """Wait until the properties are as ``ready`` wants them, the device is gone, or the time is over.

        :return: whether they are
        """
        end = time.monotonic() + timeout_s
        with self._changed:
            while not ready(self._properties):
                left = end - time.monotonic()
                if left <= 0 or self.gone:
                    return False
                self._changed.wait(left)
        return True

    def give_up(self) -> None:
        """Wake all who wait: nothing will come any more."""
        with self._changed:
            self.gone = True
            self._changed.notify_all()

    def take_blob(self, name: str) -> Blob | None:
        """Give a BLOB's image, and forget it."""
        with self._changed:
            found = self._properties.get(name)
            if found is None or found.blob is None:
                return None
            self._properties[name] = replace(found, blob=None)
            return found.blob

    def apply(self, element: Element) -> None:
        """Take a message in.

        :raises BrokenStream: if it is nonsense
        """
        device, name = element.attributes.get("device", ""), element.attributes.get("name", "")
        if device != self._device:
            return
        with self._changed:
            self._count += 1
            if text := element.attributes.get("message"):
                self._messages.append((self._count, text))
            if element.tag == "delProperty":
                self._delete(name)
            elif element.tag[:3] in ("def", "set") and element.tag.endswith("Vector"):
                self._update(element, name)
            self._changed.notify_all()

    def _delete(self, name: str) -> None:
        if name:
            self._properties.pop(name, None)
        else:
            self._properties.clear()
            self.gone = True

    def _update(self, element: Element, name: str) -> None:
        kind, defines, now_s = element.tag[3:-6], element.tag.startswith("def"), self._now_s()
        old = self._properties.get(name)
        if kind not in _KINDS:
            raise BrokenStream(f"a vector of {kind!r}")
        if old is None:
            if not defines or not name:
                return
            if len(self._properties) >= _MAX_PROPERTIES:
                raise BrokenStream(f"a device of more than {_MAX_PROPERTIES} properties")
            old = Property(name, kind, "", False, {}, {}, said_s=now_s)
        state = element.attributes.get("state", old.state)
        values, blob = ({}, old.blob) if kind == "BLOB" else ({i.name: _value(kind, i) for i in element.items}, None)
        if kind == "BLOB":
            blob = next((_blob(item) for item in element.items if item.text), blob)
        values = {**old.values, **values}
        fresh = not defines or values != old.values or state != old.state
        limits = {i.name: _limits(i) for i in element.items} if defines and kind == "Number" else old.limits
        self._properties[name] = replace(
            old,
            state=state,
            values=values,
            limits=limits,
            blob=blob,
            writable=element.attributes.get("perm", "rw") != "ro" if defines else old.writable,
            sets=old.sets + (not defines),
            busy=old.busy + (not defines and state == "Busy"),
            alerts=old.alerts + (not defines and state == "Alert"),
            heard=self._count,
            heard_s=now_s,
            said_s=now_s if fresh else old.said_s,
        )


def _value(kind: str, item: Item) -> Value:
    if kind == "Number":
        return _number(item.text)
    return item.text == "On" if kind == "Switch" else item.text


def _number(text: str) -> float:
    """Read a number: decimal, or sexagesimal as ``12:30:15.5``, ``12 30 15``, ``12;30``."""
    words = text.replace(":", " ").replace(";", " ").split()
    try:
        parts = [float(word) for word in words[:3]]
    except ValueError:
        raise BrokenStream(f"no number: {text[:40]!r}") from None
    if not parts:
        raise BrokenStream("a number without digits")
    size = sum(abs(part) / 60**power for power, part in enumerate(parts))
    return -size if words[0].startswith("-") else size


def _limits(item: Item) -> tuple[float, float]:
    return _number(item.attributes.get("min", "0")), _number(item.attributes.get("max", "0"))


def _blob(item: Item) -> Blob:
    size = item.attributes.get("len") or item.attributes.get("size") or "0"
    return Blob(item.text, item.attributes.get("format", ""), int(size) if size.isdigit() else 0)
