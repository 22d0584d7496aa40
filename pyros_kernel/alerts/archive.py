"""Packets that somebody kept: a file, a directory or a tar of them, in the order in which they were sent."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyros_kernel.alerts.moment import to_utc
from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.reading import read_packet
from pyros_kernel.alerts.tree import NotVoevent, child_text, read_tree

_SUFFIXES = {".xml", ".json"}
_LARGEST = 4 << 20
# When a notice was sent, in the words of GCN's unified schema and of LIGO/Virgo/KAGRA.
_SENT_PARAMS = ("alert_datetime", "time_created")


class NoArchive(Exception):
    """There is nothing to replay; the message says where, and what was looked for."""


@dataclass(frozen=True, slots=True)
class Archived:
    """A kept packet.

    :param name: of its file
    :param sent_s: when it was sent (else: when its event was), unix seconds UTC; None if it does not say
    """

    name: str
    raw: bytes
    sent_s: float | None


def read_archive(path: Path) -> list[Archived]:
    """Read a packet's file, or a directory or tar (compressed or not) of ``.xml`` and ``.json`` files.

    Nothing is unpacked onto the disk; all of it is held in memory.

    :return: the packets in the order in which they were sent; those that do not say when come after the one whose
        name is next before theirs
    :raises NoArchive: if there is no packet in it, or it can't be read
    """
    try:
        found = [Archived(name, raw, _sent_s(raw)) for name, raw in sorted(_files(path))]
    except (OSError, EOFError, tarfile.TarError) as error:
        raise NoArchive(f"{path} can't be read: {error}") from error
    if not found:
        raise NoArchive(f"there is no packet in {path}: no file that ends with {' or '.join(sorted(_SUFFIXES))}")
    last_s = min((packet.sent_s for packet in found if packet.sent_s is not None), default=0.0)
    keys: list[tuple[float, int]] = []
    for at, packet in enumerate(found):
        last_s = last_s if packet.sent_s is None else packet.sent_s
        keys.append((last_s, at))
    return [found[at] for _, at in sorted(keys)]


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in path.rglob("*"):
            if _is_packet(file.name, file.stat().st_size) and file.is_file():
                yield str(file.relative_to(path)), file.read_bytes()
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() and _is_packet(member.name, member.size) else None
                if content is not None:
                    yield member.name, content.read()
    else:
        yield path.name, path.read_bytes()


def _is_packet(name: str, size: int) -> bool:
    return Path(name).suffix in _SUFFIXES and not Path(name).name.startswith(".") and size <= _LARGEST


def _sent_s(raw: bytes) -> float | None:
    try:
        packet = read_packet(raw)
        text = _sent_text(packet)
        moment = to_utc(text) if text else packet.event_utc
    except (NotVoevent, ValueError):  # it is replayed all the same: whoever receives it says what is wrong
        return None
    return None if moment is None else moment.timestamp()


def _sent_text(packet: Packet) -> str:
    if packet.suffix == "xml":
        return child_text(read_tree(packet.raw), "Who", "Date") or ""
    return next((packet.params[name] for name in _SENT_PARAMS if packet.params.get(name)), "")
