"""The packets' files: one each, named so that people find them."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pyros_kernel.alerts.journal import sync_directory
from pyros_kernel.alerts.packet import Packet

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+", re.ASCII)
_NAME_LENGTH = 80
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC


def packet_path(packet: Packet, received: datetime) -> Path:
    """Say where a packet's bytes go, below the data directory.

    :param received: observatory time, UTC
    """
    return Path("alerts") / f"{received:%Y-%m-%d}" / file_name(packet)


def file_name(packet: Packet) -> str:
    """Name the file of a packet: readable, of harmless characters only, and its own."""
    readable = _UNSAFE.sub("_", packet.ivorn.removeprefix("ivo://")).strip("._")[:_NAME_LENGTH]
    # The name is made of both parts of the key: the same content may come under another IVORN.
    own = hashlib.sha1(f"{packet.ivorn}\n{packet.digest}".encode(), usedforsecurity=False).hexdigest()[:12]
    return f"{readable}_{own}.{packet.suffix}"


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there, whole, or not at all, whenever the program ends.

    :raises OSError: if the disk refuses; no half file is left
    """
    # Strings and descriptors: a packet's way through paths and files as objects costs three times as much.
    folder, name = os.path.split(path)
    temporary = f"{folder}/.{name}.{os.getpid()}-{time.monotonic_ns()}.tmp"
    try:
        file = os.open(temporary, _NEW, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(temporary, _NEW, 0o644)
    try:
        try:
            done = os.write(file, content)
            while done < len(content):
                done += os.write(file, memoryview(content)[done:])
        finally:
            os.close(file)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sync_files(paths: Iterable[Path]) -> None:
    """Bring files and their names to the disk.

    :raises OSError: if the disk refuses
    """
    parents: set[Path] = set()
    for path in paths:
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # somebody took it away
        try:
            os.fdatasync(file)
        finally:
            os.close(file)
        parents.add(path.parent)
    for parent in parents:
        sync_directory(parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that survives a power cut.

    :raises OSError: if the disk refuses; no half file is left
    """
    write_file(path, content)
    sync_files([path])
