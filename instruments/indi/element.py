"""INDI's stream of XML elements, read and written.

The stream has no root, so the parser is given one; a document type, and with it entities and external files, can't
stand inside a root element and is an error.  Nothing is kept of an element that was handed out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr  # nosec B406

MAX_ELEMENT_BYTES = 512 * 1024 * 1024  # an image of 16k by 16k pixels in base64 takes 0.7 of it


class BrokenStream(Exception):
    """What came is not INDI's XML, or has no end."""


@dataclass(frozen=True, slots=True)
class Item:
    """A member of a vector.

    :param name: the member's name
    :param attributes: e.g. ``min`` and ``max``
    :param text: its value
    """

    name: str
    attributes: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Element:
    """A whole message, e.g. ``setNumberVector``."""

    tag: str
    attributes: Mapping[str, str]
    items: tuple[Item, ...] = ()


class Parser:
    """Turn bytes into elements.

    :param max_bytes: how large one may be
    """

    def __init__(self, max_bytes: int = MAX_ELEMENT_BYTES) -> None:
        self._max_bytes, self._size, self._depth = max_bytes, 0, 0
        self._done: list[Element] = []
        self._head: tuple[str, dict[str, str]] = ("", {})
        self._item: dict[str, str] = {}
        self._items: list[Item] = []
        self._text: list[str] = []
        self._expat = expat.ParserCreate("UTF-8")
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.buffer_text = True
        self._expat.Parse("<indi>")

    def feed(self, data: bytes) -> list[Element]:
        """Take bytes and give the elements that end in them.

        :raises BrokenStream: if they are no XML, or one element grows beyond all measure
        """
        self._size += len(data)
        try:
            self._expat.Parse(data)
        except expat.ExpatError as error:
            raise BrokenStream(f"no XML: {error}") from None
        done, self._done = self._done, []
        if done:
            self._size = 0
        elif self._size > self._max_bytes:
            raise BrokenStream(f"an element of more than {self._max_bytes} bytes")
        return done

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 2:
            self._head, self._items = (tag, attributes), []
        elif self._depth == 3:
            self._item = attributes
        self._text.clear()

    def _characters(self, text: str) -> None:
        if self._depth == 3:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        if self._depth == 3:
            self._items.append(Item(self._item.get("name", ""), self._item, "".join(self._text).strip()))
            self._text.clear()
        elif self._depth == 2:
            self._done.append(Element(*self._head, tuple(self._items)))
            self._items = []
        self._depth -= 1


def write_vector(kind: str, device: str, name: str, values: Mapping[str, float | str | bool]) -> bytes:
    """Write a command that sets a vector.

    :param kind: ``Number``, ``Switch`` or ``Text``
    :param values: of all its members
    """
    ones = "".join(f"<one{kind} name={quoteattr(key)}>{_word(value)}</one{kind}>" for key, value in values.items())
    return f"<new{kind}Vector device={quoteattr(device)} name={quoteattr(name)}>{ones}</new{kind}Vector>\n".encode()


def write_get(device: str, names: Iterable[str] = ()) -> bytes:
    """Ask a device to define its properties, or only some."""
    start = f"<getProperties version='1.7' device={quoteattr(device)}"
    return "".join(f"{start} name={quoteattr(name)}/>\n" for name in names).encode() or f"{start}/>\n".encode()


def write_enable_blob(device: str) -> bytes:
    """Ask for a device's images; holds for this connection."""
    return f"<enableBLOB device={quoteattr(device)}>Also</enableBLOB>\n".encode()


def _word(value: float | str | bool) -> str:
    if isinstance(value, bool):
        return "On" if value else "Off"
    return repr(float(value)) if isinstance(value, int | float) else escape(value)
