"""One device on its PyROS line: a command, an answer, a deadline."""

from __future__ import annotations

import json
import socket
import time
from typing import Any, cast
from urllib.parse import urlsplit

from pyros_kernel.safety.guardian.patience import Patience, Said, Silent

_MAX_BYTES = 65536


class Line:
    """Ask a device, connecting anew whenever the last answer did not come.

    :param name: of the device
    :param address: ``pyros://host:port/WORD``
    :param timeout_s: real seconds for an answer, and for a connection
    """

    def __init__(self, name: str, address: str, timeout_s: float = 0.4) -> None:
        parts = urlsplit(address)
        if parts.scheme != "pyros" or not parts.hostname or not parts.port:
            raise ValueError(f"{name}: {address!r} is no pyros://host:port/DEVICE")
        self.name, self.word = name, parts.path.strip("/")
        self._where = (parts.hostname, parts.port)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._patience = Patience(name)

    @property
    def silent_since_s(self) -> float | None:
        """Since when it does not answer (``time.monotonic()``); None if it does."""
        return self._patience.silent_since_s

    def ask(self, action: str, operation: str, *, urgent: bool = False) -> dict[str, Any]:
        """Send a command and give its answer.

        :param urgent: try at once, however silent it was
        :raises Silent: if no answer came, or it was silent a moment ago
        :raises Said: if the answer was ERROR
        """
        self._patience.check(urgent=urgent)
        try:
            answer = self._exchange(f"{self.word} {action} {operation}\n".encode())
        except OSError as error:
            # A late answer must not be taken for that to the next question: never go on with this connection.
            self.close()
            self._patience.lost()
            raise Silent(f"{self.name}: {error or type(error).__name__}") from error
        self._patience.heard()
        word, _, rest = answer.decode("utf-8", "replace").strip().partition(" ")
        if word != "OK":
            raise Said(f"{self.name}: {answer[:200]!r}")
        try:
            values: Any = json.loads(rest) if rest else {}
        except ValueError as error:
            raise Said(f"{self.name}: {error} in {rest[:80]!r}") from error
        if not isinstance(values, dict):
            raise Said(f"{self.name}: no object: {rest[:80]!r}")
        return cast("dict[str, Any]", values)

    def close(self) -> None:
        """Give the connection back; the next question makes a new one."""
        link, self._socket = self._socket, None
        if link is not None:
            link.close()

    def _exchange(self, command: bytes) -> bytes:
        if self._socket is None:
            self._socket = socket.create_connection(self._where, self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        deadline = time.monotonic() + self._timeout_s
        self._socket.settimeout(self._timeout_s)
        self._socket.sendall(command)
        said = b""
        while not said.endswith(b"\n"):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"no answer within {self._timeout_s} s")
            self._socket.settimeout(left_s)
            chunk = self._socket.recv(4096)
            if not chunk:
                raise ConnectionError("it hung up")
            said += chunk
            if len(said) > _MAX_BYTES:
                raise ConnectionError("its answer has no end")
        return said
