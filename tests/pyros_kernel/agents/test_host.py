"""The host brings all agents up and down, and the Watcher brings the dead and the hung back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from pyros_kernel.agents import (
    Agent,
    AgentConfig,
    AgentHost,
    AlreadyRunning,
    Refused,
    RestartPolicy,
    Sender,
    UnknownAgent,
    Watcher,
)
from pyros_kernel.signs import sign
from pyros_kernel.store import Store

Until = Callable[..., None]

QUICK = RestartPolicy(first_s=0.02, longest_s=0.05, limit=3, window_s=600)


class Stage:
    """What the agents of a test did, over all their lives."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.hold = threading.Event()
        self.broken = False


class Actor(Agent):
    hang_s = 0.1

    def __init__(self, name: str, stage: Stage) -> None:
        super().__init__(name)
        self.stage = stage
        self.actions_by_message.update({"Die": self.die, "Hang": self.hang, "Play": self.play})

    def work(self) -> None:
        if self.stage.broken:
            raise OSError("the stage is broken")
        self.stage.log.append(f"{self.name} on")

    def shutdown(self) -> None:
        self.stage.log.append(f"{self.name} off")

    def play(self) -> None:
        self.stage.log.append(f"{self.name} plays")

    def die(self) -> None:
        raise SystemExit(1)

    def hang(self) -> None:
        self.stage.hold.wait(20)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.hold.set()


@pytest.fixture
def host(config: AgentConfig, stage: Stage) -> Iterator[AgentHost]:
    made = AgentHost(
        {
            Agent.MAJORDOME: lambda: Actor(Agent.MAJORDOME, stage),
            Agent.SCHEDULER: lambda: Actor(Agent.SCHEDULER, stage),
            Agent.WATCHER: lambda: Watcher(made, look_s=0.02),
        },
        policy=QUICK,
        look_s=0.02,
    )
    yield made
    stage.hold.set()
    made.stop_all()


def state(host: AgentHost, name: str) -> tuple[str, int]:
    (view,) = [v for v in host.views() if v.name == name]
    return view.state, view.restarts


def test_all_start_in_order_and_stop_in_reverse_and_again(host: AgentHost, stage: Stage, until: Until) -> None:
    assert [v.state for v in host.views()] == ["stopped"] * 3
    for _ in range(2):
        host.start_all()
        assert host.is_running()
        until(lambda: [v.state for v in host.views()] == ["running"] * 3)
        with pytest.raises(RuntimeError, match="run already"):
            host.start_all()
        assert host.stop_all() == ()
        assert not host.is_running()
        assert [v.state for v in host.views()] == ["stopped"] * 3
        assert sorted(stage.log[:2]) == ["majordome on", "scheduler on"]
        assert stage.log[2:] == ["scheduler off", "majordome off"]
        stage.log.clear()


def test_twenty_starts_leave_no_thread(host: AgentHost) -> None:
    before = threading.active_count()
    for _ in range(20):
        host.start_all()
        assert host.stop_all() == ()
        assert threading.active_count() == before


def test_if_one_cannot_start_none_stays(host: AgentHost, stage: Stage) -> None:
    other = Actor(Agent.SCHEDULER, stage)
    other.start()
    with pytest.raises(AlreadyRunning, match="'scheduler'"):
        host.start_all()
    assert not host.is_running()
    assert other.stop()
    host.start_all()


@pytest.mark.parametrize("name", [Agent.MAJORDOME, Agent.SCHEDULER])
def test_a_dead_agent_is_restarted(host: AgentHost, stage: Stage, until: Until, name: str) -> None:
    host.start_all()
    Sender.send_to(name, "Die")
    until(lambda: state(host, name) == ("running", 1))
    Sender.send_to(name, "Play")
    until(lambda: f"{name} plays" in stage.log)
    assert stage.log.count(f"{name} off") == 1
    assert [i.what for i in host.incidents] == ["died: SystemExit: 1; to be restarted in 0.02 s", "restarted"]
    assert host.agent(name).status()["errors"] == 1


