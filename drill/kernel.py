"""A kernel of its own for the drill: started, asked, killed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from drill.place import Late
from pyros_kernel.clock import Clock
from pyros_kernel.settings import ROOT

GOES_ON_S = 10.0
_START_S = 180.0  # late is measured, and not the end of the drill
_ANSWER_S = 30.0
_END_S = 60.0


class Kernel:
    """Run :mod:`drill.cell` on a data directory, at the time of a clock that goes on while no kernel lives.

    :param environment: variables that it gets besides
    """

    def __init__(self, data: Path, clock: Clock, environment: Mapping[str, str] | None = None) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data, self.began_s = data, time.monotonic()
        told = json.dumps({"data": str(data), "start": clock.now().isot, "speed": clock.speed})
        with (data / "kernel.err").open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "drill.cell", told],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._said = b""

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def started(self, seconds: float = _START_S) -> dict[str, Any]:
        """Wait until the observatory is started; give the ``port`` for alerts and the simulators' ``control``.

        :raises Late: if it is not in time, or ended
        """
        return self._answer(seconds)

    def ask(self, words: str) -> dict[str, Any]:
        """Tell it something, and give its answer.

        :raises Late: if it doesn't answer
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(words.encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Late(f"the kernel is gone: {error}") from error
        return self._answer(_ANSWER_S)

    def goes_on(self, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until a sequence runs, or the night observes and nothing is due; give that state.

        :raises Late: with what it does instead
        """
        deadline = time.monotonic() + seconds
        while True:
            state = self.ask("state")
            idle = state["status"] == "observing" and not state["waiting"] and not state["due"]
            if state["running"] is not None or idle:
                return state
            if time.monotonic() > deadline:
                raise Late(f"after {seconds:g} s the night does not go on: {state}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it by SIGKILL, at once."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Let it end in order.

        :raises Late: if it does not
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired as error:
            raise Late(f"the kernel did not end within {_END_S:g} s") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # what it was told last, and never read
                continue

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._said:
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._process.stdout.fileno(), 65536) if readable else b""
            if not chunk:
                last = (self.data / "kernel.err").read_text(errors="replace")[-1000:]
                raise Late(f"the kernel said nothing for {seconds:g} s, or ended; its last words: {last}")
            self._said += chunk
        line, _, self._said = self._said.partition(b"\n")
        return json.loads(line)
