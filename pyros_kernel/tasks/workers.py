"""The workers of this machine, seen from the process that wants them: started, looked at, stopped."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

from pyros_kernel.child import end_child
from pyros_kernel.settings import Settings
from pyros_kernel.tasks.application import app

logger = logging.getLogger(__name__)

_READY_REAL_S = 90.0
_STOP_REAL_S = 15.0


class WorkersError(Exception):
    """The workers did not start; says what they said."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker as it is now.

    :param state: starting, ready, restarting, or taken: another one serves the queue
    :param restarts: how often it died and was started again
    """

    queue: str
    state: str
    pid: int
    restarts: int


class Workers:
    """Have a worker per queue on this machine; they end with this process, however it ends.

    :param settings: the observatory they work for; that of the environment if left out
    :param queues: all queues of the application if left out
    :param tasks: modules with further tasks, which the workers import too
    """

    def __init__(
        self, settings: Settings | None = None, queues: Iterable[str] | None = None, tasks: Iterable[str] = ()
    ) -> None:
        self.settings = settings or Settings.from_environment()
        self.queues = None if queues is None else tuple(queues)
        self._tasks = tuple(tasks)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether their host lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = _READY_REAL_S) -> Workers:
        """Start them, and wait until each is ready, or says that its queue is served already; twice is once.

        :raises WorkersError: if they are not ready in time
        """
        if self.running:
            return self
        self.stop()
        log = self.settings.data / "log" / "workers.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pyros_kernel.tasks.host", "--die-with-stdin"]
        if self.queues is not None:
            command.append(f"--queues={','.join(self.queues)}")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={**os.environ, **_environment(self.settings, self._tasks)},
                start_new_session=True,  # an interrupted cell must not kill them
            )
        app.use(self.settings)
        assert self._process.stdout is not None
        said = self._read(self._process.stdout, time.monotonic() + timeout_s)
        if not said.endswith("ALL\n"):
            self.stop()
            last = log.read_text(errors="replace")[-2000:]
            raise WorkersError(f"the workers are not ready ({said.split()}); they said:\n{last}")
        for line in said.splitlines():
            if line.startswith("TAKEN"):
                logger.warning("queue %s is served by another worker already", line.partition(" ")[2])
        return self

    def stop(self) -> None:
        """End them: what runs is told to end, and has its grace; twice is once."""
        process, self._process = self._process, None
        if process is not None:
            end_child(process, "the workers' host", _STOP_REAL_S)
            app.let_go()

    def status(self) -> tuple[WorkerStatus, ...]:
        """Look at each; nothing if they are not running."""
        if not self.running or self._process is None:
            return ()
        path = self.settings.data / "tasks" / "hosts" / f"{self._process.pid}.json"
        try:
            found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return ()
        return tuple(WorkerStatus(queue, each["state"], each["pid"], each["restarts"]) for queue, each in found.items())

    def __enter__(self) -> Workers:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self, stdout: IO[bytes], deadline: float) -> str:
        said = b""
        while not said.endswith(b"ALL\n"):
            readable, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(stdout.fileno(), 4096) if readable else b""
            if not chunk:
                break
            said += chunk
        return said.decode()


def _environment(settings: Settings, tasks: Iterable[str]) -> dict[str, str]:
    return {
        "PYROS_DATA": str(settings.data),
        "PYROS_DATABASE_URL": settings.database_url,
        "PYROS_AGENT_CONFIG": str(settings.agent_config),
        "PYROS_SIMULATORS": settings.simulators,
        "PYROS_TASKS": ",".join(tasks) or os.environ.get("PYROS_TASKS", ""),
    }
