"""In a real ipykernel, workers come and go again and again, outlive an interrupted cell, and leave nothing.

Three times; twenty with PYROS_NIGHTLY=1 (1.5 s each on a quiet machine).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CYCLES = 20 if os.environ.get("PYROS_NIGHTLY") else 3
SCRIPT = """
import sys, time
from jupyter_client.manager import KernelManager

CELLS = [
    '''
import gc, os, signal, threading, psutil
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
''',
    "result.get()",
    "print(workers.running, [s.state for s in workers.status()], result.state)",
    "open(f'{data}/enough', 'w').close(); print(result.get(timeout=30)); workers.stop(); print(left() == before)",
]
EXPECTED = ["[] True", None, "True ['ready'] PROGRESS", "exposed\\nTrue"]

manager = KernelManager()
manager.start_kernel(independent=False)
client = manager.client()
client.start_channels()
failures = []
try:
    client.wait_for_ready(timeout=60)
    for cell, expected in zip(CELLS, EXPECTED):
        printed = []
        def hook(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            if message["msg_type"] == "status" and content["execution_state"] == "busy" and expected is None:
                time.sleep(0.5)
                manager.interrupt_kernel()
        reply = client.execute_interactive(cell, output_hook=hook, timeout=400)["content"]
        if expected is None:
            if reply.get("ename") != "KeyboardInterrupt":
                failures.append((cell, reply))
        elif "".join(printed).strip() != expected:
            failures.append((cell, printed, reply.get("traceback")))
finally:
    client.stop_channels()
    manager.shutdown_kernel()
print("FAILED" if failures else "well", failures)
"""


@pytest.mark.timeout(600)
def test_workers_in_a_kernel(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYROS_BROKER_URL"},
        "IPYTHONDIR": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": str(tmp_path),
        "PYROS_DATA": str(tmp_path / "data"),
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
        "CYCLES": str(CYCLES),
    }
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=580,
        start_new_session=True,
        check=False,
    )
    assert ran.stdout.strip() == "well []", ran.stdout + ran.stderr
