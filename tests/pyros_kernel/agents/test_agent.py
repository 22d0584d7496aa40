"""An agent keeps the seed's contract, and stays reachable whatever its actions do."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from astropy.time import Time
from sqlalchemy.exc import OperationalError

from pyros_kernel.agents import (
    Agent,
    AgentConfig,
    AlreadyRunning,
    ConfigError,
    Message,
    NotDelivered,
    Refused,
    Sender,
    UnknownAgent,
)
from pyros_kernel.agents.config import Address
from pyros_kernel.agents.keys import Keys
from pyros_kernel.agents.message import Reply
from pyros_kernel.agents.sender import exchange
from pyros_kernel.clock import ManualClock

Until = Callable[..., None]


class SchedulerAgent(Agent):  # the ten lines of the wiki's steps
    MSG_OBS_FINISHED = "Observation finished"

    def __init__(self) -> None:
        super().__init__(Agent.SCHEDULER)
        self.actions_by_message[self.MSG_OBS_FINISHED] = self.observation_finished
        self.finished = 0

    def observation_finished(self) -> None:
        self.finished += 1


class Busy(Agent):
    """Notes what it does, and waits where it is told to."""

    inbox_size = 3

    def __init__(self, clock: ManualClock | None = None) -> None:
        super().__init__(Agent.MAJORDOME, clock=clock)
        self.done: list[str] = []
        self.began, self.go_on = threading.Event(), threading.Event()
        self.urgent.add("Urgent")
        for name in ("Normal", "Urgent"):
            self.actions_by_message[name] = self.note
        self.actions_by_message["Wait"] = self.wait
        self.actions_by_message["Fail"] = self.fail

    def note(self, message: Message) -> None:
        self.done.append(str(message.payload.get("n", message.name)))

    def wait(self) -> None:
        self.began.set()
        assert self.go_on.wait(20)
        self.done.append("Wait")

    def fail(self) -> None:
        raise LookupError("no such thing")

    def shutdown(self) -> None:
        self.done.append("shutdown")


@pytest.fixture
def busy(config: AgentConfig) -> Iterator[Busy]:
    agent = Busy()
    agent.start()
    yield agent
    agent.go_on.set()
    agent.stop()


def test_the_seeds_agent(config: AgentConfig, until: Until) -> None:
    agent = SchedulerAgent()
    agent.start()
    Sender.send_to(Agent.SCHEDULER, SchedulerAgent.MSG_OBS_FINISHED)
    until(lambda: agent.finished == 1)
    Sender.send_to(Agent.SCHEDULER, Agent.SHUTDOWN)
    until(lambda: agent.state == "stopped")
    with pytest.raises(NotDelivered, match=r"'scheduler' does not listen at 127.0.0.1:\d+: .* after 0\.\d+ s"):
        Sender.send_to(Agent.SCHEDULER, SchedulerAgent.MSG_OBS_FINISHED, timeout_s=0.1)


def test_work_runs_first_in_the_agents_thread_and_then_messages(config: AgentConfig, until: Until) -> None:
    order: list[tuple[str, str]] = []

    class Worker(Agent):
        slow_work_s = 0.0

        def __init__(self) -> None:
            super().__init__(Agent.MONITORING)
            self.set_up = threading.Event()
            self.actions_by_message["Look"] = self.look

        def work(self) -> None:
            assert self.set_up.wait(10)
            order.append(("work", threading.current_thread().name))

        def look(self, message: Message) -> None:
            order.append((message.sender, threading.current_thread().name))

        def shutdown(self) -> None:
            order.append(("shutdown", threading.current_thread().name))

    agent = Worker()
    agent.start()
    Sender.send_to(Agent.MONITORING, "Look")
    assert Sender.ask(Agent.MONITORING, "status")["state"] == "starting"
    agent.set_up.set()
    until(lambda: len(order) == 2)
    assert agent.stop()
    me = f"process {os.getpid()} on {socket.gethostname()}"
    thread = "pyros-monitoring"
    assert order == [("work", thread), (me, thread), ("shutdown", thread)]


def test_a_slow_work_is_logged(config: AgentConfig, until: Until, caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Agent):
        slow_work_s = 0.05

        def work(self) -> None:
            self.stopping.wait(10)

    agent = Slow(Agent.MONITORING)
    agent.start()
    until(lambda: "work() has not returned after 0.05 s" in caplog.text)
    assert caplog.records[-1].name == "pyros_kernel.agents.monitoring"
    assert agent.state == "starting"
    assert agent.stop()


def test_an_agent_sends_under_its_name(busy: Busy, until: Until) -> None:
    heard: list[str] = []

    class Talker(Agent):
        def __init__(self) -> None:
            super().__init__(Agent.SCHEDULER)
            self.actions_by_message["Heard"] = lambda m: heard.append(m.sender)

        def work(self) -> None:
            self.every(60, lambda: Sender.send_to(Agent.SCHEDULER, "Heard"), "talk")
            Sender.send_to(Agent.SCHEDULER, "Heard")

    agent = Talker()
    agent.start()
    until(lambda: len(heard) == 2)
    assert heard == ["scheduler", "scheduler"]
    assert agent.stop()


def test_an_exception_in_an_action_is_kept_and_ends_nothing(
    busy: Busy, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    Sender.send_to(Agent.MAJORDOME, "Fail")
    Sender.send_to(Agent.MAJORDOME, "Normal")
    until(lambda: busy.done == ["Normal"])
    status = Sender.ask(Agent.MAJORDOME, "status")
    assert (status["errors"], status["last_error"]) == (1, "LookupError: no such thing")
    assert status["state"] == "running"
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info is not None


def test_a_busy_agent_acknowledges_answers_and_does_one_thing_at_a_time(busy: Busy, until: Until) -> None:
    Sender.send_to(Agent.MAJORDOME, "Wait")
    assert busy.began.wait(10)
    Sender.send_to(Agent.MAJORDOME, "Normal")
    status = Sender.ask(Agent.MAJORDOME, "status")
    assert (status["state"], status["action"], status["queue_depth"]) == ("busy", "Wait", 1)
    assert (status["pid"], status["host"]) == (os.getpid(), socket.gethostname())
    assert status["last_message"] == "Normal"
    busy.go_on.set()
    until(lambda: busy.done == ["Wait", "Normal"])


def test_urgent_messages_go_first_and_a_full_inbox_refuses(busy: Busy, until: Until) -> None:
    Sender.send_to(Agent.MAJORDOME, "Wait")
    assert busy.began.wait(10)
    for n in range(3):
        Sender.send_to(Agent.MAJORDOME, "Normal", {"n": n})
    with pytest.raises(Refused, match=r"refused 'Normal': inbox full \(3 messages wait\)"):
        Sender.send_to(Agent.MAJORDOME, "Normal", {"n": "late"})
    Sender.send_to(Agent.MAJORDOME, "Urgent", {"n": "u1"})
    Sender.send_to(Agent.MAJORDOME, "Urgent", {"n": "u2"})
    busy.go_on.set()
    until(lambda: busy.done == ["Wait", "u1", "u2", "0", "1", "2"])


def test_shutdown_goes_before_what_waits_and_is_called_once(busy: Busy, until: Until) -> None:
    Sender.send_to(Agent.MAJORDOME, "Wait")
    assert busy.began.wait(10)
    Sender.send_to(Agent.MAJORDOME, "Normal")
    Sender.send_to(Agent.MAJORDOME, Agent.SHUTDOWN)
    assert busy.stopping.is_set()
    with pytest.raises(Refused, match="the agent is stopping"):
        Sender.send_to(Agent.MAJORDOME, "Normal")
    busy.go_on.set()
    until(lambda: busy.state == "stopped")
    assert busy.stop()
    assert busy.done == ["Wait", "shutdown"]


def test_the_same_id_twice_is_done_once(busy: Busy, until: Until) -> None:
    said = Message("one-id", "test", Agent.MAJORDOME, "Normal")
    for _ in range(3):
        assert exchange(busy.address, said, 2.0).taken
    Sender.send_to(Agent.MAJORDOME, "Urgent")
    until(lambda: "Urgent" in busy.done)
    assert busy.done.count("Normal") == 1


def test_unknown_names_are_refused_with_what_is_known(busy: Busy) -> None:
    with pytest.raises(Refused, match=r"unknown message \(known: Normal, Urgent, Wait, Fail, Shutdown\)"):
        Sender.send_to(Agent.MAJORDOME, "Dance")
    with pytest.raises(Refused, match="unknown message"):
        Sender.send_to(Agent.MAJORDOME, "status")
    with pytest.raises(Refused, match=r"unknown question \(known: status\)"):
        Sender.ask(Agent.MAJORDOME, "Normal")
    with pytest.raises(UnknownAgent) as caught:
        Sender.send_to("butler", "Normal")
    assert "'butler'" in str(caught.value) and "add [butler] with ip and port" in str(caught.value)
    reply = exchange(busy.address, Message("i", "test", Agent.SCHEDULER, "Normal"), 2.0)
    assert reply == Reply("i", taken=False, why="this is agent 'majordome', not 'scheduler'; compare the ini files")
    assert busy.done == []


def test_a_message_past_its_deadline_is_not_begun(config: AgentConfig, until: Until) -> None:
    clock = ManualClock(Time("2026-11-22T03:00:00"))
    agent = Busy(clock)
    agent.start()
    now_s = clock.unix_s()
    Sender.send_to(Agent.MAJORDOME, "Wait")
    assert agent.began.wait(10)
    Sender.send_to(Agent.MAJORDOME, "Normal", {"n": "in time"}, deadline_s=now_s + 100)
    Sender.send_to(Agent.MAJORDOME, "Normal", {"n": "too late"}, deadline_s=now_s + 10)
    clock.advance(50)
    with pytest.raises(Refused, match="its deadline has passed"):
        Sender.send_to(Agent.MAJORDOME, "Normal", deadline_s=now_s + 10)
    agent.go_on.set()
    Sender.send_to(Agent.MAJORDOME, "Normal", {"n": "last"})
    until(lambda: "last" in agent.done)
    assert agent.done == ["Wait", "in time", "last"]
    status = agent.status()
    assert (status["since_s"], status["uptime_s"], status["last_message_s"]) == (now_s, 50, now_s + 50)
    assert agent.stop()


def test_a_second_start_is_told_who_holds_the_name(busy: Busy) -> None:
    with pytest.raises(AlreadyRunning) as caught:
        Busy().start()
    text = str(caught.value)
    assert f"agent 'majordome' holds it in process {os.getpid()} on {socket.gethostname()} since 20" in text
    with pytest.raises(RuntimeError, match="was started before; make a new one"):
        busy.start()
    Sender.send_to(Agent.MAJORDOME, "Normal")


def test_a_port_held_by_another_program_names_its_process(config: AgentConfig) -> None:
    with socket.create_server((config.address(Agent.MAJORDOME).ip, config.address(Agent.MAJORDOME).port)):
        agent = Busy()
        with pytest.raises(AlreadyRunning, match=rf"taken by process {os.getpid()} \(.*\), which is no agent"):
            agent.start()
    agent.start()
    assert agent.stop()


def test_an_address_of_another_machine_is_a_config_error() -> None:
    config = AgentConfig({Agent.MAJORDOME: Address("192.0.2.1", 5550, Keys.make())})
    with pytest.raises(ConfigError, match=r"can't listen at 192\.0\.2\.1:5550"):
        Agent(Agent.MAJORDOME, config=config).start()


def test_a_helper_never_dies_and_ends_with_its_agent(config: AgentConfig, until: Until) -> None:
    calls: list[str] = []

    class Helped(Agent):
        def __init__(self) -> None:
            super().__init__(Agent.MONITORING)
            self.every(0.01, self.look, "look")

        def look(self) -> None:
            calls.append(threading.current_thread().name)
            if len(calls) < 3:
                raise (OSError("gone") if len(calls) == 1 else SystemExit(1))

    agent = Helped()
    assert calls == []
    with pytest.raises(ValueError, match="period must be positive"):
        agent.every(0, agent.look, "never")
    agent.start()
    until(lambda: len(calls) > 5)
    assert set(calls) == {"pyros-monitoring-look"}
    assert agent.status()["errors"] == 2
    assert agent.stop()
    count = len(calls)
    assert "pyros-monitoring-look" not in {t.name for t in threading.enumerate()}
    assert len(calls) == count


def test_a_store_that_is_away_is_told_once_for_each_outage(
    config: AgentConfig, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        if len(tries) not in {4, 5} and len(tries) < 9:
            raise OperationalError("UPDATE night", {}, OSError("the disk is full"))

    agent = Agent(Agent.MONITORING)
    agent.every(0.01, write, "save")
    agent.start()
    until(lambda: len(tries) > 10)
    assert agent.stop()
    told = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert told == 2 * ["save has to wait, the store is away: the disk is full", "save goes on, the store is back"]
    assert not any(record.exc_info for record in caplog.records)
    assert agent.status()["errors"] == 6


def test_an_agent_may_stop_itself(config: AgentConfig, until: Until) -> None:
    agent = Agent(Agent.MONITORING)
    agent.actions_by_message["Enough"] = agent.stop
    agent.start()
    Sender.send_to(Agent.MONITORING, "Enough")
    until(lambda: agent.state == "stopped")


def test_a_failing_shutdown_still_ends_the_agent(config: AgentConfig, caplog: pytest.LogCaptureFixture) -> None:
    class Clumsy(Agent):
        def shutdown(self) -> None:
            raise OSError("the door is stuck")

    agent = Clumsy(Agent.MONITORING)
    agent.start()
    assert agent.stop()
    assert agent.state == "stopped"
    assert "the door is stuck" in caplog.text


def test_an_agent_that_hangs_is_abandoned_and_says_nothing_more(config: AgentConfig, until: Until) -> None:
    heard: list[str] = []
    listener = Agent(Agent.SCHEDULER)
    listener.actions_by_message["Hello"] = lambda m: heard.append(m.sender)
    listener.start()

    class Hanging(Busy):
        hang_s = 0.05

        def wait(self) -> None:
            super().wait()
            try:
                Sender.send_to(Agent.SCHEDULER, "Hello")
            except Exception:  # noqa: BLE001 an action as bad as can be
                self.done.append("swallowed")
            self.done.append("went on")

    agent = Hanging()
    agent.start()
    Sender.send_to(Agent.MAJORDOME, "Wait")
    until(lambda: agent.state == "hung")
    assert "hangs in Wait for more than 0.05 s" in agent.trouble()
    assert not agent.stop(timeout_s=0.05)
    assert (agent.state, agent.done) == ("stopped", ["shutdown"])
    other = Busy()
    other.start()  # its address is free
    assert other.stop()
    agent.go_on.set()
    until(lambda: "pyros-majordome" not in {t.name for t in threading.enumerate()})
    assert agent.done == ["shutdown", "Wait"]
    Sender.send_to(Agent.SCHEDULER, "Hello")
    until(lambda: heard)
    assert heard == [f"process {os.getpid()} on {socket.gethostname()}"]
    assert listener.stop()


def test_start_and_stop_twenty_times_at_once(config: AgentConfig) -> None:
    for n in range(20):
        agent = SchedulerAgent()
        agent.start()
        if n % 2:
            Sender.send_to(Agent.SCHEDULER, SchedulerAgent.MSG_OBS_FINISHED)
        assert agent.stop()
    assert [t.name for t in threading.enumerate() if t.name.startswith("pyros-")] == []
