"""Panels come and go, and leave nothing behind."""

from __future__ import annotations

import gc
import itertools
import logging
import threading
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

from widgets import NightPanel
from widgets.refresher import Refresher, refresher


def eventually(true: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.01)


def refreshers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "pyros-refresher"]


def test_the_refresher_draws_what_changed_and_ends_with_the_last_panel(made_up: Any, look: Any) -> None:
    first, second = made_up.StandIn(), made_up.StandIn()
    with NightPanel(first) as one, NightPanel(second) as two:
        assert len(refreshers()) == 1
        first.in_state("paused", "clouds")
        eventually(lambda: "clouds" in look(one).card("header"))
        one.close()
        second.in_state("paused", "wind")
        eventually(lambda: "wind" in look(two).card("header"))
    eventually(lambda: not refreshers())


def test_the_refresher_starts_again_after_it_ended(made_up: Any, look: Any) -> None:
    for reason in ("clouds", "wind"):
        observatory = made_up.StandIn()
        with NightPanel(observatory) as panel:
            observatory.in_state("paused", reason)
            eventually(lambda p=panel, r=reason: r in look(p).card("header"))
        eventually(lambda: not refreshers())


def test_a_second_panel_closes_the_first(observatory: Any) -> None:
    with NightPanel(observatory) as first, NightPanel(observatory) as second:
        assert first.closed and not second.closed
        assert refresher.panels == (second,)
        assert len(refreshers()) == 1


def test_three_hundred_panels_leave_nothing(made_up: Any) -> None:
    kinds = [entry.load() for entry in entry_points(group="pyros.panels")]
    before, observatory = set(_instances), made_up.StandIn()
    for kind in itertools.islice(itertools.cycle(kinds), 300):
        kind(observatory).close()
    gc.collect()
    assert set(_instances) == before
    eventually(lambda: not refreshers())


def test_a_panel_may_be_closed_twice_from_other_threads_and_while_it_is_refreshed(observatory: Any) -> None:
    panel = NightPanel(observatory)
    stop = threading.Event()
    failures: list[Exception] = []

    def work(do: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                do()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(do,)) for do in (panel.refresh, panel.refresh, panel.close)]
    for thread in threads:
        thread.start()
    eventually(lambda: panel.closed)
    observatory.in_state("paused")
    panel.refresh()
    stop.set()
    for thread in threads:
        thread.join(5)
    assert not failures


def test_panels_made_at_once_in_many_threads_leave_one(observatory: Any) -> None:
    made: list[Any] = []
    threads = [threading.Thread(target=lambda: made.append(NightPanel(observatory))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    [last] = [panel for panel in made if not panel.closed]
    assert len(made) == 6
    assert refresher.panels == (last,)
    last.close()
    eventually(lambda: not refreshers())


def test_two_threads_refresh_one_panel(panel: Any, observatory: Any) -> None:
    observatory.speed = 5000.0
    failures: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(50):
                panel.refresh()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not failures
    assert panel.errors == ()


def test_an_observatory_that_cannot_be_read_shows_once_and_comes_back(
    panel: Any, observatory: Any, look: Any, caplog: pytest.LogCaptureFixture
) -> None:
    observatory.broken = OSError("the database is locked")
    with caplog.at_level(logging.ERROR, "widgets.panel"):
        panel.refresh()
        panel.refresh()
    assert len(caplog.records) == 1
    assert "can&#x27;t be read: the database is locked" in look(panel).card("errors")
    observatory.broken = None
    observatory.in_state("paused", "back again")
    panel.refresh()
    assert "back again" in look(panel).card("header")


def test_a_part_that_cannot_be_drawn_leaves_the_others(panel: Any, observatory: Any, look: Any) -> None:
    observatory.change(placed=(None,), log=())
    panel.refresh()
    assert any("can't be drawn" in text for text in panel.errors)
    assert "Nothing was logged yet." in look(panel).card("log")


def test_the_pulse_stops_when_the_snapshot_is_old(panel: Any, observatory: Any, look: Any) -> None:
    def beats() -> int:
        seen = set()
        for _ in range(12):
            panel.refresh()
            seen.add(look(panel).card("pulse"))
        return len(seen)

    assert beats() >= 3
    fresh = observatory.snapshot
    observatory.snapshot = lambda: made_old(fresh())
    assert beats() == 1


def made_old(snapshot: Any) -> Any:
    from dataclasses import replace

    return replace(snapshot, taken_real_s=time.monotonic() - 60)


def test_one_broken_panel_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    drawn = threading.Event()

    class Broken:
        def refresh(self) -> None:
            raise RuntimeError("broken")

    class Fine:
        def refresh(self) -> None:
            drawn.set()

    own, broken, fine = Refresher(period_s=0.01), Broken(), Fine()
    own.add(broken)
    own.add(fine)
    assert drawn.wait(5)
    drawn.clear()
    assert drawn.wait(5)
    own.remove(broken)
    own.remove(fine)
    eventually(lambda: not refreshers())
    assert "could not be refreshed" in caplog.text


def test_obs_panel_finds_the_night_panel_by_name() -> None:
    [found] = entry_points(group="pyros.panels", name="night")
    assert found.load() is NightPanel
