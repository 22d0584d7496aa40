"""In a real ipykernel, workers come and go again and again, outlive an interrupted cell, and leave nothing.

Three times; twenty with PYROS_NIGHTLY=1 (1.5 s each on a quiet machine).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.kernel import INTERRUPTED, run_cells

HERE = Path(__file__).parent
TIMES = "20" if os.environ.get("PYROS_NIGHTLY") else "3"
CYCLES = """import gc, os, signal, threading, psutil
import pyros_test_operations as operations
from pyros_kernel.tasks import Workers
workers = Workers(queues=["my_operations_q"], tasks=[operations.__name__])
def left():
    gc.collect()
    me = psutil.Process()
    return (
        [p.cmdline() for p in me.children(recursive=True)],
        sorted(t.name for t in threading.enumerate() if t.name.startswith("pyros-")),
        [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1)],
        me.num_fds(),
    )
before = None
for cycle in range(int(os.environ["CYCLES"])):
    workers.start()
    assert operations.mul.delay(cycle, 2).get(timeout=30) == 2 * cycle
    workers.stop()
    before = before or left()
print(before[0], left() == before)
workers.start()
data = os.environ["PYROS_DATA"]
result = operations.expose.delay(60, data)
while not os.path.exists(f"{data}/began"):
    threading.Event().wait(0.05)
"""
CELLS = {
    CYCLES: "[] True",
    "result.get()": INTERRUPTED,
    "print(workers.running, [s.state for s in workers.status()], result.state)": "True ['ready'] PROGRESS",
    "open(f'{data}/enough', 'w').close(); print(result.get(timeout=30)); workers.stop(); print(left() == before)": (
        "exposed\nTrue"
    ),
}


@pytest.mark.timeout(600)
def test_workers_in_a_kernel(tmp_path: Path) -> None:
    path = os.pathsep.join([str(HERE), *sys.path])
    run_cells(
        CELLS, tmp_path, 390, CYCLES=TIMES, PYROS_BROKER_URL="", PYROS_DATA=str(tmp_path / "data"), PYTHONPATH=path
    )
