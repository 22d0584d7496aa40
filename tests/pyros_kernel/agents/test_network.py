"""Agents of another process are seen and stopped over the network."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from pyros_kernel.agents import Agent, AgentConfig, shutdown_all, status

HEADLESS = """
import sys, threading
from pyros_kernel.agents import Agent, AgentConfig, AgentHost, Watcher
config = AgentConfig.read(sys.argv[1])
host = AgentHost({
    Agent.MAJORDOME: lambda: Agent(Agent.MAJORDOME, config=config),
    Agent.WATCHER: lambda: Watcher(host, config=config),
})
host.start_all()
print("ready", flush=True)
while host.is_running():
    threading.Event().wait(0.02)
host.stop_all()
print([t.name for t in threading.enumerate()], flush=True)
"""


def test_headless_agents_are_seen_and_shut_down(config: AgentConfig, tmp_path: Path) -> None:
    path = tmp_path / "pyros_agent_config.ini"
    config.write(path)
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", HEADLESS, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        try:
            assert child.stdout is not None and child.stderr is not None
            assert child.stdout.readline() == "ready\n", child.stderr.read()
            seen = {s["name"]: s for s in status(config)}
            assert list(seen) == list(config.addresses)
            assert seen[Agent.MAJORDOME]["pid"] == child.pid
            assert seen[Agent.WATCHER]["state"] == "running"
            assert seen[Agent.MAJORDOME]["address"] == str(config.address(Agent.MAJORDOME))
            assert seen[Agent.SCHEDULER] == {
                "name": "scheduler",
                "address": str(config.address(Agent.SCHEDULER)),
                "state": "stopped",
            }
            outcome = shutdown_all(config)
            assert next(iter(outcome)) == Agent.WATCHER
            assert outcome == {
                "watcher": "stopped",
                "majordome": "stopped",
                **dict.fromkeys(("alert_manager", "scheduler", "monitoring"), "was not running"),
            }
            out, err = child.communicate(timeout=20)
            assert (out, err, child.returncode) == ("['MainThread']\n", "", 0)
        finally:
            child.kill()
    assert {s["state"] for s in status(config)} == {"stopped"}


def test_a_stranger_on_the_port_is_shown_as_unknown(config: AgentConfig) -> None:
    address = config.address(Agent.SCHEDULER)
    with socket.create_server((address.ip, address.port)):
        (seen,) = [s for s in status(config, timeout_s=0.2) if s["name"] == Agent.SCHEDULER]
        assert seen["state"] == "unknown"
        assert "listens but does not answer" in seen["last_error"]
        assert "listens but does not answer" in shutdown_all(config, timeout_s=0.2)[Agent.SCHEDULER]
