"""Buttons: when they may be pressed, what they do, and where a refusal shows."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from widgets.controls import controls

COMMANDS = {
    "start": ("observe",),
    "pause": ("pause", "by hand, in the panel"),
    "resume": ("resume",),
    "stop": ("stop_night", "by hand, in the panel"),
    "abort": ("abort", "by hand, in the panel"),
}


@pytest.mark.parametrize(
    ("status", "enabled"),
    [
        ("closed", {"start", "abort"}),
        ("waiting", {"pause", "stop", "abort"}),
        ("opening", {"pause", "stop", "abort"}),
        ("observing", {"pause", "stop", "abort"}),
        ("paused", {"resume", "stop", "abort"}),
        ("closing", {"abort"}),
        ("calibrating", {"abort"}),
        ("done", {"start", "abort"}),
    ],
)
def test_each_state_of_the_night_allows_its_buttons(
    panel: Any, observatory: Any, look: Any, status: str, enabled: set[str]
) -> None:
    observatory.in_state(status)
    panel.refresh()
    for name, command in COMMANDS.items():
        button = look(panel).button(name)
        assert button.disabled is (name not in enabled), name
        assert button.tooltip
        observatory.commands.clear()
        button.click()  # as a browser would: not at all while disabled
        assert not panel.errors
        if name in enabled:
            assert observatory.commands == [command]
            observatory.in_state(status)


def test_start_starts_a_stopped_observatory_once_and_blocks_nothing(
    panel: Any, made_up: Any, observatory: Any, look: Any
) -> None:
    observatory.picture = made_up.stopped()
    panel.refresh()
    let_go, entered = threading.Event(), threading.Event()

    def slow_start() -> None:
        entered.set()
        assert let_go.wait(10)
        observatory.commands.append(("start",))

    observatory.start = slow_start
    start = look(panel).button("start")
    start.click()
    start.click()
    assert entered.wait(5)
    panel.refresh()
    assert start.disabled and start.description == "Start …"
    let_go.set()
    deadline = time.monotonic() + 5
    while start.disabled and time.monotonic() < deadline:
        time.sleep(0.01)
        panel.refresh()
    assert not start.disabled
    assert observatory.commands == [("start",)]


def test_no_night_offers_one(made_up: Any) -> None:
    observatory = made_up.StandIn()
    observatory.change(night=None, verdict=made_up.verdict(rain="rain: yes"))
    start = controls(observatory.snapshot())[0]
    assert start.enabled and start.word == "Start night"
    assert start.tooltip.endswith("now it would wait, not safe: rain: yes")


def test_resume_is_refused_with_the_verdicts_reasons(panel: Any, made_up: Any, observatory: Any, look: Any) -> None:
    observatory.in_state("paused", "humidity")
    observatory.change(verdict=made_up.verdict(humidity="humidity 91.0 % > 85 %"))
    panel.refresh()
    assert look(panel).button("resume").disabled
    assert look(panel).button("resume").tooltip == "Not safe: humidity 91.0 % > 85 %"
    assert look(panel).button("pause").tooltip == "Paused already: humidity"


def test_a_refused_command_shows_in_the_bar_until_dismissed(
    panel: Any, observatory: Any, look: Any, caplog: pytest.LogCaptureFixture
) -> None:
    observatory.refusal = RuntimeError("held by <pid 42>")
    with caplog.at_level(logging.ERROR, "widgets.panel"):
        look(panel).button("pause").click()
    assert caplog.records[-1].exc_info
    panel.refresh()
    assert panel.errors == ("Pause: held by <pid 42>",)
    assert "Pause: held by &lt;pid 42&gt;" in look(panel).card("errors")
    [dismiss] = [w for w in look(panel).all if getattr(w, "description", "") == "Dismiss"]
    dismiss.click()
    panel.refresh()
    assert panel.errors == ()
    assert look(panel).card("errors") == ""
