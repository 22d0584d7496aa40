"""The packets' journal: the one file that is synced before an acknowledgement, for many packets at once.

It is of known size and written over and over, so that a sync moves data only: no name, no length changes.  What is
in it goes into files and rows of its own, which reach the disk some time later; after a power cut they are made again
from here.  It has two halves: while one is brought to files and rows, the other takes what comes.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

HALF_BYTES = 5 << 20  # holds the longest notice
_RECORD = struct.Struct("!4sIII")  # magic, round, length, CRC-32 of the content
_MAGIC = b"pyVO"
_AT_ONCE: int = getattr(os, "RWF_DSYNC", 0)  # Linux: a write that returns when it is on the disk


class JournalFull(Exception):
    """There is room in neither half: one must be released first."""


class Journal:
    """Append records, durably; release a half when its records are safe elsewhere.

    Not for several threads at once, but for :meth:`release`.

    :param path: the file; made at the first use
    :param half_bytes: half its size, and the length of the longest record with what goes around it
    """

    def __init__(self, path: Path, half_bytes: int = HALF_BYTES) -> None:
        self._path, self._half_bytes = path, half_bytes
        self._file: int | None = None
        # Which half is written, in which round, up to where.  A round that was never before: what an earlier life
        # of the file left behind the end must not look as if it went on.
        self._half, self._round, self._end = 0, int.from_bytes(os.urandom(4)), 0
        self._other_in_use = False

    @property
    def to_settle(self) -> bool:
        """Whether a half is full, and waits for its release."""
        return self._other_in_use

    def append(self, records: Sequence[bytes]) -> int:
        """Write as many of these as go into one half; when this returns, those survive a power cut.

        :return: how many were written, at least one
        :raises JournalFull: if there is room in neither half
        :raises OSError: if the disk refuses
        """
        count, size = self._fitting(records)
        if not count:
            if self._other_in_use:
                raise JournalFull(f"the packets' journal {self._path} is full")
            self._half, self._round, self._end = 1 - self._half, (self._round + 1) & 0xFFFFFFFF, 0
            self._other_in_use = True
            count, size = self._fitting(records)
            if not count:
                raise JournalFull(f"{len(records[0])} bytes are more than the packets' journal {self._path} takes")
        data = b"".join([_RECORD.pack(_MAGIC, self._round, len(r), zlib.crc32(r)) + r for r in records[:count]])
        _write_synced(self._opened(), data, self._half * self._half_bytes + self._end)
        self._end += size
        return count

    def _fitting(self, records: Sequence[bytes]) -> tuple[int, int]:
        """Count the records that fit into what is left of this half, and their bytes."""
        count = size = 0
        for record in records:
            if self._end + size + _RECORD.size + len(record) > self._half_bytes:
                break
            count, size = count + 1, size + _RECORD.size + len(record)
        return count, size

    def records(self) -> Iterator[bytes]:
        """Give what was written and not released, oldest first; new ones are appended after these.

        :raises OSError: if the disk refuses
        """
        halves = [self._read(half) for half in (0, 1)]
        # Rounds count on, and around; the half that is written is one ahead of the other.
        ahead = (halves[1][0] - halves[0][0]) & 0xFFFFFFFF
        order = (0, 1) if halves[1][1] and (not halves[0][1] or ahead < 1 << 31) else (1, 0)
        for half in order:
            yield from halves[half][1]
        self._half, self._other_in_use = order[1], bool(halves[order[0]][1])
        if halves[self._half][1]:
            self._round, self._end = halves[self._half][0], halves[self._half][2]

    def release(self) -> None:
        """Forget the full half: whoever calls this has made its records durable elsewhere."""
        self._other_in_use = False

    def clear(self) -> None:
        """Forget everything, on the disk too: whoever calls this has made all records durable elsewhere.

        :raises OSError: if the disk refuses
        """
        file = self._opened()
        for half in (0, 1):
            os.pwrite(file, bytes(_RECORD.size), half * self._half_bytes)
        os.fdatasync(file)
        self._round, self._end, self._other_in_use = (self._round + 1) & 0xFFFFFFFF, 0, False

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _read(self, half: int) -> tuple[int, list[bytes], int]:
        """Give the round of a half, its records, and where they end."""
        data = os.pread(self._opened(), self._half_bytes, half * self._half_bytes)
        found: list[bytes] = []
        at, first_round = 0, 0
        while at + _RECORD.size <= len(data):
            magic, round_, length, check = _RECORD.unpack_from(data, at)
            content = data[at + _RECORD.size : at + _RECORD.size + length]
            if magic != _MAGIC or (found and round_ != first_round) or zlib.crc32(content) != check:
                break  # the end, or it was being written when the power went: nobody was told that it was taken
            first_round = round_
            at += _RECORD.size + length
            found.append(content)
        return first_round, found, at

    def _opened(self) -> int:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            try:
                size = os.fstat(file).st_size
                if (short := 2 * self._half_bytes - size) > 0:
                    os.pwrite(file, bytes(short), size)
                    os.fsync(file)
                    sync_directory(self._path.parent)
            except BaseException:
                os.close(file)
                raise
            self._file = file
        return self._file


def _write_synced(file: int, data: bytes, at: int) -> None:
    """Write at a place of a file; what was written is on the disk when this returns.

    :raises OSError: if the disk refuses
    """
    done = 0
    while done < len(data):
        if _AT_ONCE:  # one call to the system, and one hand-over of the interpreter's lock, in place of two
            done += os.pwritev(file, [memoryview(data)[done:]], at + done, _AT_ONCE)
        else:
            done += os.pwrite(file, memoryview(data)[done:], at + done)
    if not _AT_ONCE:
        os.fdatasync(file)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable.

    :raises OSError: if the disk refuses
    """
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
