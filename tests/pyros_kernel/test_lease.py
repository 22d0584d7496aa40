"""The control lease: one commands, the others know who; handed over, asked for, broken, lapsed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from pyros_kernel.lease import ControlLease, LeaseHeld, NotCommanding
from pyros_kernel.lookout import take_over
from pyros_kernel.store import LeaseEvent, Store
from tests.waiting import until

Make = Callable[..., ControlLease]


@pytest.fixture
def make(store: Store) -> Iterator[Make]:
    made: list[ControlLease] = []

    def one(what: str = "notebook", **more: float) -> ControlLease:
        made.append(ControlLease(store, what, **more))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for lease in made:
        lease.release()


def events(store: Store) -> list[tuple[str, str]]:
    with store.session(read_only=True) as session:
        return [(e.what, e.reason) for e in session.scalars(select(LeaseEvent).order_by(LeaseEvent.id))]


def test_one_commands_and_the_other_is_told_who_and_since_when(make: Make) -> None:
    one, other = make("notebook"), make("headless")
    one.acquire()
    one.acquire()
    one.check("observe")
    with pytest.raises(LeaseHeld, match=rf"process {os.getpid()} \(notebook\).* commands since 2.*ask for it"):
        other.acquire()
    with pytest.raises(NotCommanding, match=r"^abort refused: .*\(notebook\).* commands since"):
        other.check("abort")
    one.release()
    with pytest.raises(NotCommanding, match="nobody commands"):
        one.check("observe")
    other.acquire()
    assert other.held and not one.held


def test_it_is_asked_for_and_handed_over(make: Make, store: Store) -> None:
    one, other = make(), make()
    one.acquire()
    with pytest.raises(LookupError, match="nobody asked"):
        one.hand_over()
    other.ask("my burst")
    assert "asks for it: my burst" in str(one.view())
    assert one.hand_over() == other.me
    assert not one.held
    with pytest.raises(LeaseHeld):
        one.acquire()
    other.acquire()
    other.check("observe")
    assert [what for what, _ in events(store)] == ["taken", "asked", "handed over"]
    with pytest.raises(NotCommanding, match="hand over refused"):
        one.hand_over()


def test_a_broken_glass_is_recorded_and_noticed(make: Make, store: Store) -> None:
    lost: list[str] = []
    one, other = ControlLease(store, lasts_real_s=0.3, on_taken=lost.append), make()
    one.acquire()
    with pytest.raises(ValueError, match="needs a reason"):
        other.break_glass(" ")
    other.break_glass("the dome is open and it rains")
    other.check("close")
    until(lambda: lost, "the former holder notices")
    assert other.me in lost[0] and not one.held
    assert ("broken", "the dome is open and it rains") in events(store)
    one.release()
    assert other.view().holder == other.me, "who lost it can't release it"


def test_a_holder_that_can_not_renew_stops_commanding_and_its_lease_lapses(make: Make, store: Store) -> None:
    one, other = ControlLease(store, lasts_real_s=0.3), make()
    one.acquire()
    one._ending.set()  # its thread is stuck
    until(lambda: not one.held, "it knows by itself")

    def takes() -> bool:
        try:
            other.acquire()
        except LeaseHeld:
            return False
        return True

    until(takes, "it lapses for the others too, a moment after its holder stopped")
    assert ("lapsed", "it was not renewed in time") in events(store)
    one.release()


def test_a_holder_whose_store_is_away_says_so_and_goes_on_once_it_is_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else has the lease then, nor a guardian: this is not the moment to give either away."""
    taken: list[str] = []
    held: list[str] = []
    one = ControlLease(store, lasts_real_s=0.3, on_taken=taken.append, on_held=held.append)
    one.acquire()

    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", {}, OSError("the database system is shutting down"))

    with monkeypatch.context() as patch:
        patch.setattr(Store, "session", away)
        until(lambda: held, "it says so")
        assert "could not be renewed" in held[0] and not one.held
    until(lambda: held[1:], "it commands again")
    assert held[1] == "" and one.held and not taken
    one.release()


def test_who_hands_over_is_told_like_who_is_robbed(store: Store, make: Make) -> None:
    taken: list[str] = []
    one, other = ControlLease(store, on_taken=taken.append), make()
    one.acquire()
    other.ask("my burst")
    one.hand_over()
    assert taken == [f"handed over to {other.me}"]
    one.release()


def test_who_is_interrupted_while_he_takes_over_does_not_keep_the_lease(make: Make) -> None:
    robbed, robber = make(), make()
    robbed.acquire()

    def interrupted() -> None:
        assert robber.held
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_over(robber, "the other one hangs", interrupted, 5.0)
    assert not robber.held
    robbed.acquire()


def test_it_is_renewed_as_long_as_its_holder_lives(make: Make) -> None:
    one, other = make(lasts_real_s=0.3), make()
    one.acquire()
    until_s = time.monotonic() + 1.0
    while time.monotonic() < until_s:
        with pytest.raises(LeaseHeld):
            other.acquire()
        time.sleep(0.05)


def test_the_lease_of_a_killed_process_is_free_at_once(make: Make, store: Store) -> None:
    code = (
        "import sys, os, signal; from pyros_kernel.lease import ControlLease; from pyros_kernel.store import Store\n"
        "ControlLease(Store.open(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    url = str(store.engine.url)
    assert subprocess.run([sys.executable, "-c", code, url], check=False, timeout=30).returncode == -9
    make().acquire()
    assert any("is gone" in why for what, why in events(store) if what == "lapsed")


def test_of_many_that_want_it_at_once_one_gets_it(make: Make) -> None:
    leases = [make(str(i)) for i in range(8)]
    start, got = threading.Barrier(len(leases)), []

    def want(lease: ControlLease) -> None:
        start.wait()
        try:
            lease.acquire()
        except LeaseHeld:
            return
        got.append(lease)

    threads = [threading.Thread(target=want, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert [lease for lease in leases if lease.held] == got
