"""In a real ipykernel, agents come and go twenty times, survive an interrupt, and leave nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, time
from jupyter_client.manager import KernelManager

CELLS = [
    '''
import gc, os, signal, threading
from pyros_kernel.agents import Agent, AgentConfig, AgentHost, Sender, Watcher, use
def left():
    gc.collect()
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("pyros-"))
def handlers():
    return [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
def files():
    return len(os.listdir("/proc/self/fd"))
use(AgentConfig.with_free_ports())
host = AgentHost({
    Agent.MAJORDOME: lambda: Agent(Agent.MAJORDOME),
    Agent.WATCHER: lambda: Watcher(host),
})
host.start_all(); Sender.ask(Agent.MAJORDOME, "status"); host.stop_all()
before = handlers(), files()
for _ in range(20):
    host.start_all()
    Sender.ask(Agent.MAJORDOME, "status")
    host.stop_all()
deadline = threading.Event()
for _ in range(200):
    if files() <= before[1]: break
    deadline.wait(0.02)
print(left(), handlers() == before[0], files() <= before[1])
host.start_all()
''',
    "import time; time.sleep(60)",
    "print([v.state for v in host.views()], Sender.ask(Agent.MAJORDOME, 'status')['errors'])",
    "print(host.stop_all(), left())",
]
EXPECTED = ["[] True True", None, "['running', 'running'] 0", "() []"]

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
                time.sleep(0.3)
                manager.interrupt_kernel()
        reply = client.execute_interactive(cell, output_hook=hook, timeout=60)["content"]
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


def test_agents_in_a_kernel(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "IPYTHONDIR": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        start_new_session=True,
        check=False,
    )
    assert ran.stdout.strip() == "well []", ran.stdout + ran.stderr