def test_a_hung_agent_is_replaced_and_what_waited_is_done(host: AgentHost, stage: Stage, until: Until) -> None:
    host.start_all()
    Sender.send_to(Agent.MAJORDOME, "Hang")
    Sender.send_to(Agent.MAJORDOME, "Play")
    until(lambda: state(host, Agent.MAJORDOME) == ("running", 1))
    until(lambda: "majordome plays" in stage.log)
    assert any("hangs in Hang for more than 0.1 s" in i.what for i in host.incidents)
    assert stage.log.count("majordome off") == 1
    assert [t.name for t in threading.enumerate()].count("pyros-majordome") == 2  # one can't be killed
    stage.hold.set()
    until(lambda: [t.name for t in threading.enumerate()].count("pyros-majordome") == 1)
    assert stage.log.count("majordome off") == 1


def test_a_looping_agent_is_replaced_without_what_it_loops_in(host: AgentHost, stage: Stage, until: Until) -> None:
    host.start_all()

    def again() -> None:
        Sender.send_to(Agent.SCHEDULER, "Again")

    host.agent(Agent.SCHEDULER).actions_by_message["Again"] = again
    again()
    until(lambda: state(host, Agent.SCHEDULER) == ("running", 1))
    assert any("loops in Again: " in i.what for i in host.incidents)
    Sender.send_to(Agent.SCHEDULER, "Play")
    until(lambda: "scheduler plays" in stage.log)


@pytest.mark.parametrize("how", ["says so", "computes", "waits for the store", "is silent"])
def test_what_takes_long_is_replaced_once_it_gives_no_sign_of_life(
    config: AgentConfig, stage: Stage, until: Until, store: Store, how: str
) -> None:
    class Slow(Actor):
        hang_s, silent_s = 600.0, 0.3

        def hang(self) -> None:
            end_s = time.monotonic() + 1.0
            while how == "says so" and time.monotonic() < end_s:
                sign()
                self.stage.hold.wait(0.01)
            while how == "computes" and time.monotonic() < end_s:
                pass
            if how == "waits for the store":
                with store.session(read_only=True):
                    self.stage.hold.wait(1.0)
            self.stage.log.append("silent from now on")
            self.stage.hold.wait(20)

    host = AgentHost(
        {Agent.MAJORDOME: lambda: Slow(Agent.MAJORDOME, stage), Agent.WATCHER: lambda: Watcher(host, look_s=0.02)},
        policy=QUICK,
        look_s=0.02,
    )
    host.start_all()
    Sender.send_to(Agent.MAJORDOME, "Hang")
    until(lambda: state(host, Agent.MAJORDOME) == ("running", 1))
    assert stage.log.index("silent from now on") < stage.log.index("majordome off")
    why, done = (incident.what for incident in host.incidents)
    assert why == "hangs in Hang: no sign of life for more than 0.3 s; to be restarted in 0.02 s"
    assert done == "restarted"
    stage.hold.set()
    assert host.stop_all() == ()


def test_what_takes_long_is_told_before_it_counts_as_hung(config: AgentConfig, stage: Stage, until: Until) -> None:
    class Slow(Actor):
        hang_s = 600.0

        def hang(self) -> None:
            while not self.stage.hold.wait(0.5):
                sign()

    host = AgentHost(
        {Agent.MAJORDOME: lambda: Slow(Agent.MAJORDOME, stage), Agent.WATCHER: lambda: Watcher(host, look_s=0.1)}
    )
    host.start_all()
    Sender.send_to(Agent.MAJORDOME, "Hang")
    until(lambda: bool(host.incidents))
    assert [i.what for i in host.incidents] == [
        "is in Hang for more than 3.5 s (replaced after 600 s, or when it falls silent)"
    ]
    assert state(host, Agent.MAJORDOME) == ("busy", 0)
    stage.hold.set()
    assert host.stop_all() == ()


