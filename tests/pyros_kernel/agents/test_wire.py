"""Whatever arrives on its port, an agent goes on; whatever answers, a sender tells the truth."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import zmq

from pyros_kernel.agents import Agent, AgentConfig, BadMessage, NotDelivered, Sender
from pyros_kernel.agents.message import MAX_BYTES, Message, Reply
from pyros_kernel.agents.sender import exchange
from pyros_kernel.agents.transport import Listener, dial

Until = Callable[..., None]


@pytest.fixture
def heard(config: AgentConfig) -> Iterator[list[object]]:
    got: list[object] = []
    agent = Agent(Agent.SCHEDULER)
    agent.actions_by_message["Hello"] = lambda m: got.append(m.payload)
    agent.start()
    yield got
    assert agent.stop()


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: pyros\r\n\r\n",
        b"\xff\x00\x00\x00\x00",  # half a ZMTP greeting
        b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48),  # a greeting, and then nothing
        b"\x01\x00\x7f" + b"{}" * 10,  # ZMTP 1.0
        b"x" * MAX_BYTES,
        bytes(range(256)) * 4096,
    ],
    ids=["http", "half greeting", "greeting", "zmtp1", "1 MiB", "binary"],
)
def test_raw_bytes_on_the_port_change_nothing(
    config: AgentConfig, heard: list[object], until: Until, junk: bytes
) -> None:
    address = config.address(Agent.SCHEDULER)
    with socket.create_connection((address.ip, address.port)) as raw:
        with contextlib.suppress(ConnectionError):  # it may hang up on us
            raw.sendall(junk)
        Sender.send_to(Agent.SCHEDULER, "Hello", {"n": 1})
        until(lambda: heard == [{"n": 1}])


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([b"hello"], "not JSON"),
        ([b"[]"], "not a JSON object but list"),
        ([b"{}"], "'id' must be a printable text"),
        ([b"[" * 100_000], "nested too deeply"),
        ([b'{"id":"a"}', b"more"], "2 frames instead of one"),
        ([b'{"id":"a","sender":"b","to":"scheduler","name":"Hello","payload":[]}'], "'payload' must be"),
    ],
)
def test_a_frame_that_is_no_message_is_told_so(
    config: AgentConfig, heard: list[object], until: Until, frames: list[bytes], why: str
) -> None:
    connection = dial(config.address(Agent.SCHEDULER))
    try:
        connection.send_multipart(frames)
        assert connection.poll(5000)
        reply = Reply.decode(connection.recv())
    finally:
        connection.close()
    assert not reply.taken
    assert "not a message" in reply.why and why in reply.why
    Sender.send_to(Agent.SCHEDULER, "Hello")
    until(lambda: heard == [{}])


def test_a_frame_too_long_is_hung_up_on(config: AgentConfig, heard: list[object], until: Until) -> None:
    connection = dial(config.address(Agent.SCHEDULER))
    monitor = connection.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    try:
        connection.send(b"x" * (MAX_BYTES + 1))
        assert monitor.poll(5000)
    finally:
        connection.disable_monitor()
        monitor.close()
        connection.close()
    Sender.send_to(Agent.SCHEDULER, "Hello")
    until(lambda: heard == [{}])


def test_a_long_payload_arrives_whole_and_a_longer_one_is_not_sent(
    config: AgentConfig, heard: list[object], until: Until
) -> None:
    text = "é" * 100_000
    Sender.send_to(Agent.SCHEDULER, "Hello", {"text": text})
    until(lambda: heard == [{"text": text}])
    with pytest.raises(BadMessage, match="are more than the 1048576"):
        Sender.send_to(Agent.SCHEDULER, "Hello", {"text": "x" * MAX_BYTES})
    with pytest.raises(BadMessage, match="can't be written as JSON"):
        Sender.send_to(Agent.SCHEDULER, "Hello", {"when": object()})


def test_a_listener_that_never_answers_is_not_taken_for_an_agent(config: AgentConfig) -> None:
    mute = Listener(config.address(Agent.SCHEDULER))
    try:
        with pytest.raises(NotDelivered, match=r"'scheduler' listens but does not answer at 127\.0\.0\.1:\d+"):
            Sender.send_to(Agent.SCHEDULER, "Hello", timeout_s=0.2)
    finally:
        mute.close()


def test_a_message_given_up_does_not_arrive_later(config: AgentConfig, until: Until) -> None:
    with pytest.raises(NotDelivered):
        Sender.send_to(Agent.SCHEDULER, "Hello", {"n": "given up"}, timeout_s=0.1)
    got: list[object] = []
    agent = Agent(Agent.SCHEDULER)
    agent.actions_by_message["Hello"] = lambda m: got.append(m.payload["n"])
    agent.start()
    Sender.send_to(Agent.SCHEDULER, "Hello", {"n": "new"})
    until(lambda: got)
    assert got == ["new"]
    assert agent.stop()


def test_a_sender_waits_for_an_agent_that_comes_up_and_finds_one_that_came_back(
    config: AgentConfig, until: Until
) -> None:
    got: list[object] = []

    def start() -> Agent:
        agent = Agent(Agent.SCHEDULER)
        agent.actions_by_message["Hello"] = lambda m: got.append(m.payload["n"])
        agent.start()
        return agent

    sending = threading.Thread(target=Sender.send_to, args=("scheduler", "Hello", {"n": 1}), kwargs={"timeout_s": 20})
    sending.start()
    agent = start()
    sending.join(20)
    for n in (2, 3, 4):
        until(lambda n=n: len(got) == n - 1)
        assert agent.stop()
        agent = start()
        Sender.send_to(Agent.SCHEDULER, "Hello", {"n": n}, timeout_s=10)
    until(lambda: got == [1, 2, 3, 4])
    assert agent.stop()


def test_an_answer_lost_with_its_connection_is_asked_for_again_under_the_same_id(config: AgentConfig) -> None:
    """The first listener takes the message and dies before it acknowledges; the second gets it again."""
    address = config.address(Agent.SCHEDULER)
    ids: list[str] = []

    def serve() -> None:
        for last in (False, True):
            listener = Listener(address)
            try:
                assert listener.socket.poll(10_000)
                peer, data = listener.socket.recv_multipart()
                ids.append(Message.decode(data).id)
                if last:
                    listener.socket.send_multipart([peer, Reply(ids[-1], taken=True).encode()])
            finally:
                listener.close()

    server = threading.Thread(target=serve)
    server.start()
    reply = exchange(address, Message("the-id", "test", "scheduler", "Hello"), 10.0)
    server.join(10)
    assert reply.taken
    assert ids == ["the-id", "the-id"]


def test_many_threads_send_at_once(config: AgentConfig, heard: list[object], until: Until) -> None:
    def send(k: int) -> None:
        for n in range(20):
            Sender.send_to(Agent.SCHEDULER, "Hello", {"n": [k, n]}, timeout_s=10)

    threads = [threading.Thread(target=send, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    until(lambda: len(heard) == 160)
    by_thread: dict[int, list[int]] = {}
    for payload in heard:
        k, n = payload["n"]  # type: ignore[index]
        by_thread.setdefault(k, []).append(n)
    assert all(ns == list(range(20)) for ns in by_thread.values())
