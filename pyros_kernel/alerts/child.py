"""A child process that is talked to in lines of JSON, on its standard input and output."""

from __future__ import annotations

import json
import logging
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pyros_kernel.alerts.transport import CannotListen

logger = logging.getLogger(__name__)

_READY_S = 60.0
_STOP_S = 10.0

Words = dict[str, Any]


class Child:
    """Start a module as a child, say what it is to do, and hear that it is ready.

    :param module: whose first line says ``ready``, or what its ``problem`` is
    :param begin: the first line it is told
    :param log: where its standard error goes
    :raises CannotListen: if it does not start; says why
    """

    def __init__(self, module: str, begin: Words, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # an interrupt of the kernel must not end it
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout
        try:
            self.tell(begin)
            self.ready = self._first_line()
        except OSError:
            self.ready = {}
        if "ready" not in self.ready:
            self.end()
            raise CannotListen(str(self.ready.get("problem") or f"the alerts' process did not start: see {log}"))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tell(self, words: Words) -> None:
        """Say a line to it.

        :raises OSError: if it is gone
        :raises ValueError: if it was ended here
        """
        self._to.write(json.dumps(words).encode() + b"\n")
        self._to.flush()

    def said(self) -> Iterator[Words]:
        """Give its lines until it ends."""
        for line in self._from:
            yield json.loads(line)

    def let_end(self) -> None:
        """Close its input, which it takes for its end; does not wait."""
        with suppress(BrokenPipeError):  # it is gone already, with a line it did not read
            self._to.close()

    def end(self) -> None:
        """End it, and wait until it is gone; twice is once."""
        with self._process:
            self.let_end()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                logger.error("the alerts' process did not end within %.0f s: killed", _STOP_S)
                self._process.kill()

    def _first_line(self) -> Words:
        ready, _, _ = select.select([self._from], [], [], _READY_S)
        line = self._from.readline() if ready else b""
        return json.loads(line) if line else {}
