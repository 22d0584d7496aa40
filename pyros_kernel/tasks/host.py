"""The process that has a machine's workers: forks one per queue, restarts what dies, and ends all with itself.

``python -m pyros_kernel.tasks.host --queues a_q,b_q``.  It imports everything once, for all of them, and stays
without threads and connections, so that forking is safe; a process of its own looks after the table of tasks.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from pyros_kernel.tasks import place
from pyros_kernel.tasks.application import app
from pyros_kernel.tasks.children import adopt_orphans, childless, ended
from pyros_kernel.tasks.queues import queues_of
from pyros_kernel.tasks.sweep import PAUSE_REAL_S, PeriodicTasks, sweep
from pyros_kernel.tasks.worker import END_REAL_S, TAKEN, serve

logger = logging.getLogger(__name__)

SWEEPER = "-sweeper"
_LONGEST_WAIT_REAL_S = 30.0  # whatever happens ends the wait; this bounds a defect in that
_FIRST_PAUSE_REAL_S, _LAST_PAUSE_REAL_S = 0.5, 30.0
_TAKEN_PAUSE_REAL_S = 2.0
_STEADY_REAL_S = 30.0  # who lives so long starts again without a pause


@dataclass
class _Child:
    """A worker, or the sweeper.

    :param next_s: when to start it (again), ``time.monotonic``
    """

    name: str
    pid: int = 0
    state: str = "starting"
    restarts: int = 0
    started_s: float = 0.0
    next_s: float = 0.0
    pause_s: float = _FIRST_PAUSE_REAL_S


class Host:
    """The workers of this machine for some queues."""

    def __init__(self, queues: list[str], *, die_with_stdin: bool) -> None:
        self._queues, self._die_with_stdin = queues, die_with_stdin
        self._children = {name: _Child(name) for name in [*queues, SWEEPER]}
        self._ready_read, self._ready_write = os.pipe()
        self._life_read, self._life_write = os.pipe()
        self._signalled, self._signal = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)  # readable once a signal came
        self._ending = False
        self._told: set[str] = set()
        self._path = place.settings().data / "tasks" / "hosts" / f"{os.getpid()}.json"
        self._written = ""

    def run(self) -> None:
        """Have the workers, until told to end."""
        signal.set_wakeup_fd(self._signal, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_end)
        signal.signal(signal.SIGINT, self._on_end)
        signal.signal(signal.SIGCHLD, self._on_child)
        adopt_orphans()
        try:
            while not self._ending:
                self._start_due()
                self._wait()
                self._reap()
                self._write_state()
        finally:
            self._stop()
            self._path.unlink(missing_ok=True)

    def _on_end(self, *_: object) -> None:
        self._ending = True

    def _on_child(self, *_: object) -> None:
        """End the wait: somebody ended."""

    def _start_due(self) -> None:
        for child in self._children.values():
            if child.pid == 0 and time.monotonic() >= child.next_s:
                child.pid = self._fork(child.name)
                child.started_s = time.monotonic()
                child.state = "ready" if child.name == SWEEPER else "starting"

    def _fork(self, name: str) -> int:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.set_wakeup_fd(-1)
            for mine in (self._life_write, self._ready_read, self._signalled, self._signal):
                os.close(mine)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            work: Callable[[], NoReturn] = (
                (lambda: _keep_sweeping(self._queues, self._life_read))
                if name == SWEEPER
                else (lambda: serve(name, self._ready_write, self._life_read))
            )
            work()
        except BaseException:  # nothing may go on in a forked copy of the host; the log has it
            logger.exception("%s ended by a defect", name)
        finally:
            os._exit(1)

    def _wait(self) -> None:
        starts = [child.next_s for child in self._children.values() if child.pid == 0]
        next_s = min([time.monotonic() + _LONGEST_WAIT_REAL_S, *starts])
        readable = self._wait_until(next_s, self._ready_read, *([0] if self._die_with_stdin else []))
        if 0 in readable and not os.read(0, 4096):
            self._ending = True
        if self._ready_read in readable:
            for line in os.read(self._ready_read, 65536).decode().splitlines():
                word, _, queue = line.partition(" ")
                self._children[queue].state = word.lower()
                self._tell(line, queue)

    def _tell(self, line: str, queue: str) -> None:
        """Tell whoever started this, once per queue."""
        if queue in self._told:
            return
        self._told.add(queue)
        self._write_state()
        print(line, flush=True)  # noqa: T201
        if self._told == set(self._queues):
            print("ALL", flush=True)  # noqa: T201

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in self._children.values():
                if child.pid == pid:
                    self._plan_restart(child, os.waitstatus_to_exitcode(status))

    def _plan_restart(self, child: _Child, code: int) -> None:
        child.pid, now_s = 0, time.monotonic()
        if code == TAKEN:
            child.state, child.next_s = "taken", now_s + _TAKEN_PAUSE_REAL_S
            return
        if now_s - child.started_s > _STEADY_REAL_S:
            child.pause_s = _FIRST_PAUSE_REAL_S
        logger.error("%s ended (%d); it starts again in %.1f s", child.name, code, child.pause_s)
        child.state, child.next_s = "restarting", now_s + child.pause_s
        child.restarts, child.pause_s = child.restarts + 1, min(2 * child.pause_s, _LAST_PAUSE_REAL_S)

    def _stop(self) -> None:
        os.close(self._life_write)  # tells the workers, and the sweeper
        deadline = time.monotonic() + END_REAL_S + 2.0
        left = [child for child in self._children.values() if child.pid]
        while left := [child for child in left if not ended(child.pid)]:
            if time.monotonic() > deadline:
                break
            self._wait_until(deadline)  # each end is a signal
        for child in left:
            logger.error("%s did not end: killed", child.name)
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
        while not childless() and time.monotonic() < deadline:  # the workers' own processes, which came to us
            self._wait_until(deadline)

    def _wait_until(self, end_s: float, *files: int) -> list[int]:
        """Wait for a signal, or until a file can be read, or until ``time.monotonic()`` says so; give those files."""
        readable, _, _ = select.select([self._signalled, *files], [], [], max(0.0, end_s - time.monotonic()))
        if self._signalled in readable:
            os.read(self._signalled, 4096)
        return [file for file in readable if file != self._signalled]

    def _write_state(self) -> None:
        text = json.dumps(
            {
                c.name: {"pid": c.pid, "state": c.state, "restarts": c.restarts}
                for c in self._children.values()
                if c.name != SWEEPER
            }
        )
        if text != self._written:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".part")
            part.write_text(text, encoding="utf-8")
            part.replace(self._path)
            self._written = text


def _keep_sweeping(queues: list[str], life: int) -> NoReturn:
    periodic = PeriodicTasks(app, queues)
    while True:
        readable, _, _ = select.select([life], [], [], PAUSE_REAL_S)
        if readable:
            os._exit(0)
        try:
            sweep(app)
            periodic.send()
        except Exception:  # a database or a broker that is away comes back; the log has it
            logger.exception("looking after the tasks failed")


def main() -> None:
    """Run the workers of some queues in the foreground."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--queues", default="", help="comma-separated; all if left out")
    parser.add_argument("--die-with-stdin", action="store_true")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    app.loader.import_default_modules()
    app.finalize()
    known = queues_of(app)
    queues = [q for q in given.queues.split(",") if q] or known
    if unknown := sorted(set(queues) - set(known)):
        sys.exit(f"no task is sent to {', '.join(unknown)}; the queues are {', '.join(known)}")
    Host(queues, die_with_stdin=given.die_with_stdin).run()


if __name__ == "__main__":
    main()
