"""Kafka, against librdkafka's own mock cluster: a broker within the client library, not a real Kafka."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pyros_kernel.alerts import AlertInbox, NotStored, Received, read_packet
from pyros_kernel.alerts.broker import Broker, BrokerSettings
from pyros_kernel.alerts.kafka import HEARTBEAT, KafkaInput
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert, AlertStatus
from tests.pyros_kernel.alerts.test_broker import Listener
from tests.waiting import until

confluent_kafka = pytest.importorskip("confluent_kafka", reason="pip install 'pyros-observatory[kafka]'")

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
NOTICE = (Path(__file__).parent / "notices" / "tests_fixtures_ep_alert_alert_248.json").read_bytes()
GWALERT = (Path(__file__).parent / "notices" / "lvk_MS181101ab_retraction.json").read_bytes()
XML, JSON = "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK", "gcn.notices.einstein_probe.wxt.alert"


class Cluster:
    """The mock cluster, which lives as long as the producer that made it."""

    def __init__(self) -> None:
        self.producer = confluent_kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
        broker = next(iter(self.producer.list_topics(timeout=10).brokers.values()))
        self.settings = {
            "bootstrap.servers": f"127.0.0.1:{broker.port}",
            "group.id": "pyros-test",
            "topic.metadata.refresh.interval.ms": 200,
            # The mock cluster does not notice that a consumer left before its session has ended.
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500,
            "log_level": 0,
        }

    def say(self, topic: str, value: bytes) -> None:
        self.producer.produce(topic, value)
        assert self.producer.flush(10) == 0


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    del made.producer


def test_voevents_notices_and_gravitational_waves_arrive_and_heartbeats_are_heard(cluster: Cluster, desk: Any) -> None:
    acted: list[Received] = []
    for topic, value in ((XML, SWIFT), (JSON, NOTICE), ("igwn.gwalert", GWALERT), (HEARTBEAT, b"{}"), (XML, SWIFT)):
        cluster.say(topic, value)
    kafka = KafkaInput(
        cluster.settings,
        ("gcn.classic.voevent.*", "gcn.notices.*", "igwn.gwalert", HEARTBEAT),
        desk.inbox.receive_all,
        acted.append,
    )
    kafka.start()
    try:
        until(lambda: len(acted) == 3, "three alerts")
        asked_s = time.monotonic()
        cluster.say(HEARTBEAT, b"{}")

        def heard_since() -> bool:
            age_s = kafka.heard_age_s
            return age_s is not None and time.monotonic() - age_s > asked_s

        until(heard_since, "the heartbeat", 5)
    finally:
        kafka.stop()
    assert {r.packet.stream for r in acted} == {"SWIFT", "EP", "LVC"}
    assert len({r.alert_id for r in acted}) == 3  # their rows are written now
    with desk.store.session(read_only=True) as session:
        alerts = session.scalars(select(Alert)).all()
        assert {(desk.directory / a.path).read_bytes() for a in alerts} == {SWIFT, NOTICE, GWALERT}
        assert {a.source for a in alerts} == {f"kafka:{t}" for t in (XML, JSON, "igwn.gwalert")}
    assert "last heard" in str(kafka)


def test_offsets_are_committed_only_after_storing_and_an_outage_is_made_up_for(cluster: Cluster, desk: Any) -> None:
    refusing, acted = [True], list[Received]()

    def act(received: Received) -> None:
        acted.append(received)
        desk.act(received)

    def receive(arrivals: Any) -> Any:
        if refusing:
            return [NotStored("the disk is full", "") for _ in arrivals]
        return desk.inbox.receive_all(arrivals)

    cluster.say(XML, SWIFT)
    first = KafkaInput(cluster.settings, [XML], receive, act)
    first.start()
    until(lambda: first.heard_age_s is not None, "it came")
    first.stop()  # before anything was stored: it must come again
    refusing.clear()
    # Sent during the outage: another burst, and one that is two days old.
    cluster.say(XML, SWIFT.replace(b"1125809", b"1125810").replace(b"<C1>64.7373", b"<C1>164.7373"))
    cluster.say(XML, SWIFT.replace(b"1125809", b"1125811").replace(b"2022-09-30T11:11:52", b"2022-09-28T11:11:52"))
    second = KafkaInput(cluster.settings, [XML], receive, act)
    second.start()
    until(lambda: len(desk.reactions) == 3, "all were made up for")
    second.stop()
    triggers = {r.packet.trigger_id: reaction for r, reaction in zip(acted, desk.reactions, strict=True)}
    assert [triggers[t].status for t in ("1125809", "1125810", "1125811")] == [
        AlertStatus.ACCEPTED,
        AlertStatus.ACCEPTED,
        AlertStatus.IGNORED,
    ]
    assert "s ago, more than 86400 s" in triggers["1125811"].reason, "judged by its age"

    # What was stored was committed: a third one hears of what is new only, and nothing is acted on twice.
    taken: list[str] = []
    third = KafkaInput(cluster.settings, [XML], lambda a: taken.extend(x.source for x in a) or receive(a), act)
    third.start()
    cluster.say(XML, SWIFT.replace(b"1125809", b"1125812").replace(b"<C1>64.7373", b"<C1>104.7373"))
    until(lambda: len(desk.reactions) == 4, "the new one came")
    third.stop()
    assert len(taken) == 1


def test_what_comes_by_kafka_goes_on_to_subscribers(cluster: Cluster, tmp_path: Path) -> None:
    settings = BrokerSettings(
        local_ivo="ivo://pyros.test/relay", broadcast_port=0, kafka=(cluster.settings, [XML, JSON])
    )
    broker = Broker(settings, tmp_path / "broker")
    broker.start()
    try:
        port = broker.ports[1]
        assert port is not None
        listener = Listener(port)
        cluster.say(JSON, NOTICE)
        cluster.say(XML, SWIFT)
        listener.link.settimeout(30)
        assert listener.packet() == SWIFT
        listener.close()
    finally:
        broker.stop()


def test_a_cluster_that_is_not_there_is_complained_about(free_port: int, desk: Any) -> None:
    kafka = KafkaInput(
        {"bootstrap.servers": f"127.0.0.1:{free_port}", "group.id": "a", "log_level": 0},
        [XML],
        AlertInbox.receive_all.__get__(desk.inbox),
        lambda _r: None,
    )
    kafka.start()
    try:
        until(lambda: kafka.problem, "it says so")
    finally:
        kafka.stop()
    assert "never heard" in str(kafka)


def test_the_notice_is_a_packet() -> None:
    assert read_packet(NOTICE).stream == "EP"
