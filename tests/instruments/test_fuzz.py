"""A fuzzer on the ports of simulators and clients: every line is answered or refused, nothing grows."""

from __future__ import annotations

import gc
import json
import os
import random
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator

import psutil
import pytest

from instruments import InstrumentError
from instruments.clock import Clock
from instruments.pyros import grammar
from instruments.pyros.answer import parse_answer
from instruments.pyros.grammar import GrammarError
from instruments.pyros.plc import PyrosPlc

LINES = 100_000 if os.environ.get("PYROS_NIGHTLY") == "1" else 3_000
KINDS = ("telescope", "camera_vis", "filter_wheel", "focuser", "rotator", "dome", "plc", "weather_station")
WORDS = sorted({word for key in grammar().entries for word in key})
_SALT = [b"", b" ", b"@", b"@1", b'"', b"\\", b"nan", b"-1", b"1e9", b"12:05:17.3", b"\xff", b"\x00", b"J2000", b"{"]


def fuzz_line(dice: random.Random) -> bytes:
    """Make a line: noise, words of the language in any order, or a command with one thing wrong."""
    if dice.random() < 0.2:
        return dice.randbytes(dice.randrange(80)).replace(b"\n", b"").replace(b"\r", b"")
    entry = dice.choice(list(grammar().entries.values()))
    words = [w.encode() for w in (entry.device, entry.action, entry.name)] + [
        dice.choice([*_SALT, str(dice.uniform(-500, 500)).encode()]) for _ in entry.fields
    ]
    if dice.random() < 0.5:
        words[dice.randrange(len(words))] = dice.choice([*_SALT, dice.choice(WORDS).encode()])
    if dice.random() < 0.3:
        words.insert(0, b"@" + dice.choice([b"", b"7", b"a-b", b"x" * 40]))
    return b" ".join(words)


@pytest.fixture(scope="module")
def child() -> Iterator[tuple[psutil.Process, dict[str, int]]]:
    settings = {"camera_vis": {"settings": {"width": 64, "height": 64}}}
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators", "--die-with-stdin", "--devices",
         json.dumps({kind: settings.get(kind, {}) for kind in KINDS})],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        yield psutil.Process(process.pid), json.loads(process.stdout.readline().removeprefix("READY "))
    finally:
        process.stdin.close()
        process.stdout.close()
        assert process.wait(20) == 0


@pytest.mark.timeout(900)
def test_every_line_on_a_simulators_port_is_answered_or_refused(
    child: tuple[psutil.Process, dict[str, int]],
) -> None:
    process, ports = child
    dice = random.Random(3)

    def batch(kind: str, count: int) -> int:
        """Send lines in one go, and count the answers up to the one that ends them."""
        lines = [line for line in (fuzz_line(dice) for _ in range(count)) if line.strip(b" \t\r\x0b\x0c")]
        lines = [line for line in lines if b"IMAGE" not in line]  # its payload has no lines
        with socket.create_connection(("127.0.0.1", ports[kind]), 10) as link, link.makefile("rb") as stream:
            link.sendall(b"".join(line + b"\n" for line in lines) + f"@end {kind.upper()} GET HEARTBEAT\n".encode())
            answers = 0
            while True:
                line = stream.readline()
                assert line, "the port hung up"
                answer = parse_answer(line[:-1])
                assert answer.ok or answer.code in grammar().errors
                if answer.request_id == "end":
                    assert answers == len(lines)
                    return answers
                answers += 1

    for kind in KINDS:  # caches fill up
        batch(kind, 100)
    before_bytes, before_threads = process.memory_info().rss, process.num_threads()
    sent = 0
    while sent < LINES:
        for kind in KINDS:
            sent += batch(kind, 100)
    assert process.num_threads() <= before_threads + 1
    assert process.memory_info().rss < before_bytes + 30e6
    print(f"{sent} lines answered or refused")


@pytest.mark.timeout(900)
def test_every_line_on_a_clients_port_is_taken_or_refused(
    scripted: Callable[[Callable[[bytes], bytes | None]], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "instruments")  # a record of each line would be what grows
    dice, sent = random.Random(4), 0

    def answer(line: bytes) -> bytes:
        nonlocal sent
        sent += 1
        kind = dice.random()
        if kind < 0.3:
            return dice.randbytes(dice.randrange(80)) + b"\n"
        head = line.split(b" ", 1)[0] if kind < 0.8 else b"@zz"
        body = dice.choice([b"OK", b"OK {}", b"OK [1]", b'OK {"temperature":{"value":NaN}}', b"ERROR", b"ERROR busy x"])
        return head + b" " + body + dice.choice(_SALT) + b"\n" * dice.randrange(1, 3)

    address = scripted(answer)
    plc = PyrosPlc("plc", f"{address}/PLC", Clock())
    threads = threading.active_count()
    sizes: list[int] = []
    tracemalloc.start()
    try:
        while sent < LINES:
            with pytest.raises((InstrumentError, GrammarError)):
                plc.connect(0.05)
            if sent > LINES * len(sizes) / 4:
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        plc.disconnect()
    assert threading.active_count() <= threads
    assert sizes[-1] < sizes[1] + 2e6
    print(f"{sent} answers taken or refused")
