"""Mutated packets: no crash, no hang, memory flat; 2,000 in each run, 100,000 with PYROS_NIGHTLY=1."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import psutil

from pyros_kernel.alerts import NotVoevent, decide, read_packet
from pyros_kernel.store import Strategy

COUNT = 100_000 if os.environ.get("PYROS_NIGHTLY") == "1" else 2_000
LONGEST_S = 2.0  # for one packet, on a busy machine
GROWTH_BYTES = 50 << 20
HERE = Path(__file__).parent
SEEDS = [p.read_bytes() for p in sorted((HERE / "packets").rglob("*.xml")) if p.stat().st_size < 50_000]
SEEDS += [p.read_bytes() for p in sorted((HERE / "notices").glob("*.json"))]
PIECES = (
    *(b"<", b">", b'"', b"&", b"]]>", b"<!--", b"<![CDATA[", b"&lt;", b"<!DOCTYPE a>", b"<a>" * 300),
    *(b"\0", b"\xff\xfe", b"{", b"}", b"[", b"null"),
    *(b"NaN", b"1e999", b"-", b"9" * 400, b"ivo://", b"2022-02-30T25:61:61"),
)


def mutate(rng: random.Random, raw: bytes) -> bytes:
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.choice((0, 1, 4, 40, 400)))
        match rng.randrange(5):
            case 0:
                data[at:until] = rng.choice(PIECES)
            case 1:
                del data[at:until]
            case 2:
                data[at:at] = data[at:until] * rng.choice((1, 2, 20))
            case 3:
                data[at:until] = rng.randbytes(until - at)
            case _:
                other = rng.choice(SEEDS)
                there = rng.randrange(len(other))
                data[at:until] = other[there : there + 100]
    return bytes(data)


def test_mutated_packets_are_read_or_refused_and_nothing_else() -> None:
    rng = random.Random(20261122)
    strategy = Strategy(
        name="any", enabled=True, is_default=True, order=0, conditions={"max_error_deg": 1, "max_age_s": 1e9}
    )
    read, begun = 0, 0
    me = psutil.Process()
    for number in range(COUNT):
        if number == COUNT // 10:
            begun = me.memory_info().rss
        raw = mutate(rng, rng.choice(SEEDS))
        began_s = time.process_time()
        try:
            packet = read_packet(raw)
        except NotVoevent as error:
            assert str(error)
        else:
            read += 1
            decision = decide(packet, [strategy], 1.8e9)
            assert not decision.accepted or packet.position is not None
        assert time.process_time() - began_s < LONGEST_S
    assert COUNT / 20 < read < COUNT
    assert me.memory_info().rss - begun < GROWTH_BYTES
