"""A notebook attached to agents that run headless, on simulators that somebody else started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time

from pyros_kernel import Observatory
from pyros_kernel.agents import Agent, AgentConfig, NotDelivered, Sender
from pyros_kernel.agents.majordome import Majordome
from pyros_kernel.clock import Clock
from pyros_kernel.lease import NotCommanding
from pyros_kernel.opening import first_fixtures
from pyros_kernel.settings import Settings
from pyros_kernel.simulation import SimulatorProcess, SimulatorsAway
from pyros_kernel.store import Store
from pyros_kernel.tasks.context import Finder, write_context
from tests.waiting import status, until
from tests.widgets.conftest import Look

SPEED = 100.0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def simulators(tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> SimulatorProcess:
    """Start simulators on a night of long ago, and let everybody know of them, of the store and of the agents."""
    ini = tmp_path / "pyros_agent_config.ini"
    AgentConfig.with_free_ports().write(ini)
    monkeypatch.setenv("PYROS_DATABASE_URL", f"sqlite:///{tmp_path / 'pyros.sqlite'}")
    monkeypatch.setenv("PYROS_AGENT_CONFIG", str(ini))
    store = Store.open(os.environ["PYROS_DATABASE_URL"])
    stack.callback(store.close)
    site = first_fixtures(store, ("night_2022-09-29.json",))
    process = SimulatorProcess(
        store, site, Clock(Time("2022-09-30T08:00:00", scale="utc"), SPEED), tmp_path / "sim.log"
    )
    process.start()
    stack.callback(process.stop)
    monkeypatch.setenv("PYROS_SIMULATORS", process.control_address.partition("//")[2].partition("/")[0])
    return process


@pytest.fixture
def headless(simulators: SimulatorProcess, tmp_path: Path, stack: ExitStack) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pyros_kernel.cli", "--data", str(tmp_path / "dome"), "agents", "start"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end() -> None:
        process.terminate()
        process.communicate(timeout=60)

    stack.callback(end)
    assert process.stdout is not None
    said = [next(process.stdout)]
    while "observatory San Pedro" not in said[-1]:
        said.append(next(process.stdout))
    return process


def test_a_notebook_sees_and_commands_headless_agents_and_shows_them_in_panels(
    headless: subprocess.Popen[str], tmp_path: Path
) -> None:
    obs = Observatory(tmp_path / "notebook").attach()
    try:
        assert obs.clock.speed == SPEED
        until(lambda: {a.state for a in obs.snapshot().agents} <= {"running", "busy"}, "the agents run")
        assert [line.split()[0] for line in repr(obs.agents).splitlines()][:2] == ["agent", "majordome"]
        assert all(a.uptime_s for a in obs.snapshot().agents)
        night = obs.observe()
        until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "a sequence executes")
        until(lambda: all(d.connected for d in obs.snapshot().devices), "each device is seen")
        assert (night.status, night.ended) == ("observing", False)
        panel = obs.panel("agents")
        until(lambda: all(name in Look(panel).html for name in ("majordome", "monitoring")), "the panel shows them")
        panel.close()
        obs.pause("to look")
        until(lambda: status(obs) == "paused", "paused")
        Sender.send_to(Agent.MAJORDOME, Majordome.MSG_RESUME)
        until(lambda: status(obs) == "observing", "observing again")
        obs.agents.restart(Agent.MONITORING)
        until(lambda: [a.restarts for a in obs.agents.views() if a.name == Agent.MONITORING] == [1], "a new one")
        with pytest.raises(NotCommanding, match=rf"process {headless.pid} "):
            obs.by_hand.send("dome", "DO", "CLOSE")
        obs.stop_night("seen enough")
        assert night.wait(60) == "closed"
        headless.terminate()
        headless.wait(60)
        until(lambda: {a.state for a in obs.snapshot().agents} == {"stopped"}, "they are gone")
        with pytest.raises(NotDelivered, match="does not listen"):
            obs.observe()
    finally:
        obs.stop()
    with pytest.raises(NotDelivered, match="majordome"):
        obs.attach()
    obs.stop()


def test_the_clock_and_the_devices_are_the_simulators_own(simulators: SimulatorProcess, tmp_path: Path) -> None:
    settings = Settings.from_environment(tmp_path)
    store = Store.open(settings.database_url)
    finder = Finder()
    found = finder.find(settings, store)
    assert found is not None and found == finder.find(settings, store)  # nothing is opened anew
    before_s = Time("2022-09-30T08:00:00", scale="utc").unix
    with Observatory(tmp_path) as obs:
        assert obs.clock.speed == SPEED and obs.clock.unix_s() > before_s
        until(lambda: all(d.connected and not d.stale for d in obs.snapshot().devices), "each device answers")
        assert obs.services.devices["dome"].address == found.addresses["dome"]
        with pytest.raises(ValueError, match="another process"):
            _ = obs.simulators
    simulators.stop()
    assert finder.find(settings, store) == found  # known from before: each device says by itself that it is away
    with pytest.raises(SimulatorsAway, match=r"no simulators at .* start them with `pyros simulators`"):
        Finder().find(settings, store)
    store.close()


class Starting(Agent):
    """A Majordome whose observatory has just started when it can first be asked.

    :param started: called then
    """

    def __init__(self, started: Callable[[], object], config: AgentConfig) -> None:
        super().__init__(Agent.MAJORDOME, config=config)
        self._started = started

    def status(self) -> dict[str, Any]:
        self._started()
        return super().status()


def test_who_attaches_in_the_middle_of_a_start_sees_what_it_starts(tmp_path: Path, stack: ExitStack) -> None:
    with Observatory(tmp_path, night="2022-09-29") as earlier:
        services, config = earlier.services, AgentConfig.read(earlier.settings.agent_config)
    there = "pyros://127.0.0.1:9/DOME"
    majordome = Starting(lambda: write_context(services, {"dome": there}), config)
    majordome.start()
    stack.callback(majordome.stop)
    stack.callback(Sender.close)
    obs = Observatory(tmp_path)
    stack.callback(obs.stop)
    obs.attach()
    assert obs.devices["dome"].address == there, "not where the dome's row says"
    assert obs.clock.unix_s() == pytest.approx(services.clock.unix_s(), abs=5.0)


def test_who_goes_by_the_simulators_clock_can_give_no_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="simulators that run have their clock"):
        Observatory(tmp_path, simulators="127.0.0.1:11110", speed=10)
    with pytest.raises(ValueError, match="host:port"):
        Observatory(tmp_path, simulators="somewhere").start()