def test_the_watcher_gives_up_loudly_and_begins_anew_when_told(
    host: AgentHost, stage: Stage, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    host.start_all()
    stage.broken = True
    Sender.send_to(Agent.SCHEDULER, "Die")
    until(lambda: "given up" in host.incidents[-1].what if host.incidents else False)
    assert state(host, Agent.SCHEDULER) == ("failed", 3)
    with pytest.raises(Refused, match="the agent has failed"):
        Sender.send_to(Agent.SCHEDULER, "Play")
    (loud,) = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert "3 restarts in 600 s did not help: given up" in loud.getMessage()
    stage.broken = False
    Sender.send_to(Agent.WATCHER, Watcher.MSG_RESTART, {"name": Agent.SCHEDULER})
    until(lambda: state(host, Agent.SCHEDULER) == ("running", 4))


def test_a_replacement_that_cannot_be_made_is_tried_again(config: AgentConfig, stage: Stage, until: Until) -> None:
    made: list[int] = []

    def make() -> Agent:
        made.append(1)
        if len(made) in {2, 3}:
            raise OSError("no such device")
        return Actor(Agent.MAJORDOME, stage)

    host = AgentHost(
        {Agent.MAJORDOME: make, Agent.WATCHER: lambda: Watcher(host, look_s=0.02)}, policy=QUICK, look_s=0.02
    )
    host.start_all()
    Sender.send_to(Agent.MAJORDOME, "Die")
    until(lambda: len(made) == 4)
    until(lambda: state(host, Agent.MAJORDOME) == ("running", 1))
    assert any("could not be restarted: no such device" in i.what for i in host.incidents)
    assert host.stop_all() == ()


def test_the_host_brings_a_dead_watcher_back(host: AgentHost, until: Until) -> None:
    host.start_all()
    watcher = host.agent(Agent.WATCHER)
    watcher.actions_by_message["Die"] = lambda: (_ for _ in ()).throw(SystemExit(1))
    Sender.send_to(Agent.WATCHER, "Die")
    until(lambda: state(host, Agent.WATCHER) == ("running", 1))
    Sender.send_to(Agent.SCHEDULER, "Die")
    until(lambda: state(host, Agent.SCHEDULER) == ("running", 1))


def test_an_agent_told_to_stop_stays_stopped_even_if_it_hangs(host: AgentHost, stage: Stage, until: Until) -> None:
    host.start_all()
    Sender.send_to(Agent.SCHEDULER, Agent.SHUTDOWN)
    Sender.send_to(Agent.MAJORDOME, "Hang")
    until(lambda: state(host, Agent.MAJORDOME)[0] in {"busy", "hung"})
    Sender.send_to(Agent.MAJORDOME, Agent.SHUTDOWN)
    until(lambda: state(host, Agent.MAJORDOME) == ("stopped", 0))
    until(lambda: state(host, Agent.SCHEDULER) == ("stopped", 0))
    assert [i.what for i in host.incidents if i.name == Agent.SCHEDULER] == []
    assert [i.what[-9:] for i in host.incidents if i.name == Agent.MAJORDOME] == ["abandoned"]


def test_stop_all_abandons_who_hangs_and_says_so(host: AgentHost, stage: Stage, until: Until) -> None:
    class Endless(Actor):
        hang_s = 60
        stop_s = 0.1

    host = AgentHost({Agent.MAJORDOME: lambda: Endless(Agent.MAJORDOME, stage)})
    host.start_all()
    Sender.send_to(Agent.MAJORDOME, "Hang")
    until(lambda: state(host, Agent.MAJORDOME)[0] == "busy")
    assert host.stop_all() == (Agent.MAJORDOME,)
    stage.hold.set()


def test_restart_by_hand(host: AgentHost, stage: Stage, until: Until) -> None:
    with pytest.raises(RuntimeError, match="this host is stopped"):
        host.restart(Agent.MAJORDOME)
    host.start_all()
    host.restart(Agent.MAJORDOME)
    until(lambda: state(host, Agent.MAJORDOME) == ("running", 1))
    with pytest.raises(UnknownAgent, match="no agent 'butler'"):
        host.restart("butler")
    with pytest.raises(UnknownAgent, match="runs no agent 'butler'"):
        host.agent("butler")
