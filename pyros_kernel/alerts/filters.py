"""Subscribers' XPath filters, asked in a process of their own: a costly one harms its owner only.

libxml2 can't be told to stop, and lxml holds no limit for it; a process can be killed.
"""

from __future__ import annotations

import json
import logging
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from lxml import etree

from pyros_kernel.alerts.framing import frame

logger = logging.getLogger(__name__)

MAX_FILTERS = 10  # of one subscriber
MAX_LENGTH = 1000
_START_S = 10.0  # until a new process has answered its first question
_STOP_S = 2.0
_WAITING = 1000


def problem_of(filters: Sequence[str]) -> str:
    """Say why these filters can't be taken; empty if they can."""
    if len(filters) > MAX_FILTERS:
        return f"{len(filters)} filters are more than the {MAX_FILTERS} a subscriber may have"
    for text in filters:
        if len(text) > MAX_LENGTH:
            return f"a filter of {len(text)} characters is longer than {MAX_LENGTH}"
        try:
            etree.XPath(text)
        except (etree.XPathError, ValueError) as error:
            return f"the filter {text[:100]!r} is no XPath: {error}"
    return ""


@dataclass(frozen=True, slots=True)
class _Question:
    raw: bytes
    filters: tuple[str, ...]
    answered: Callable[[dict[str, bool], frozenset[str]], None]


class FilterPool:
    """Ask packets what subscribers want to know, in the packets' order.

    :param limit_s: how long (real) one expression may take for one packet
    """

    def __init__(self, limit_s: float = 0.2) -> None:
        self._limit_s = limit_s
        self._questions: queue.Queue[_Question | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._banned: set[str] = set()

    def ask(
        self, raw: bytes, filters: Sequence[str], answered: Callable[[dict[str, bool], frozenset[str]], None]
    ) -> bool:
        """Ask a packet.

        :param answered: called in the pool's thread with expression → whether it holds, and those that took too long
        :return: whether there was room for the question
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pyros-filters", daemon=True)
            self._thread.start()
        try:
            self._questions.put_nowait(_Question(raw, tuple(filters), answered))
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """End the thread and its process; what still waits is not asked."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        while True:
            try:
                self._questions.get_nowait()
            except queue.Empty:
                break
        self._questions.put(None)
        thread.join(_START_S + _STOP_S)

    def _run(self) -> None:
        try:
            while (question := self._questions.get()) is not None:
                try:
                    question.answered(*self._answers(question))
                except Exception:  # one packet's question must not end those of the others
                    logger.exception("a subscriber's filter could not be asked")
        finally:
            self._kill()

    def _answers(self, question: _Question) -> tuple[dict[str, bool], frozenset[str]]:
        allowed = [text for text in question.filters if text not in self._banned]
        answers = dict.fromkeys(question.filters, False)
        together = self._exchange(question.raw, allowed) if allowed else []
        if together is None:
            # One of them took too long, or ended the process: each alone, so that only that one pays.
            for text in allowed:
                alone = self._exchange(question.raw, [text])
                if alone is None:
                    self._banned.add(text)
                else:
                    answers[text] = alone[0]
        else:
            answers |= dict(zip(allowed, together, strict=True))
        return answers, frozenset(text for text in question.filters if text in self._banned)

    def _exchange(self, raw: bytes, filters: Sequence[str]) -> list[bool] | None:
        try:
            process = self._started()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(frame(raw) + frame(json.dumps(list(filters)).encode()))
            process.stdin.flush()
            line = _read_line(process.stdout, self._limit_s)
        except OSError as error:
            logger.warning("the filters' process ended: %s", error)
            line = b""
        if not line:
            self._kill()
            return None
        return json.loads(line)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "pyros_kernel.alerts.xpath_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(frame(b"<a/>") + frame(b"[]"))
            process.stdin.flush()
            if not _read_line(process.stdout, _START_S):
                raise OSError("it does not start")
        return self._process

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.kill()


def _read_line(stream: IO[bytes], limit_s: float) -> bytes:
    """Read a line; nothing if it does not come in time."""
    line, deadline_s = b"", time.monotonic() + limit_s
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline_s - time.monotonic()))
        if not ready or not (piece := stream.read1(1 << 16)):  # type: ignore[attr-defined]
            return b""
        line += piece
    return line
