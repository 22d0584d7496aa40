"""The author port, with friends and with enemies."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import func, select

from pyros_kernel.alerts import CannotListen, Deframer, NotDelivered, NotStored, VtpReceiver, frame, send
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Alert

SWIFT = (ROOT / "fixtures" / "swift_bat_grb_1125809.xml").read_bytes()
TRN = "{http://www.telescope-networks.org/xml/Transport/v1.1}Transport"


def connect(receiver: VtpReceiver) -> socket.socket:
    return socket.create_connection(("127.0.0.1", receiver.port), timeout=10)


def read_until_closed(link: socket.socket) -> list[bytes]:
    frames, found = Deframer(), []
    while data := link.recv(65536):
        found += frames.feed(data)
    return found


def role_and_text(message: bytes) -> tuple[str | None, str]:
    root = etree.fromstring(message)
    assert root.tag == TRN
    return root.get("role"), root.findtext("Meta/Result") or ""


def assert_still_well(desk: Any, receiver: VtpReceiver, rows: int = 0) -> None:
    """Nothing was changed by what came before, and a good packet is taken."""
    with desk.store.session(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Alert)) == rows
    assert len(desk.files) == rows
    assert send(SWIFT, port=receiver.port).ack


def test_an_acknowledgement_names_the_packet_and_who_answers(receiver: VtpReceiver) -> None:
    with connect(receiver) as link:
        link.sendall(frame(SWIFT))
        link.shutdown(socket.SHUT_WR)
        (message,) = read_until_closed(link)
    root = etree.fromstring(message)
    assert (root.tag, root.get("role"), root.get("version")) == (TRN, "ack", "1.0")
    assert root.findtext("Origin") == "ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1125809-092"
    assert root.findtext("Response") == "ivo://pyros/receiver"
    assert root.findtext("TimeStamp", "").endswith("Z")


def test_several_packets_may_come_by_one_connection_in_any_pieces(
    desk: Any, receiver: VtpReceiver, variant: Callable[..., bytes]
) -> None:
    packets = [variant((b"1125809", str(1125809 + n).encode())) for n in range(3)]
    stream = b"".join(map(frame, packets))
    with connect(receiver) as link:
        for at in range(0, len(stream), 977):
            link.sendall(stream[at : at + 977])
        link.shutdown(socket.SHUT_WR)
        assert [role_and_text(m) for m in read_until_closed(link)] == [("ack", "stored")] * 3
    assert len(desk.reactions) == 3


def test_one_byte_at_a_time_is_fine(desk: Any, receiver: VtpReceiver) -> None:
    small = b"<VOEvent ivorn='ivo://a/b#c' version='2.0' role='test'/>"
    with connect(receiver) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(small):
            link.sendall(bytes([byte]))
        link.shutdown(socket.SHUT_WR)
        assert [role_and_text(m) for m in read_until_closed(link)] == [("ack", "stored")]
    assert "role is test" in desk.reactions[0].reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "announce 1195725856 bytes; 1 to 1048576 are accepted"),
        (b"\xff\xff\xff\xff" + b"x" * 100_000, "announce 4294967295 bytes"),
        (b"\x00\x00\x00\x00", "announce 0 bytes"),
        (b"\x00\x10\x00\x01" + b"x" * 3_000_000, "announce 1048577 bytes"),
        (b"\n" * 1_000_000, "announce 168430090 bytes"),
    ],
)
def test_what_is_no_frame_is_told_so_and_the_connection_closed(
    desk: Any, receiver: VtpReceiver, caplog: pytest.LogCaptureFixture, data: bytes, reason: str
) -> None:
    with connect(receiver) as link:
        link.sendall(data)
        (message,) = read_until_closed(link)
    role, text = role_and_text(message)
    assert role == "nak"
    assert reason in text
    assert reason in caplog.text
    assert_still_well(desk, receiver)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"not XML at all", "not well-formed XML"),
        (b"\x00", "not well-formed XML"),
        (b"x" * 1_000_000, "not well-formed XML"),
        (b"<a/>", "the root element is a, not a VOEvent"),
        (SWIFT.replace(b"ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1125809-092", b"me"), "ivorn='me' is not an identifier"),
        (SWIFT.replace(b'version="2.0"', b'version="7"'), "version='7' is not one of"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + SWIFT.partition(b"?>")[2], "document type declaration"),
        (SWIFT[:3000], "not well-formed XML"),
    ],
)
def test_what_is_no_voevent_gets_a_nak_with_the_reason(
    desk: Any, receiver: VtpReceiver, caplog: pytest.LogCaptureFixture, payload: bytes, reason: str
) -> None:
    answer = send(payload, port=receiver.port)
    assert not answer.ack
    assert reason in answer.text
    assert reason in caplog.text
    assert_still_well(desk, receiver)


def test_a_connection_lives_on_after_a_nak(receiver: VtpReceiver) -> None:
    with connect(receiver) as link:
        link.sendall(frame(b"<a/>") + frame(SWIFT))
        link.shutdown(socket.SHUT_WR)
        assert [role_and_text(m)[0] for m in read_until_closed(link)] == ["nak", "ack"]


def test_whoever_goes_on_sending_nonsense_is_sent_away(desk: Any, receiver: VtpReceiver) -> None:
    with connect(receiver) as link:
        link.sendall(frame(b"x") * 20_000)
        messages = read_until_closed(link)
    assert len(messages) == 11
    assert role_and_text(messages[-1]) == ("nak", "10 packets of this connection were refused")
    assert_still_well(desk, receiver)


def test_an_author_that_never_reads_is_dropped(
    desk: Any, receiver: VtpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    small = frame(b"<VOEvent ivorn='ivo://a/b#c' version='2.0' role='test'/>")
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.settimeout(30)
        link.connect(("127.0.0.1", receiver.port))
        with pytest.raises(ConnectionError):
            while True:
                link.sendall(small * 100)
    assert "it does not read its answers" in caplog.text
    assert len(desk.reactions) == 1
    assert send(SWIFT, port=receiver.port).ack


def test_half_a_message_is_logged_and_forgotten(
    desk: Any, receiver: VtpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(receiver) as link:
        link.sendall(frame(SWIFT)[:1000])
        link.shutdown(socket.SHUT_WR)
        assert read_until_closed(link) == []
    assert f"closed with 996 of {len(SWIFT)} bytes of a message" in caplog.text
    assert_still_well(desk, receiver)


def test_a_slow_author_is_told_and_dropped(desk: Any, receiver: VtpReceiver) -> None:
    with connect(receiver) as link:
        link.sendall(frame(SWIFT)[:100])
        (message,) = read_until_closed(link)
    assert role_and_text(message) == ("nak", f"after 2 s only 96 of {len(SWIFT)} bytes of a message had come")
    assert_still_well(desk, receiver)


def test_of_too_many_connections_the_oldest_gives_way(desk: Any, receiver: VtpReceiver) -> None:
    links = [connect(receiver) for _ in range(25)]
    try:
        assert_still_well(desk, receiver)
        (message,) = read_until_closed(links[0])
        assert "too many connections" in role_and_text(message)[1]
        links[-1].sendall(frame(SWIFT))
        assert links[-1].recv(65536)
    finally:
        for link in links:
            link.close()


def test_a_packet_that_can_not_be_stored_is_not_acknowledged(desk: Any, receiver: VtpReceiver) -> None:
    (desk.directory / "alerts.journal").mkdir()
    answer = send(SWIFT, port=receiver.port)
    assert not answer.ack
    assert "could not be stored" in answer.text
    (desk.directory / "alerts.journal").rmdir()
    assert_still_well(desk, receiver)


def test_the_same_packet_by_many_connections_is_acted_on_once(desk: Any, receiver: VtpReceiver) -> None:
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(send(SWIFT, port=receiver.port).ack)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 10
    assert len(desk.reactions) == 1


def test_what_fails_after_the_acknowledgement_ends_nothing(desk: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_received: object) -> None:
        raise RuntimeError("no idea")

    receiver = VtpReceiver(desk.inbox.receive_all, fail, port=0)
    receiver.start()
    try:
        assert send(SWIFT, port=receiver.port).ack
        assert send(SWIFT, port=receiver.port).ack
    finally:
        receiver.stop()
    assert "no idea" in caplog.text


def test_a_taken_port_is_told(desk: Any, receiver: VtpReceiver) -> None:
    second = VtpReceiver(desk.inbox.receive_all, desk.act, port=receiver.port)
    with pytest.raises(CannotListen, match=rf"127.0.0.1:{receiver.port}: Address already in use; is another"):
        second.start()
    second.stop()


def test_it_can_be_stopped_and_started_again_on_the_same_port(desk: Any) -> None:
    interval_s = sys.getswitchinterval()
    receiver = VtpReceiver(desk.inbox.receive_all, desk.act, port=0)
    for _ in range(3):
        receiver.start()
        receiver.start()
        assert sys.getswitchinterval() == pytest.approx(0.001)
        with connect(receiver) as link:
            link.sendall(frame(SWIFT)[:50])
            receiver.stop()
            receiver.stop()
        assert sys.getswitchinterval() == pytest.approx(interval_s)
        with pytest.raises(NotDelivered, match="nobody listens"):
            send(SWIFT, port=receiver.port)


def test_a_receiver_that_is_silent_is_told(free_port: int) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", free_port))
        mute.listen()
        with pytest.raises(NotDelivered, match=r"did not answer within 0.2 s"):
            send(SWIFT, port=free_port, timeout_s=0.2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed without an answer"),
        (b"\xff\xff\xff\xff", "announce 4294967295"),
        (frame(b"hello"), "not well-formed"),
        (frame(b"<a role='ack'/>"), "neither ack nor nak"),
    ],
)
def test_a_receiver_that_talks_nonsense_is_told(free_port: int, answer: bytes, reason: str) -> None:
    def serve(listener: socket.socket) -> None:
        link, _ = listener.accept()
        with link:
            link.recv(65536)
            link.sendall(answer)
            link.shutdown(socket.SHUT_WR)
            while link.recv(65536):
                pass

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", free_port))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with pytest.raises(NotDelivered, match=reason):
            send(SWIFT, port=free_port, timeout_s=5)
        thread.join()


def test_reasons_with_odd_characters_survive_the_way(desk: Any) -> None:
    def refuse(arrivals: Any) -> Any:
        return [NotStored("<full> & \x00 'quoted' ünï", "ivo://a/b#<c>") for _ in arrivals]

    receiver = VtpReceiver(refuse, desk.act, port=0)
    receiver.start()
    try:
        assert send(SWIFT, port=receiver.port).text == "<full> &   'quoted' ünï"
    finally:
        receiver.stop()
