"""From a packet on the port to the word that the Majordome gets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time
from sqlalchemy import select, text

from pyros_kernel.agents import Agent, AgentConfig, Message, Sender
from pyros_kernel.agents.alert_manager import AlertManager
from pyros_kernel.agents.majordome import Majordome
from pyros_kernel.alerts import AlertInbox, AlertReplay, read_archive, send
from pyros_kernel.alerts.transport_message import Answer
from pyros_kernel.clock import ManualClock
from pyros_kernel.settings import ROOT, Settings
from pyros_kernel.store import Alert, AlertStatus, Store

PACKET = ROOT / "fixtures" / "swift_bat_grb_1125809.xml"
SWIFT = PACKET.read_bytes()
GECAM = Path(__file__).parents[1] / "alerts" / "packets" / "gecam_flt_event__02.xml"


@dataclass
class Services:
    store: Store
    clock: ManualClock
    settings: Settings


class Ears(Agent):
    """Stand where the Majordome stands, and remember what it hears."""

    def __init__(self, config: AgentConfig) -> None:
        super().__init__(Agent.MAJORDOME, config=config)
        self.heard: list[dict[str, Any]] = []
        self.actions_by_message[Majordome.MSG_TARGET_OF_OPPORTUNITY] = self.hear

    def hear(self, message: Message) -> None:
        self.heard.append(message.payload)


@pytest.fixture
def services(store: Store, tmp_path: Path) -> Services:
    settings = Settings(tmp_path, store.url, tmp_path / "pyros_agent_config.ini")
    return Services(store, ManualClock(Time("2022-09-30T11:12:20")), settings)


@pytest.fixture
def manager(services: Services, config: AgentConfig, until: Callable[..., None]) -> Iterator[AlertManager]:
    agent = AlertManager(services, port=0, config=config)
    agent.start()
    until(lambda: agent.state == "running")
    yield agent
    assert agent.stop()


@pytest.fixture
def ears(config: AgentConfig) -> Iterator[Ears]:
    agent = Ears(config)
    agent.start()
    yield agent
    agent.stop()


def alerts(services: Services) -> list[Alert]:
    with services.store.session(read_only=True) as session:
        return list(session.scalars(select(Alert).order_by(Alert.id)))


def test_the_majordome_is_told_what_to_look_at(
    services: Services, ears: Ears, manager: AlertManager, until: Callable[..., None]
) -> None:
    before_s = time.monotonic()
    assert send(SWIFT, port=manager.port).ack
    until(lambda: ears.heard)
    (payload,) = ears.heard
    (alert,) = alerts(services)
    assert alert.status is AlertStatus.ACCEPTED
    assert payload["alert_id"] == alert.id
    assert payload["sequence_id"] > 0
    assert (payload["ra_deg"], payload["dec_deg"], payload["min_altitude_deg"]) == (64.7373, 13.3517, 20)
    assert before_s < payload["t0_monotonic_s"] < time.monotonic()
    assert payload["steps"] == alert.steps
    assert list(alert.steps) == ["parsed", "stored", "acknowledged", "decided", "requested"]


def test_copies_and_unwanted_packets_disturb_nobody(
    services: Services, ears: Ears, manager: AlertManager, until: Callable[..., None]
) -> None:
    test = SWIFT.replace(b'role="observation"', b'role="test"')
    assert all(send(raw, port=manager.port).ack for raw in (test, SWIFT, SWIFT))
    assert not send(b"garbage", port=manager.port).ack
    until(lambda: ears.heard)
    counts = {"received": 2, "duplicate": 1, "refused": 1, "accepted": 1, "ignored": 1}
    until(lambda: manager.status()["counts"] == counts)
    answer = Sender.ask(Agent.ALERT_MANAGER, "status")
    assert answer["counts"] == counts
    assert answer["port"] == manager.port
    assert answer["last_heard_s"] == services.clock.unix_s()
    assert len(ears.heard) == 1


def test_an_author_whose_packet_breaks_the_schema_is_told(services: Services, manager: AlertManager) -> None:
    answer = send(SWIFT.replace(b"<Who>", b"<Whom/><Who>"), port=manager.port)
    assert not answer.ack
    assert "breaks the schema of VOEvent 2.0" in answer.text
    assert not alerts(services)


def test_without_a_majordome_the_request_waits_for_the_schedule(
    services: Services, manager: AlertManager, until: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    assert send(SWIFT, port=manager.port).ack
    until(lambda: "waits for the next schedule" in caplog.text)
    (alert,) = alerts(services)
    assert alert.status is AlertStatus.ACCEPTED
    assert alert.request_id is not None


def test_a_file_is_taken_by_hand(
    services: Services, ears: Ears, manager: AlertManager, until: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    Sender.send_to(Agent.ALERT_MANAGER, AlertManager.MSG_REPLAY, {"path": str(PACKET)})
    until(lambda: ears.heard)
    assert alerts(services)[0].source == f"file:{PACKET}"
    for path in (PACKET, "/no/such/packet.xml", ROOT / "pyproject.toml"):
        Sender.send_to(Agent.ALERT_MANAGER, AlertManager.MSG_REPLAY, {"path": str(path)})
    until(lambda: "can't replay" in caplog.text and "pyproject.toml" in caplog.text)
    assert "was received before" in caplog.text
    assert "No such file" in caplog.text
    assert len(ears.heard) == 1


def test_what_was_acknowledged_before_a_crash_is_acted_on_at_the_next_start(
    services: Services, ears: Ears, config: AgentConfig, until: Callable[..., None]
) -> None:
    inbox = AlertInbox(services.store, services.settings.data, services.clock)
    inbox.receive(SWIFT, "vtp:before the crash")
    inbox.close()
    for _ in range(2):
        manager = AlertManager(services, port=0, config=config)
        manager.start()
        until(lambda manager=manager: manager.state == "running")
        assert manager.stop()
    assert len(ears.heard) == 1
    assert alerts(services)[0].status is AlertStatus.ACCEPTED


def test_an_alert_that_the_database_refuses_to_decide_about_is_tried_again(
    services: Services, ears: Ears, config: AgentConfig, until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyros_kernel.agents.alert_manager._AGAIN_S", 0.05)
    manager = AlertManager(services, port=0, config=config)
    manager.start()
    until(lambda: manager.state == "running")
    with services.store.session() as session:
        session.execute(text("ALTER TABLE strategy RENAME TO elsewhere"))
    assert send(SWIFT, port=manager.port).ack
    time.sleep(0.2)
    assert alerts(services)[0].status is AlertStatus.RECEIVED
    with services.store.session() as session:
        session.execute(text("ALTER TABLE elsewhere RENAME TO strategy"))
    until(lambda: ears.heard)
    assert alerts(services)[0].status is AlertStatus.ACCEPTED
    assert manager.stop()


def test_a_taken_port_is_told(
    services: Services, manager: AlertManager, config: AgentConfig, until: Callable[..., None]
) -> None:
    assert manager.stop()
    holder = AlertManager(services, port=0, config=config)
    holder.start()
    until(lambda: holder.state == "running")
    second = AlertManager(services, port=holder.port, config=AgentConfig.with_free_ports())
    second.start()
    until(lambda: second.state == "failed")
    assert f"can't listen for alerts on 127.0.0.1:{holder.port}" in second.status()["last_error"]
    second.stop()
    assert holder.stop()


def test_a_replay_comes_at_its_time(
    services: Services, ears: Ears, manager: AlertManager, until: Callable[..., None]
) -> None:
    replay = AlertReplay(read_archive(PACKET), Time("2022-09-30T11:13:00"), services.clock, port=manager.port)
    replay.start()
    services.clock.advance(39)
    assert replay.answer is None
    assert alerts(services) == []
    services.clock.advance(2)
    until(lambda: replay.answer)
    until(lambda: ears.heard)
    assert replay.answer is not None
    assert replay.answer.ack
    replay.stop()


def test_a_replay_brings_what_the_author_port_refuses_by_another_way(services: Services, manager: AlertManager) -> None:
    def bring(name: str, raw: bytes) -> Answer:
        return manager.intake.bring(raw, f"replay:{name}")

    for path in (PACKET, GECAM):
        replay = AlertReplay(read_archive(path), services.clock.now(), services.clock, port=manager.port, refused=bring)
        replay.start()
        assert replay.wait(10) and [answer.ack for answer in replay.answers] == [True]
    swift, gecam = alerts(services)
    assert "acknowledged" in swift.steps and swift.source.startswith("vtp:")
    assert gecam.source == f"replay:{GECAM.name}"


def test_a_replay_is_taken_as_another_brokers_though_it_breaks_the_schema(
    services: Services, manager: AlertManager
) -> None:
    assert not send(GECAM.read_bytes(), port=manager.port).ack
    answers = [manager.intake.bring(raw, "replay:gecam.xml") for raw in (GECAM.read_bytes(), SWIFT, SWIFT, b"none")]
    assert [answer.ack for answer in answers] == [True, True, True, False]
    assert "received before" in answers[2].text
    gecam, _ = alerts(services)
    assert (gecam.stream, gecam.source) == ("GECAM", "replay:gecam.xml")


def test_a_replay_that_is_stopped_or_finds_nobody_says_so(
    services: Services, free_port: int, until: Callable[..., None]
) -> None:
    waiting = AlertReplay(read_archive(PACKET), Time("2027-01-01"), services.clock, port=free_port)
    waiting.start()
    waiting.stop()
    assert (waiting.answer, waiting.problem) == (None, "")
    late = AlertReplay(read_archive(PACKET), Time("2022-01-01"), services.clock, port=free_port)
    late.start()
    until(lambda: late.problem)
    assert "nobody listens" in late.problem
    late.stop()
    AlertReplay(read_archive(PACKET), Time("2022-01-01"), services.clock, port=free_port).stop()
