"""The kernel's end of the guardian: start it, let the heart beat, hear its opinion, start it again if it dies."""

from __future__ import annotations

import json
import logging
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pyros_kernel.beat import to_next
from pyros_kernel.clock import Clock
from pyros_kernel.safety.guardian.ear import connect
from pyros_kernel.safety.guardian.guardian import BROKEN
from pyros_kernel.safety.verdict import Reason, Safety

logger = logging.getLogger(__name__)

_BEAT_REAL_S = 0.5
_ANSWER_REAL_S = 3.0
_BELIEVED_REAL_S = 5.0  # a guardian that was not heard for so long is dead, and its death is unsafe
_READY_REAL_S = 20.0
_END_REAL_S = 15.0
_DEAF = 3  # so many unanswered heartbeats in a row, and it is replaced
_RESTART_REAL_S = (0.2, 10.0)  # first and longest pause between two restarts in a row


class GuardianError(Exception):
    """The guardian did not start; says what it said."""


class Guarded:
    """Have the observatory guarded by a process that outlives this one.

    :param data: the data directory
    :param clock: the observatory's
    :param addresses: device name → address
    :param kinds: device name → kind, where an address does not say it
    :param simulated: whether the instruments go away with this process
    :param place: the site's latitude and longitude, so that the telescope is parked by day
    """

    def __init__(
        self,
        data: Path,
        clock: Clock,
        addresses: Mapping[str, str],
        *,
        simulated: bool,
        kinds: Mapping[str, str] | None = None,
        place: tuple[float, float] | None = None,
        who: str = "observatory",
    ) -> None:
        self._data, self._who = data, who
        self._duty = json.dumps(
            {
                "data": str(data),
                "clock": clock.to_words(),
                "addresses": dict(addresses),
                "kinds": dict(kinds or {}),
                "simulated": simulated,
                "place": place,
                "linger_real_s": 3.0 if simulated else 600.0,
            }
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._heard: tuple[float, dict[str, Any]] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pyros-heartbeat", daemon=True)
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The guardian's process, if it runs."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def broken(self) -> dict[str, float]:
        """Give what the last guardian here saw broken: rule → unix seconds."""
        try:
            kept = cast("dict[str, float]", json.loads((self._data / BROKEN).read_text(encoding="utf-8")))
            return {str(key): float(when) for key, when in kept.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def start(self) -> None:
        """Start the guardian, and let the heart beat.

        :raises GuardianError: if it does not start
        """
        self._spawn()
        self._exchange("HELLO " + self._who)
        self._thread.start()

    def opinion(self) -> Reason:
        """Say what the guardian says; its silence is unsafe."""

        def say(safety: Safety, text: str, age_s: float | None) -> Reason:
            return Reason("guardian", safety, text, age_s, "close")

        heard = self._heard
        if heard is None:
            return say(Safety.UNKNOWN, "guardian: not heard yet", None)
        age_s, said = time.monotonic() - heard[0], heard[1]
        if age_s > _BELIEVED_REAL_S:
            return say(Safety.UNKNOWN, f"guardian: silent for {age_s:.0f} s", age_s)
        if said.get("acting"):
            return say(Safety.UNSAFE, f"guardian: closes the dome: {said['acting']}", age_s)
        if said.get("safe") is not True:
            return say(Safety.UNSAFE, f"guardian: {said.get('text')}", age_s)
        return say(Safety.SAFE, "guardian: safe", age_s)

    def stop(self) -> None:
        """Release the guardian; one that still has to close the dome does so first.  Twice is once."""
        self._dismiss("RELEASE")

    def relieve(self) -> None:
        """Send the guardian home with the dome as it is: another kernel commands, and has one of its own."""
        self._dismiss("RELIEVE")

    def _dismiss(self, word: str) -> None:
        if self._ending.is_set():
            return
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(_ANSWER_REAL_S + _READY_REAL_S)
        process, self._process = self._process, None
        try:
            self._exchange(word)
        except OSError as error:
            logger.warning("the guardian could not be released: %s", error)
        self._hang_up()
        if process is None:
            return
        try:
            process.wait(_END_REAL_S)
        except subprocess.TimeoutExpired:
            logger.error("the guardian (process %d) is still closing the dome: see its log", process.pid)

    def _beat(self) -> None:
        (pause_s, longest_s), deaf = _RESTART_REAL_S, 0
        while not self._ending.wait(to_next(_BEAT_REAL_S)):
            try:
                self._exchange("HEARTBEAT" if self._link is not None else "HELLO " + self._who)
            except (OSError, ValueError) as error:
                self._hang_up()
                deaf += 1
                if self._process is not None and self._process.poll() is None:
                    logger.warning("the guardian does not answer: %s", error)
                    if deaf < _DEAF:
                        continue
                    self._process.kill()
                    self._process.wait()
                logger.error("the guardian died; it is started again")
                self.restarts += 1
                if self._ending.wait(pause_s):
                    return
                pause_s = min(2 * pause_s, longest_s)
                try:
                    self._spawn()
                except GuardianError as failed:
                    logger.error("%s", failed)
            else:
                deaf, pause_s = 0, _RESTART_REAL_S[0]

    def _spawn(self) -> None:
        log = self._data / "log" / "guardian.err"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            # A session of its own: neither an interrupt nor the end of the kernel reaches it.
            process = subprocess.Popen(
                [sys.executable, "-m", "pyros_kernel.safety.guardian", self._duty],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        assert process.stdout is not None  # asked for above
        with process.stdout as said:
            readable, _, _ = select.select([said], [], [], _READY_REAL_S)
            word = said.readline() if readable else b""
        if word != b"READY\n":
            process.kill()
            process.wait()
            last = log.read_text(errors="replace")[-1000:]
            raise GuardianError(f"the guardian is not ready after {_READY_REAL_S:.0f} s at most; it said:\n{last}")
        self._process = process

    def _exchange(self, line: str) -> None:
        if self._link is None:
            self._link = connect(self._data, _ANSWER_REAL_S)
        self._link.sendall(line.encode() + b"\n")
        said = b""
        while not said.endswith(b"\n"):
            chunk = self._link.recv(65536)
            if not chunk:
                raise ConnectionError("the guardian hung up")
            said += chunk
        self._heard = (time.monotonic(), json.loads(said))

    def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
