"""In a real ipykernel, agents come and go twenty times, survive an interrupt, and leave nothing."""

from __future__ import annotations

from pathlib import Path

from tests.kernel import INTERRUPTED, run_cells

CYCLES = """import gc, os, signal, threading
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
"""
CELLS = {
    CYCLES: "[] True True",
    "import time; time.sleep(60)": INTERRUPTED,
    "print({v.state for v in host.views()}, Sender.ask(Agent.MAJORDOME, 'status')['errors'])": "{'running'} 0",
    "print(host.stop_all(), left())": "() []",
}


def test_agents_in_a_kernel(tmp_path: Path) -> None:
    run_cells(CELLS, tmp_path, 100)
