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
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import instruments
from instruments import InstrumentError
from instruments.clock import Clock
from instruments.pyros import grammar
from instruments.pyros.answer import parse_answer
from instruments.pyros.plc import PyrosPlc

LINES = 100_000 if os.environ.get("PYROS_NIGHTLY") == "1" else 3_000
BATCH = 100
# Of a batch hypothesis makes so many lines from the language, and the seed of what mutates them to the others.
SEEDS = 5
KINDS = ("telescope", "camera_vis", "filter_wheel", "focuser", "rotator", "dome", "plc", "weather_station")
FUZZ = settings(
    max_examples=LINES * 11 // (10 * BATCH),  # some lines are left out
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NOISE = st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b""))
WORDS = sorted({word.encode() for key in grammar().entries for word in key})
SALTS = [b"", b" ", b"@", b"@1", b'"', b"\\", b"nan", b"-1", b"1e9", b"12:05:17.3", b"\xff", b"\x00", b"J2000", b"{"]
SALT = st.sampled_from(SALTS)
VALUES = st.one_of(SALT, st.floats().map(lambda value: str(value).encode()))


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Make a command of the language, with at most one thing wrong."""
    entry = draw(st.sampled_from(list(grammar().entries.values())))
    words = [w.encode() for w in (entry.device, entry.action, entry.name)] + [draw(VALUES) for _ in entry.fields]
    if draw(st.booleans()):
        words[draw(st.integers(0, len(words) - 1))] = draw(st.one_of(SALT, st.sampled_from(WORDS)))
    head = draw(st.sampled_from([b"", b"", b"@ ", b"@7 ", b"@a-b ", b"@" + b"x" * 40 + b" "]))
    return head + b" ".join(words)


def mutant(dice: random.Random, line: bytes) -> bytes:
    """Change a line here and there; it stays one line."""
    changed = bytearray(line)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(changed) + 1)
        changed[at : at + dice.randrange(4)] = dice.choice([*SALTS, dice.randbytes(2)])
    return bytes(changed).replace(b"\n", b"").replace(b"\r", b"")


@st.composite
def batches(draw: st.DrawFn, line: st.SearchStrategy[bytes]) -> list[bytes]:
    """Make lines, and mutants of them."""
    seeds = draw(st.lists(line, min_size=SEEDS, max_size=SEEDS))
    dice = draw(st.randoms(use_true_random=True))
    return [*seeds, *(mutant(dice, dice.choice(seeds)) for _ in range(BATCH - SEEDS))]


ASKED = st.one_of(NOISE, spoilt(), spoilt(), spoilt())
BODIES = [b"OK", b"OK {}", b"OK [1]", b'OK {"temperature":{"value":NaN}}', b"ERROR", b"ERROR busy x"]
# The number of the request that is answered takes the place of @ID; @zz is nobody's.
ANSWERED = st.one_of(
    NOISE,
    st.tuples(st.sampled_from([b"@ID", b"@ID", b"@ID", b"@zz"]), st.sampled_from(BODIES), SALT).map(
        lambda parts: b"%s %s%s" % parts
    ),
)


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


@pytest.mark.timeout(1800)
def test_every_line_on_a_simulators_port_is_answered_or_refused(child: tuple[psutil.Process, dict[str, int]]) -> None:
    process, ports = child
    sent, asked = 0, 0
    before: list[tuple[int, int]] = []

    @FUZZ
    @given(batches(ASKED))
    def fuzz(lines: list[bytes]) -> None:
        nonlocal sent, asked
        kind = KINDS[asked % len(KINDS)]
        # A frame has no lines, and a blank line is none.
        lines = [line for line in lines if b"IMAGE" not in line and line.strip(b" \t\r\x0b\x0c")]
        with socket.create_connection(("127.0.0.1", ports[kind]), 10) as link, link.makefile("rb") as stream:
            link.sendall(b"".join(line + b"\n" for line in lines) + f"@end {kind.upper()} GET HEARTBEAT\n".encode())
            answers = 0
            while True:
                line = stream.readline()
                assert line, "the port hung up"
                answer = parse_answer(line[:-1])
                assert answer.ok or answer.code in grammar().errors
                if answer.request_id == "end":
                    break
                answers += 1
        assert answers == len(lines)
        sent, asked = sent + answers, asked + 1
        if asked == 2 * len(KINDS):  # caches are full
            before.append((process.memory_info().rss, process.num_threads()))

    fuzz()
    assert sent >= LINES
    before_bytes, before_threads = before[0]
    now_bytes, now_threads = process.memory_info().rss, process.num_threads()
    print(f"{sent} lines answered or refused; simulators' memory {before_bytes / 1e6:.1f} → {now_bytes / 1e6:.1f} MB, "
          f"threads {before_threads} → {now_threads}")  # fmt: skip
    assert now_threads <= before_threads + 1
    assert now_bytes < before_bytes + 30e6


def _held_bytes() -> int:
    """Tell how much memory the client's own code holds: hypothesis remembers what it tried, and that grows."""
    gc.collect()
    ours = tracemalloc.Filter(True, str(Path(instruments.__path__[0]) / "*"))
    return sum(one.size for one in tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename"))


@pytest.mark.timeout(1800)
def test_every_line_on_a_clients_port_is_taken_or_refused(
    scripted: Callable[[Callable[[bytes], bytes | None]], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "instruments")  # a record of each line would be what grows
    waiting: deque[bytes] = deque()
    said = 0

    def answer(line: bytes) -> bytes | None:
        nonlocal said
        if not waiting:
            return None
        said += 1
        # What no client takes ends the link: it need not wait for an answer that was to nobody.
        return waiting.popleft().replace(b"@ID", line.split(b" ", 1)[0]) + b"\n\xff\n"

    plc = PyrosPlc("plc", f"{scripted(answer)}/PLC", Clock())
    threads, sizes = threading.active_count(), list[int]()

    @FUZZ
    @given(batches(ANSWERED))
    def fuzz(answers: list[bytes]) -> None:
        waiting.extend(answers)
        while waiting:
            with pytest.raises(InstrumentError):
                plc.connect(1)
        if said > LINES * (1 + len(sizes)) / 5:
            sizes.append(_held_bytes())

    tracemalloc.start()
    try:
        fuzz()
        sizes.append(_held_bytes())
    finally:
        tracemalloc.stop()
        plc.disconnect()
    assert said >= LINES
    kb = ", ".join(f"{size / 1e3:.0f}" for size in sizes)
    print(f"{said} answers taken or refused; the client holds {kb} kB, "
          f"threads {threads} → {threading.active_count()}")  # fmt: skip
    assert threading.active_count() <= threads
    assert sizes[-1] < sizes[0] + 1e5
