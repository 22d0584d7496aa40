"""Messages as files: none lost, none twice, none half, and those of the dead given back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyros_kernel.tasks.inotify import Arrivals
from pyros_kernel.tasks.spool import Spool

NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=40)


@pytest.fixture
def spool(tmp_path: Path):
    opened = Spool(tmp_path)
    yield opened
    opened.close()


def _all(spool: Spool, queue: str) -> list[int]:
    found: list[int] = []
    while (one := spool.take(queue, keep=False)) is not None:
        found.append(one[0]["i"])
    return found


def test_messages_come_in_their_order(spool: Spool) -> None:
    for i in range(50):
        spool.put("a", {"i": i})
    assert spool.size("a") == 50
    assert _all(spool, "a") == list(range(50))


def test_three_writers_and_two_readers_lose_nothing_and_get_nothing_twice(tmp_path: Path) -> None:
    each, got = 300, deque[int]()

    def write(first: int) -> None:
        own = Spool(tmp_path)
        for i in range(first, first + each):
            own.put("a", {"i": i, "filling": "x" * 3000})

    def read() -> None:
        own = Spool(tmp_path)
        while len(got) < 3 * each:
            if (one := own.take("a", keep=True)) is not None and one[1] is not None:
                got.append(one[0]["i"])
                own.done(one[1])
        own.close()

    threads = [threading.Thread(target=write, args=(n * each,)) for n in range(3)]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(got) == list(range(3 * each))
    assert list((tmp_path / "taken").rglob("*.json")) == list((tmp_path / "bad").iterdir()) == []


def test_what_a_killed_process_took_is_given_back_in_its_place(tmp_path: Path, spool: Spool) -> None:
    for i in range(3):
        spool.put("a", {"i": i})
    code = (
        "import sys, time; from pathlib import Path; from pyros_kernel.tasks.spool import Spool\n"
        "s = Spool(Path(sys.argv[1])); s.take('a', keep=True); s.take('a', keep=True)\n"
        "print('took', flush=True); time.sleep(60)"
    )
    taker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert taker.stdout is not None
    assert taker.stdout.readline() == b"took\n"
    assert spool.give_back_of_the_dead() == 0  # it lives
    assert spool.size("a") == 1
    taker.send_signal(signal.SIGKILL)
    taker.wait()
    taker.stdout.close()
    assert spool.give_back_of_the_dead() == 2
    assert _all(spool, "a") == [0, 1, 2]
    assert spool.give_back_of_the_dead() == 0


def test_what_is_no_message_is_put_aside(tmp_path: Path, spool: Spool) -> None:
    spool.put("a", {"i": 0})
    (spool.directory("a") / "0-garbage.json").write_bytes(b"{half")
    assert _all(spool, "a") == [0]
    assert [path.read_bytes() for path in (tmp_path / "bad").iterdir()] == [b"{half"]


def test_a_message_that_cant_be_written_leaves_nothing(tmp_path: Path, spool: Spool) -> None:
    spool.directory("a").rmdir()
    (tmp_path / "queues" / "a").touch()
    with pytest.raises(OSError):
        spool.put("a", {"i": 0})
    assert list((tmp_path / "new").iterdir()) == []


def test_a_queue_of_a_dead_process_is_abandoned(tmp_path: Path, spool: Spool) -> None:
    other = Spool(tmp_path)
    other.own("reply")
    assert not spool.abandoned("reply")
    other.close()
    assert spool.abandoned("reply")
    assert spool.abandoned("never made")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queue=NAMES, texts=st.lists(st.text(st.characters(blacklist_categories=("Cs",)), max_size=30), max_size=4))
def test_any_name_and_any_text(spool: Spool, queue: str, texts: list[str]) -> None:
    if len(os.fsencode(queue)) > 60:
        return
    for text in texts:
        spool.put(queue, {"text": text})
    got: list[str] = []
    while (one := spool.take(queue, keep=True)) is not None:
        assert one[1] is not None
        if len(got) % 2 == 0:  # given back once, and taken again
            spool.give_back(one[1])
            one = spool.take(queue, keep=True)
            assert one is not None and one[1] is not None
        got.append(one[0]["text"])
        spool.done(one[1])
    assert got == texts


def test_an_arrival_ends_the_wait_and_so_does_a_wake(tmp_path: Path, spool: Spool) -> None:
    arrivals = Arrivals()
    try:
        arrivals.watch([spool.directory("a")])
        for act in (lambda: spool.put("a", {"i": 1}), arrivals.wake):
            timer = threading.Timer(0.05, act)
            timer.start()
            arrivals.wait(60)
            timer.join()
    finally:
        arrivals.close()
