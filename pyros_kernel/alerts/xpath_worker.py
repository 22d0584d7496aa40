"""A process of its own that asks packets what subscribers want to know: it may be killed when one asks too much.

On its standard input come frames of one packet and one JSON list of XPath expressions after the other; for each
pair it answers a JSON list on its standard output, one line.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
from typing import BinaryIO

from lxml import etree

from pyros_kernel.alerts.tree import NotVoevent, read_tree

_LENGTH = struct.Struct("!I")
_MEMORY_BYTES = 1 << 30


def read_frame(stream: BinaryIO) -> bytes | None:
    """Read a frame; None at the end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return stream.read(_LENGTH.unpack(head)[0])


def ask(raw: bytes, expressions: list[str]) -> list[bool]:
    """Ask a packet: is it true for each expression?"""
    try:
        root = read_tree(raw)
    except NotVoevent:
        return [False] * len(expressions)
    answers: list[bool] = []
    for text in expressions:
        try:
            answers.append(bool(root.xpath(text)))
        except (etree.XPathError, ValueError, TypeError):
            answers.append(False)
    return answers


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (raw := read_frame(source)) is not None and (expressions := read_frame(source)) is not None:
        sink.write(json.dumps(ask(raw, json.loads(expressions))).encode() + b"\n")
        sink.flush()


if __name__ == "__main__":
    main()
