"""Subscribers' XPath filters, asked in a process of their own: a costly one harms its owner only.

libxml2 can't be told to stop, and lxml holds no limit for it; a process can be killed.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lxml import etree

from pyros_kernel.alerts.framing import frame

logger = logging.getLogger(__name__)

MAX_FILTERS = 10  # of one subscriber
MAX_LENGTH = 1000
_WORKER = Path(__file__).with_name("xpath_worker.py")
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
        self._good: set[str] = set()

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
        answers = dict.fromkeys(question.filters, False)
        # Those that were answered before go first: what takes too long holds up only those that are new.
        left = sorted((text for text in question.filters if text not in self._banned), key=self._is_new)
        while left:
            given = self._exchange(question.raw, left)
            answers |= dict(zip(left, given, strict=False))
            self._good.update(left[: len(given)])
            left = left[len(given) :]
            if left:
                logger.warning("the filter %r takes longer than %g s", left[0][:100], self._limit_s)
                self._banned.add(left.pop(0))
        return answers, frozenset(self._banned.intersection(question.filters))

    def _is_new(self, text: str) -> bool:
        return text not in self._good

    def _exchange(self, raw: bytes, filters: Sequence[str]) -> list[bool]:
        """Give the answers up to the first one that took too long, or ended the process."""
        answers: list[bool] = []
        try:
            process = self._started()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(frame(raw) + frame(json.dumps(list(filters)).encode()))
            process.stdin.flush()
            while len(answers) < len(filters) and (lines := _read_lines(process.stdout, self._limit_s)):
                answers += [line == b"1" for line in lines]
        except OSError as error:
            logger.warning("the filters' process ended: %s", error)
        if len(answers) < len(filters):
            self._kill()
        return answers

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = process = subprocess.Popen(
                [sys.executable, "-I", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(frame(b"<a/>") + frame(b'["1"]'))
            process.stdin.flush()
            if not _read_lines(process.stdout, _START_S):
                raise OSError("it does not start")
        return self._process

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with process:
                process.kill()


def _read_lines(stream: IO[bytes], limit_s: float) -> list[bytes]:
    """Read whole lines; nothing if none comes in time."""
    text, deadline_s = b"", time.monotonic() + limit_s
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline_s - time.monotonic()))
        if not ready or not (piece := os.read(stream.fileno(), 1 << 16)):
            return []
        text += piece
    return text.splitlines()
