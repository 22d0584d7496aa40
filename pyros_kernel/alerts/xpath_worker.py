"""A program of its own that asks packets what subscribers want to know: it may be killed when one asks too much.

On its standard input come a frame with a packet and a frame with a JSON list of XPath expressions, again and again;
for each expression it answers ``1`` or ``0`` on its standard output, in a line.  It is run as a script, by its path:
importing the package would take seconds.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

_LENGTH = struct.Struct("!I")
_MEMORY_BYTES = 1 << 30


def read_frame(stream: BinaryIO) -> bytes | None:
    """Read a frame; None at the end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return stream.read(_LENGTH.unpack(head)[0])


def ask(raw: bytes, expressions: list[str]) -> Iterator[bool]:
    """Ask a packet, which was read and found harmless before: is it true for each expression?"""
    root = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True))
    for text in expressions:
        try:
            yield bool(root.xpath(text))
        except (etree.XPathError, ValueError, TypeError):
            yield False


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (raw := read_frame(source)) is not None and (expressions := read_frame(source)) is not None:
        for answer in ask(raw, json.loads(expressions)):
            sink.write(b"1\n" if answer else b"0\n")
            sink.flush()


if __name__ == "__main__":
    main()
