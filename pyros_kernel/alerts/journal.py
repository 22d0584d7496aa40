"""The packets' journal: the one file that is synced before an acknowledgement, for many packets at once.

It is a ring of known size, written over and over, so that a sync moves data only: no name, no length changes.
What is in it is also in files and rows of their own, which reach the disk some time later; after a power cut they
are made again from here.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

SEGMENT_BYTES = 4 << 20
_RECORD = struct.Struct("!4sIII")  # magic, round, length, CRC-32 of the content
_MAGIC = b"pyVO"


class Journal:
    """Append records, durably; begin anew when all of them are safe elsewhere.

    Not for several threads at once: its owner sees to that.

    :param path: the file; made at the first use
    """

    def __init__(self, path: Path, size: int = SEGMENT_BYTES) -> None:
        self._path, self._size = path, size
        self._file: int | None = None
        self._round, self._end = 1, 0

    def fits(self, records: Sequence[bytes]) -> bool:
        """Tell whether there is room for these before it must begin anew."""
        return self._end == 0 or self._end + sum(_RECORD.size + len(r) for r in records) <= self._size

    def append(self, records: Sequence[bytes]) -> None:
        """Write records; when this returns they survive a power cut.

        :raises OSError: if the disk refuses
        """
        data = b"".join(_RECORD.pack(_MAGIC, self._round, len(r), zlib.crc32(r)) + r for r in records)
        file = self._opened()
        done = 0
        while done < len(data):
            done += os.pwrite(file, memoryview(data)[done:], self._end + done)
        os.fdatasync(file)
        self._end += len(data)

    def records(self) -> Iterator[bytes]:
        """Give what was written since it last began anew, oldest first; new ones are appended after these.

        :raises OSError: if the disk refuses
        """
        file = self._opened()
        at, found_round = 0, None
        while True:
            head = os.pread(file, _RECORD.size, at)
            if len(head) < _RECORD.size:
                break
            magic, round_, length, check = _RECORD.unpack(head)
            if magic != _MAGIC or (found_round is not None and round_ != found_round):
                break
            content = os.pread(file, length, at + _RECORD.size)
            if len(content) < length or zlib.crc32(content) != check:
                break  # it was being written when the power went; nobody was told that it was taken
            found_round = round_
            at += _RECORD.size + length
            yield content
        self._round, self._end = found_round or 1, at

    def begin_anew(self) -> None:
        """Forget all records: whoever calls this has made them durable elsewhere."""
        self._round, self._end = (self._round + 1) & 0xFFFFFFFF, 0

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _opened(self) -> int:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            try:
                if (short := self._size - os.fstat(file).st_size) > 0:
                    os.pwrite(file, bytes(short), self._size - short)
                    os.fsync(file)
                    sync_directory(self._path.parent)
            except BaseException:
                os.close(file)
                raise
            self._file = file
        return self._file


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
