"""The packets' files: one each, named so that people find them."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from pyros_kernel.alerts.journal import sync_directory
from pyros_kernel.alerts.packet import Packet

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+", re.ASCII)
_NAME_LENGTH = 80
_MANY = 16  # so many files are synced together with their file system
_SYNCFS: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC


def packet_path(packet: Packet, received: datetime) -> str:
    """Say where a packet's bytes go, below the data directory.

    :param received: observatory time, UTC
    """
    return f"alerts/{received.date().isoformat()}/{file_name(packet)}"


def file_name(packet: Packet) -> str:
    """Name the file of a packet: readable, of harmless characters only, and its own."""
    readable = _UNSAFE.sub("_", packet.ivorn.removeprefix("ivo://")).strip("._")[:_NAME_LENGTH]
    # The name is made of both parts of the key: the same content may come under another IVORN.
    own = hashlib.sha1(f"{packet.ivorn}\n{packet.digest}".encode(), usedforsecurity=False).hexdigest()[:12]
    return f"{readable}_{own}.{packet.suffix}"


def map_path(path: str) -> str:
    """Say where the sky map of a packet is kept, if it brought one: beside its file.

    :param path: of the packet's file
    """
    return str(Path(path).with_suffix(".fits"))


def write_file(path: Path | str, content: bytes) -> None:
    """Write a file so that it is there, whole, or not at all, whenever the program ends.

    :raises OSError: if the disk refuses; no half file is left
    """
    # Strings and descriptors: a packet's way through paths and files as objects costs three times as much.
    folder, name = os.path.split(path)
    temporary = f"{folder}/.{name}.{os.getpid()}-{time.monotonic_ns()}.tmp"
    try:
        file = os.open(temporary, _NEW, 0o644)
    except FileNotFoundError:
        Path(folder).mkdir(parents=True, exist_ok=True)
        file = os.open(temporary, _NEW, 0o644)
    try:
        try:
            done = os.write(file, content)
            while done < len(content):
                done += os.write(file, memoryview(content)[done:])
        finally:
            os.close(file)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sync_files(paths: Iterable[Path | str]) -> None:
    """Bring files and their names to the disk.

    :raises OSError: if the disk refuses
    """
    by_folder: dict[Path, list[Path | str]] = {}
    for path in paths:
        by_folder.setdefault(Path(path).parent, []).append(path)
    for folder, files in by_folder.items():
        if len(files) < _MANY or not _sync_file_system(folder):
            _sync_each(folder, files)


def _sync_each(folder: Path, files: Iterable[Path | str]) -> None:
    for path in files:
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # somebody took it away
        try:
            os.fdatasync(file)
        finally:
            os.close(file)
    if folder.is_dir():
        sync_directory(folder)


def _sync_file_system(folder: Path) -> bool:
    """Bring all that is in a folder's file system to the disk, with one call; tell whether there is such a call here.

    A thousand files take it the time of ten syncs.  It reports what could not be written since Linux 5.8.
    """
    if _SYNCFS is None or not folder.is_dir():
        return False
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _SYNCFS(file):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(file)
    return True


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that survives a power cut.

    :raises OSError: if the disk refuses; no half file is left
    """
    write_file(path, content)
    sync_files([path])
