"""A task's round trip and throughput on each broker, next to a bare process pool, in one run; and idle workers.

A task is written down, carried, claimed, run in another process and written down again; a call of the pool is
only carried.  So the pool is the floor of what a process costs, not what a task should cost.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import psutil

from pyros_kernel.settings import ROOT, Settings
from pyros_kernel.tasks import Workers, app, ledger

ROUND_TRIPS = 80
QUEUED = 100
IDLE_S = 5.0
LONGEST_S = 60.0
BROKERS = {
    "embedded": ("", 0),
    "Redis": ("redis://127.0.0.1:6379/15", 6379),
    "RabbitMQ": ("amqp://guest:guest@127.0.0.1:5672//", 5672),
}


@app.task(name="benchmarks.mul", goes_to="benchmark_q")
def mul(x: int, y: int) -> int:
    """Multiply."""
    return x * y


@app.task(name="benchmarks.stay", goes_to="benchmark_q")
def stay(seconds: float) -> None:
    """Last long; its worker dies meanwhile."""
    time.sleep(seconds)


def run() -> list[tuple[str, str]]:
    """Measure; return (what, figure) rows."""
    rows: list[tuple[str, str]] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        rows += _figures(
            "bare process pool",
            lambda: pool.submit(_plain, 4, 5).result(),
            lambda: [f.result() for f in [pool.submit(_plain, i, 2) for i in range(QUEUED)]],
        )
    for name, (url, port) in BROKERS.items():
        if port and not _listens(port):
            rows.append((f"{name}: left out", f"nothing listens at 127.0.0.1:{port}"))
            continue
        with tempfile.TemporaryDirectory() as data, _environment(url):
            began = time.monotonic()
            with Workers(Settings.from_environment(data), ["benchmark_q"], [__name__]):
                rows.append((f"{name}: start to ready", f"{time.monotonic() - began:.1f} s"))
                rows += _figures(
                    name,
                    lambda: mul.delay(4, 5).get(timeout=30),
                    lambda: [r.get(timeout=60) for r in [mul.delay(i, 2) for i in range(QUEUED)]],
                )
                rows.append((f"{name}: worker killed; its task called lost after", f"{_seen_lost_s():.1f} s"))
            with app.connection_for_write() as connection:
                connection.default_channel.queue_delete("benchmark_q")
            app.use(None)
    rows.append(_idle())
    return rows


def _seen_lost_s() -> float:
    """Kill the worker of a task that runs, whole; give the seconds until the task is known to be lost."""
    task = stay.delay(60)
    while (row := ledger.read(task.id)) is None or row.state != "STARTED":
        time.sleep(0.01)
    os.killpg(os.getpgid(int(row.worker.rpartition(":")[2])), signal.SIGKILL)
    began = time.monotonic()
    while (row := ledger.read(task.id)) is not None and row.state != "LOST" and time.monotonic() - began < LONGEST_S:
        time.sleep(0.01)
    return time.monotonic() - began


def _plain(x: int, y: int) -> int:
    return x * y


def _figures(name: str, once: Callable[[], object], many: Callable[[], object]) -> list[tuple[str, str]]:
    for _ in range(5):
        once()
    times_ms: list[float] = []
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        once()
        times_ms.append((time.perf_counter() - began) * 1e3)
    times_ms.sort()
    began = time.perf_counter()
    many()
    rate = QUEUED / (time.perf_counter() - began)
    p50, p99 = times_ms[len(times_ms) // 2], times_ms[int(0.99 * len(times_ms))]
    return [(f"{name}: round trip p50, p99", f"{p50:.2f} ms, {p99:.2f} ms"), (f"{name}: throughput", f"{rate:.0f}/s")]


def _idle() -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as data, _environment(""):
        with Workers(Settings.from_environment(data)) as workers:
            time.sleep(10.0)  # what starts is not idle
            family = psutil.Process().children(recursive=True)

            def used_s() -> float:
                return sum(p.cpu_times().user + p.cpu_times().system for p in family)

            before_s = used_s()
            time.sleep(IDLE_S)
            percent = 100 * (used_s() - before_s) / IDLE_S
            memory_mb = sum(p.memory_full_info().uss for p in family) / 1e6
            count = len(workers.status())
        app.use(None)
    return f"embedded: {count} idle workers", f"{percent:.1f} % of a core, {memory_mb:.0f} MB of their own"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _environment(url: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("PYROS_BROKER_URL", "PYTHONPATH")}
    os.environ["PYROS_BROKER_URL"] = url
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(ROOT)), before["PYTHONPATH"]]))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
