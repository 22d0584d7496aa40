"""The frames of the VOEvent Transport Protocol: a length in four bytes, then that many bytes.

Source: IVOA Note "VOEvent Transport Protocol" 1.1, §2.  No input or output happens here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAX_BYTES = 1 << 20
_LENGTH = struct.Struct("!I")


class FramingError(Exception):
    """The other side does not speak the protocol; nothing after this can be understood."""


def frame(payload: bytes) -> bytes:
    """Put a message into a frame."""
    return _LENGTH.pack(len(payload)) + payload


class Deframer:
    """Cut a stream of bytes into messages, however the network broke it up.

    :param max_bytes: the longest message that is accepted
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more bytes and give each message that is complete with them.

        :raises FramingError: if a length is zero or larger than allowed
        """
        self._buffer += data
        while (length := self._length()) is not None and len(self._buffer) >= _LENGTH.size + length:
            message = bytes(self._buffer[_LENGTH.size : _LENGTH.size + length])
            del self._buffer[: _LENGTH.size + length]
            yield message

    @property
    def pending(self) -> str:
        """What of an unfinished message is there, in words; empty between two messages."""
        if not self._buffer:
            return ""
        length = self._length()
        if length is None:
            return f"{len(self._buffer)} of the 4 bytes of a length"
        return f"{len(self._buffer) - _LENGTH.size} of {length} bytes of a message"

    def _length(self) -> int | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if not 0 < length <= self._max_bytes:
            raise FramingError(f"the first four bytes announce {length} bytes; 1 to {self._max_bytes} are accepted")
        return length
