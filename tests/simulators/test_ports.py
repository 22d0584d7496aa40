"""Wrong input on a port: one clear error, nothing changed, nobody else disturbed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instruments.pyros.answer import parse_answer
from instruments.pyros.grammar import grammar

Connect = Callable[[str], Any]
DEVICES = ("telescope", "camera_vis", "camera_nir", "dome", "plc", "simulator")


def _status(line: Any, device: str) -> dict[str, Any]:
    answer = line.say(f"{device.upper()} GET STATUS\n".encode())
    assert answer.startswith(b"OK {")
    return json.loads(answer[3:])


def test_the_words_of_the_original_slew_the_telescope(line: Connect) -> None:
    mount = line("telescope")
    assert mount.say(b"TELESCOPE DO UNPARK\n") == b"OK\n"
    assert mount.say(b"TELESCOPE SET COORD_ALTAZ 0 45\n") == b"OK\n"
    assert parse_answer(mount.say(b"@7 TELESCOPE DO START\n")[:-1]).request_id == "7"
    while _status(mount, "telescope")["motion"] == "slewing":
        time.sleep(0.01)
    # Azimuth 0 of the language is south.
    assert _status(mount, "telescope")["azimuth"] == pytest.approx(180, abs=1e-3)
    # Uploads outlive the connection, so that one line per connection works too.
    assert line("telescope").say(b"TELESCOPE DO START\n").startswith(b"OK")
    assert mount.say(b"TELESCOPE DO PARK\n").startswith(b"OK")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"\x00\xff\xfe garbage\n", b"not UTF-8"),
        (b"GET / HTTP/1.1\n", b"word 1: no device 'GET'"),
        (b"BALLOON DO FLY\n", b"word 1: no device 'BALLOON'"),
        (b"{word} DO FLY\n", b"word 3"),
        (b"@x9 {word} SING STATUS\n", b"word 2"),
        (b"{word} GET STATUS now\n", b"is too much"),
    ],
)
def test_garbage_is_answered_by_one_error(line: Connect, device: str, sent: bytes, says: bytes) -> None:
    one = line(device)
    before = _status(one, device)
    answer = one.say(sent.replace(b"{word}", device.upper().encode()))
    parsed = parse_answer(answer[:-1])
    assert not parsed.ok
    assert parsed.code in grammar().errors
    assert says in answer
    assert (parsed.request_id == "x9") == sent.startswith(b"@x9")
    after = _status(one, device)
    moving = {"time", "uptime", "ra", "dec", "altitude", "azimuth", "eta", "motion", "devices"}
    assert {k: v for k, v in before.items() if k not in moving} == {k: v for k, v in after.items() if k not in moving}


def test_a_port_serves_its_own_device_only(line: Connect) -> None:
    assert b"this port serves DOME, not TELESCOPE" in line("dome").say(b"TELESCOPE DO PARK\n")


@pytest.mark.parametrize("device", DEVICES)
def test_a_megabyte_without_a_newline_ends_that_link_only(line: Connect, device: str) -> None:
    other, flood = line(device), line(device)
    _status(other, device)
    try:
        answer = flood.say(b"A" * 1_000_000)
        assert b"longer than 4096 bytes" in answer
        assert flood.stream.readline() == b""
    except (BrokenPipeError, ConnectionResetError):
        pass  # the simulator may hang up before the last byte has left
    _status(other, device)


def test_half_a_line_then_close_changes_nothing(line: Connect) -> None:
    dome, other = line("dome"), line("dome")
    dome.socket.sendall(b"DOME DO OPE")
    dome.close()
    assert _status(other, "dome")["shutter"] == "closed"


def test_lines_may_come_in_pieces_or_in_heaps(line: Connect) -> None:
    dome = line("dome")
    for byte in b"DOME GET STATU":
        dome.socket.sendall(bytes([byte]))
    assert dome.say(b"S\n").startswith(b"OK {")
    dome.socket.sendall(b"".join(b"@%d DOME GET STATUS\r\n\n" % i for i in range(500)))
    for i in range(500):
        assert dome.stream.readline().startswith(b"@%d OK {" % i)


def test_more_links_than_allowed_are_refused(line: Connect) -> None:
    links = [line("plc") for _ in range(64)]
    assert all(_status(link, "plc") for link in links[:3])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        extra = line("plc")
        if b"ERROR busy 64 links" in extra.stream.readline():
            break
    else:
        pytest.fail("the 65th link was taken")
    links[0].close()
    while time.monotonic() < deadline:
        try:
            _status(line("plc"), "plc")
        except (AssertionError, OSError):
            continue
        return
    pytest.fail("a freed place was not given again")


def test_a_client_that_never_reads_holds_up_only_itself(line: Connect) -> None:
    camera = line("camera_vis")
    assert camera.say(b"CAMERA_VIS SET EXPOSURE 0 bias\n") == b"OK\n"
    assert camera.say(b"CAMERA_VIS DO EXPOSE\n").startswith(b"OK")
    while _status(camera, "camera_vis")["frame"] == 0:
        time.sleep(0.01)
    greedy = line("camera_vis")
    greedy.socket.settimeout(0.5)
    try:
        for _ in range(2000):
            greedy.socket.sendall(b"CAMERA_VIS GET IMAGE\n" * 100)
    except TimeoutError:
        pass  # it is not read from any more: what it asked for is bounded
    else:
        pytest.fail("the simulator took 200000 requests for images that nobody read")
    assert _status(camera, "camera_vis")["activity"] == "idle"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=120), max_size=8), st.sampled_from(DEVICES[:5]))
def test_any_bytes_leave_the_port_alive(line: Connect, chunks: list[bytes], device: str) -> None:
    one = line(device)
    try:
        for chunk in chunks:
            one.socket.sendall(chunk)
        answer = one.say(b"\n@end " + device.upper().encode() + b" GET STATUS\n")
        while not answer.startswith(b"@end "):
            assert answer.startswith((b"OK", b"ERROR", b"@"))
            answer = one.stream.readline()
        assert answer.startswith(b"@end OK {")
    finally:
        one.close()
