"""One worker: one process (and the one it runs tasks in) for one queue, started by :mod:`pyros_kernel.tasks.host`."""

# pyright: reportUntypedFunctionDecorator=false

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from typing import Any, NoReturn

from celery.signals import worker_ready
from celery.worker import state

from pyros_kernel.tasks import file_transport, place
from pyros_kernel.tasks.abort import ABORT
from pyros_kernel.tasks.application import app
from pyros_kernel.tasks.pool import RestingPool
from pyros_kernel.tasks.queue_lock import QueueLock

TAKEN = 75  # exit status: another worker serves the queue (EX_TEMPFAIL)
END_REAL_S = 8.0  # what an aborted task may take to leave things safe; a bit more than its grace


def serve(queue: str, ready: int, life: int) -> NoReturn:
    """Serve a queue until told to end, in a process of its own.

    :param ready: file to write ``READY`` or ``TAKEN`` to
    :param life: file that ends when the worker has to
    """
    os.setpgid(0, 0)
    signal.signal(ABORT, signal.SIG_IGN)  # it is for the process that runs the task, in the same group
    _redirect(queue)
    lock = QueueLock(f"worker:{queue}")
    if not lock.acquire():
        os.write(ready, f"TAKEN {queue}\n".encode())
        os._exit(TAKEN)
    threading.Thread(target=_end_with, args=(life,), name="pyros-life", daemon=True).start()

    @worker_ready.connect
    def tell(**_: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        os.write(ready, f"READY {queue}\n".encode())

    worker = app.Worker(
        queues=[queue],
        concurrency=1,
        pool=RestingPool,
        loglevel="INFO",
        hostname=f"{queue}@{os.uname().nodename}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        optimization="fair",
    )
    worker.start()
    logging.shutdown()
    os._exit(worker.exitcode or 0)


def _end_with(life: int) -> None:
    """End with whoever started this: its end of the pipe closes, however it died."""
    os.read(life, 1)
    threading.Timer(END_REAL_S, os.killpg, (os.getpid(), signal.SIGKILL)).start()
    os.killpg(os.getpid(), ABORT)
    if place.scheme() != file_transport.SCHEME:
        os.kill(os.getpid(), signal.SIGTERM)  # Celery's way, which tells the broker; it takes seconds
        return
    while state.active_requests:
        time.sleep(0.02)
    file_transport.give_all_back()
    logging.shutdown()
    os.killpg(os.getpid(), signal.SIGKILL)  # nothing runs, and nothing is held: there is nothing to wait for


def _redirect(queue: str) -> None:
    path = place.settings().data / "log" / f"worker-{queue}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, to in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(file, to)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(processName)s %(name)s: %(message)s",
        force=True,
    )
