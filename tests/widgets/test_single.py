"""Panels that show one thing: what they show, what their buttons do, and that they leave nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ipywidgets as W
import numpy as np
import pytest
from astropy.io import fits
from ipywidgets.widgets.widget import _instances

import widgets
from widgets.recipe_run import panel_of
from widgets.refresher import refresher
from widgets.stretch import STRETCHES, histogram, stretched_png
from widgets.why import what_would_change_it

KINDS = [
    widgets.AgentsPanel,
    widgets.AlertsPanel,
    widgets.CameraPanel,
    widgets.CommandsPanel,
    widgets.DevicesPanel,
    widgets.LogPanel,
    widgets.SafetyPanel,
    widgets.SchedulePanel,
    widgets.SkyPanel,
    widgets.TasksPanel,
    widgets.TelescopePanel,
    widgets.WeatherPanel,
]


@pytest.fixture
def show(observatory: Any) -> Iterator[Callable[[type], Any]]:
    """Make a panel of a kind that only ``panel.refresh()`` refreshes."""
    made: list[Any] = []

    def make(kind: type) -> Any:
        panel = kind(observatory)
        refresher.remove(panel)
        made.append(panel)
        return panel

    yield make
    for panel in made:
        panel.close()


def eventually(true: Callable[[], bool], panel: Any) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.01)
        panel.refresh()


def of_type(look: Any, panel: Any, name: str) -> Any:
    [found] = [w for w in look(panel).all if type(w).__name__ == name]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_panel_shows_a_night_and_a_stopped_observatory(
    show: Any, kind: type, observatory: Any, made_up: Any, look: Any
) -> None:
    panel = show(kind)
    assert panel.errors == ()
    assert "San Pedro Mártir" in look(panel).card("line")
    assert panel._repr_mimebundle_()["text/plain"].endswith(" panel>")
    sent: list[Any] = []
    for widget in look(panel).all:
        if "pyros-pulse" not in widget._dom_classes:
            widget.observe(sent.append)
    panel.refresh()
    assert sent == []  # nothing is written when nothing changed
    observatory.picture = made_up.stopped()
    panel.refresh()
    assert panel.errors == ()
    assert "nan" not in look(panel).html and "1970" not in look(panel).html
    assert "style=" not in look(panel).html


def test_the_sky_has_the_telescope_the_moon_and_what_is_up(show: Any, look: Any) -> None:
    chart = of_type(look, show(widgets.SkyPanel), "SkyChart")
    things = {t["name"]: t for t in chart.things}
    assert set(things) == {"GRB 261123A", "Crab pulsar", "M 67", "M 33", "NGC 253", "Moon"}  # 3C 273 has set
    assert things["GRB 261123A"]["tone"] == "alert" and things["GRB 261123A"]["named"]
    assert not things["M 33"]["named"]
    assert (chart.telescope["altitude"], chart.telescope["azimuth"]) == (68.4, 121.9)
    assert chart.limit == 20.0


def test_the_weather_has_its_limits_and_is_sent_once(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.WeatherPanel)
    chart = of_type(look, panel, "StripChart")
    strips = {s["name"]: s for s in chart.strips}
    assert strips["humidity"]["limit"] == 85.0 and strips["humidity"]["upper"]
    assert not strips["temperature"]["upper"]
    assert strips["pressure"]["limit"] is None
    assert len(strips["wind_speed"]["points"]) == 360
    assert "last 5 h 59" in look(panel).card("weather")
    sent: list[Any] = []
    chart.observe(sent.append)
    observatory.change(time_s=observatory.picture.time_s + 5)
    panel.refresh()
    assert sent == []


def test_a_weather_that_is_no_longer_read_says_so(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.WeatherPanel)
    chart = of_type(look, panel, "StripChart")
    assert {s["old"] for s in chart.strips} == {""}
    observatory.change(time_s=observatory.picture.time_s + 25 * 60)
    panel.refresh()
    assert {s["old"] for s in chart.strips} == {"20 min"}


def test_the_chart_points_out_the_sequence_whose_reasons_are_shown(show: Any, look: Any) -> None:
    panel = show(widgets.SchedulePanel)
    chart = look(panel).chart
    assert (chart.chosen["id"], chart.chosen["min_altitude"]) == (8, 60.0) and len(chart.chosen["points"]) > 40
    [choice] = [w for w in look(panel).all if isinstance(w, W.Dropdown)]
    choice.value = "5"
    panel.refresh()
    assert chart.chosen["id"] == 5 and chart.chosen["points"] == []  # it is drawn already
    legend = look(panel).card("chart")
    assert "interrupted" in legend and "Moon" in legend and "failed" not in legend


def test_a_sequence_that_was_not_placed_says_why_and_what_would_change_it(show: Any, look: Any) -> None:
    panel = show(widgets.SchedulePanel)
    text = look(panel).card("why")
    assert "Vega field" in text and "never above 60.0°" in text
    assert "What would change it" in text and "An altitude limit of 41° or less" in text
    assert "above 60°" in text
    [choice] = [w for w in look(panel).all if isinstance(w, W.Dropdown)]
    assert [label for label, _ in choice.options][:3] == [
        "Vega field · not placed",
        "NGC 253 · not placed",
        "M 33 · 02:05–03:25",
    ]
    choice.value = "5"
    panel.refresh()
    assert "08:10–09:20 UTC" in look(panel).card("why")


def test_the_choice_stays_when_the_schedule_changes(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.SchedulePanel)
    [choice] = [w for w in look(panel).all if isinstance(w, W.Dropdown)]
    choice.value = "5"
    observatory.change(rejected=())
    panel.refresh()
    assert choice.value == "5"
    observatory.change(placed=observatory.picture.placed[:2])
    panel.refresh()
    assert choice.value == "1"
    observatory.change(placed=())
    panel.refresh()
    assert "Nothing is scheduled yet." in look(panel).card("why")


def test_the_plan_says_why_it_was_made_how_good_it_is_and_what_is_used(show: Any, look: Any) -> None:
    text = look(show(widgets.SchedulePanel)).card("plan")
    assert "07:04 UTC, alert 1 goes first" in text and "1 out (NGC 253)" in text
    assert "at most 1.6 % from the best plan" in text
    assert "500 h (30 %), 25.0 % used" in text and "no limit" in text


def test_a_sequence_is_pinned_dropped_released_and_made_more_important(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.SchedulePanel)
    [choice] = [w for w in look(panel).all if isinstance(w, W.Dropdown)]
    choice.value = "5"
    panel.refresh()
    [when] = [w for w in look(panel).all if isinstance(w, W.Text)]
    assert when.value == "08:10"
    assert look(panel).button("release").disabled and "neither" in look(panel).button("release").tooltip
    when.value = "09:00"
    for press, command in (
        ("pin", ("pin", "5", "09:00")),
        ("drop", ("drop", "5", "in the panel")),
        ("more", ("reprioritise", "5", "5")),
        ("less", ("reprioritise", "5", "0")),
        ("ask", ("explain", "5")),
    ):
        look(panel).button(press).click()
        eventually(lambda command=command: command in observatory.commands and not panel._pending, panel)
    panel.refresh()
    assert "no room &lt;left&gt;" in look(panel).card("hands") and "300 s shorter" in look(panel).card("hands")
    placed = tuple(replace(s, pinned=s.id == 5) for s in observatory.picture.placed)
    observatory.change(placed=placed)
    panel.refresh()
    assert not look(panel).button("release").disabled and "pinned" in look(panel).card("why")
    look(panel).button("release").click()
    eventually(lambda: ("release", "5") in observatory.commands, panel)
    choice.value = "1"
    panel.refresh()
    assert look(panel).button("pin").disabled and "executed" in look(panel).button("pin").tooltip
    assert panel.errors == ()


def test_a_refused_pin_says_why(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.SchedulePanel)
    observatory.refusal = ValueError("Vega field can't be pinned: never above 60.0°")
    look(panel).button("pin").click()
    eventually(lambda: any("never above 60.0°" in error for error in panel.errors), panel)


def test_the_chart_moves_drops_and_chooses(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.SchedulePanel)
    chart = look(panel).chart
    assert chart.movable
    chart._handle_custom_msg({"what": "pin", "id": 5, "start_s": 1790000000.0}, [])
    eventually(lambda: ("pin", "5", "1790000000.0") in observatory.commands and not panel._pending, panel)
    chart._handle_custom_msg({"what": "drop", "id": 7}, [])
    eventually(lambda: ("drop", "7", "in the panel") in observatory.commands, panel)
    chart._handle_custom_msg({"what": "choose", "id": 6}, [])
    chart._handle_custom_msg({"what": "choose", "id": "nonsense"}, [])
    [choice] = [w for w in look(panel).all if isinstance(w, W.Dropdown)]
    assert choice.value == "6"
    assert not look(show(widgets.NightPanel)).chart.movable


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("no room left between 1 and 2 for 60 s at priority 5: competes with A (priority 9)", "A priority above"),
        ("window a to b lies outside the plan", "Another window"),
        ("the Moon is too near or too bright throughout (Moon 40.0° away)", "A night with the Moon elsewhere"),
        ("needs 900 s, longest observable stretch is 600 s", "Fewer or shorter images"),
        ("quota of GALAXIES is used up", ""),
    ],
)
def test_advice_follows_the_planners_reason(made_up: Any, reason: str, advice: str) -> None:
    [*_, last] = made_up.REJECTED
    found = what_would_change_it(replace(last, reason=reason), made_up.NIGHT)
    assert [text.startswith(advice) for text in found] == ([True] if advice else [])


def test_a_frame_is_drawn_from_its_file_in_the_stretch_of_ones_choice(
    show: Any, observatory: Any, look: Any, tmp_path: Path
) -> None:
    random = np.random.default_rng(3)
    data = random.normal(600, 9, (64, 96)).astype(np.uint16)
    data[5, 7] = 60000
    fits.writeto(tmp_path / "a.fits", data)
    first, second = observatory.picture.images
    observatory.change(images=(replace(first, file=str(tmp_path / "a.fits")), replace(second, file="/gone.fits")))
    panel = show(widgets.CameraPanel)
    shown = look(panel)
    assert 'class="histogram"' in shown.html and "FWHM" in shown.html
    assert "exposing, 14 of 30 s left" in shown.html and '<progress max="30" value="16"' in shown.html
    assert bytes(shown.images[0].value) == stretched_png(data, "asinh")
    assert bytes(shown.images[1].value) == second.png  # no file: its thumbnail
    choice = next(w for w in shown.all if isinstance(w, W.Dropdown))
    choice.value = "negative"
    panel.refresh()
    assert bytes(shown.images[0].value) == stretched_png(data, "negative")


@pytest.mark.parametrize("how", STRETCHES)
@pytest.mark.parametrize(
    "data", [np.zeros((8, 8)), np.full((8, 8), 65535, np.uint16), np.arange(900.0).reshape(30, 30)]
)
def test_every_stretch_draws_every_frame(how: str, data: Any) -> None:
    assert stretched_png(data, how).startswith(b"\x89PNG")
    heights, low, high = histogram(data)
    assert high > low and 0 <= heights.min() <= heights.max() == 1


def test_an_alert_is_sent_again_and_its_answer_shows(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.AlertsPanel)
    assert "request 1046" in look(panel).card("desk")
    look(panel).button("again").click()
    eventually(lambda: "taken &lt;as a copy&gt;" in look(panel).card("desk"), panel)
    assert observatory.commands == [("send", "alerts/2026-11-23/swift.xml")]
    look(panel).button("send").click()
    eventually(lambda: len(observatory.commands) == 2, panel)
    assert observatory.commands[1] == ("send", "swift_bat_grb_1125809.xml")
    [choice] = [w for w in look(panel).all if isinstance(w, W.Dropdown)]
    choice.value = "2"  # its packet was not kept
    panel.refresh()
    assert look(panel).button("again").disabled


def test_a_packet_that_cannot_be_sent_shows_in_the_bar(show: Any, observatory: Any, look: Any) -> None:
    observatory.refusal = FileNotFoundError("no fixture nothing.xml")
    panel = show(widgets.AlertsPanel)
    look(panel).button("send").click()
    eventually(lambda: panel.errors == ("Send alert: no fixture nothing.xml",), panel)


def test_an_agent_is_restarted_by_hand(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.AgentsPanel)
    [choice] = [w for w in look(panel).all if isinstance(w, W.Dropdown)]
    choice.value = "Watcher"
    look(panel).button("restart").click()
    eventually(lambda: observatory.commands == [("restart", "Watcher")], panel)
    eventually(lambda: not look(panel).button("restart").disabled, panel)
    assert panel.errors == ()


def test_tasks_are_shown_by_queue_with_their_progress_and_taken_back(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.TasksPanel)
    text = look(panel).card("tasks")
    assert "analysis_q: 1" in text and "1 running, 1 waiting" in text
    assert 'value="0.250"' in text and "&lt;12&gt;" in text and "its worker died" in text
    [choice] = [w for w in look(panel).all if isinstance(w, W.Dropdown)]
    assert [key for _, key in choice.options] == ["a1b2c3", "d4e5f6"]  # what has ended can't be taken back
    choice.value = "d4e5f6"
    look(panel).button("revoke").click()
    eventually(lambda: observatory.commands == [("revoke", "d4e5f6")], panel)
    eventually(lambda: not look(panel).button("revoke").disabled, panel)
    assert panel.errors == ()


def test_the_rules_stand_with_what_they_say_now(show: Any, observatory: Any, made_up: Any, look: Any) -> None:
    observatory.change(verdict=made_up.verdict(humidity="humidity 91.0 % > 85 %"))
    text = look(show(widgets.SafetyPanel)).card("rules")
    assert "&gt; 85 %" in text and "&lt; 80 %" in text and "dew forms on the optics" in text
    assert "park, then close" in text and "close at once" in text
    assert text.count('class="pill bad"') == 1


def test_three_hundred_panels_of_all_kinds_leave_nothing(observatory: Any) -> None:
    before = set(_instances)
    for i in range(300):
        KINDS[i % len(KINDS)](observatory).close()
    gc.collect()
    assert set(_instances) == before
    assert refresher.panels == ()


def test_panels_of_different_kinds_live_beside_each_other(observatory: Any) -> None:
    night = widgets.NightPanel(observatory)
    with night, widgets.LogPanel(observatory) as one, widgets.LogPanel(observatory) as two:
        assert one.closed and not night.closed and not two.closed


def test_an_unknown_place_is_refused_with_the_known_ones(show: Any) -> None:
    panel = show(widgets.LogPanel)
    with pytest.raises(ValueError, match="split-right"):
        panel.show("attic")
    with pytest.raises(ValueError, match="no place 'sidecar:up'"):
        panel.show("sidecar:up")


def test_the_desk_says_what_an_alert_would_do_now_and_replays_it(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.AlertsPanel)
    [button] = [w for w in look(panel).all if "pyros-explain-file" in getattr(w, "_dom_classes", ())]
    button.click()
    eventually(lambda: "observed at once" in look(panel).html, panel)
    assert "strategy &lt;GRB&gt; wants it" in look(panel).html
    [when] = [w for w in look(panel).all if isinstance(w, W.Text) and w.description == "At (UTC)"]
    [button] = [w for w in look(panel).all if "pyros-replay" in getattr(w, "_dom_classes", ())]
    for at, said in (("2022-09-30T09:12:25", "2022-09-30T09:12:25"), ("", "now")):
        when.value = at
        eventually(lambda: not panel._pending, panel)
        button.click()
        eventually(lambda said=said: ("replay", "swift_bat_grb_1125809.xml", said) in observatory.commands, panel)
    assert panel.errors == ()


def test_a_form_is_made_of_each_command_of_the_language(show: Any, observatory: Any, look: Any) -> None:
    panel = show(widgets.CommandsPanel)
    device, command = [w for w in look(panel).all if isinstance(w, W.Dropdown)][:2]
    for name in observatory.by_hand.devices:
        device.value = name
        panel.refresh()
        for _, key in command.options:
            command.value = key
            panel.refresh()
            fields = [w for w in look(panel).all if isinstance(w, W.Text | W.Dropdown)][2:]
            assert all(w.description and w.tooltip for w in fields), f"every input of {key} has a label"
    device.value = "telescope"
    panel.refresh()
    command.value = "SET COORD_RADEC"
    panel.refresh()
    ra, dec, equinox = [w for w in look(panel).all if isinstance(w, W.Text)]
    [send] = [w for w in look(panel).all if "pyros-send-line" in getattr(w, "_dom_classes", ())]
    send.click()
    eventually(lambda: any("ra is needed" in error for error in panel.errors), panel)
    ra.value, dec.value = "10.5", "41d16m"
    eventually(lambda: not panel._pending, panel)
    send.click()
    line = ("line", "telescope", "SET", "COORD_RADEC", "10.5", "41d16m", "J2000")
    eventually(lambda: line in observatory.commands, panel)
    eventually(lambda: "&lt;tracking&gt;" in look(panel).html, panel)
    assert equinox.value == "J2000"


class Run:
    """A run that is steered by the test."""

    def __init__(self) -> None:
        self.id, self.name, self.ended, self.state, self.reason = 7, "nap", False, "running", ""
        self.progress, self.eta_s, self.picture = 0.25, 90.0, "<svg></svg>"
        self.log = ((1664526000.0, "begins <now>"),)
        self.told: list[tuple[str, str]] = []

    def pause(self, reason: str = "") -> None:
        self.told.append(("pause", reason))
        self.state = "paused"

    def resume(self) -> None:
        raise RuntimeError("the night has the telescope")

    def abort(self, reason: str = "") -> None:
        self.told.append(("abort", reason))
        self.state, self.ended = "aborted", True

    def __repr__(self) -> str:
        return f"<recipe nap: {self.state}>"


def test_the_handle_of_a_recipe_has_buttons() -> None:
    run = Run()
    panel = panel_of(run)
    refresher.remove(panel)
    try:
        assert panel_of(run) is panel, "shown twice it is one panel"
        assert "begins &lt;now&gt;" in panel._log.value and "running" in panel._head.value
        assert '<progress value="0.250"' in panel._head.value
        assert panel._repr_mimebundle_()["text/plain"] == "<recipe nap: running>"
        panel._pause.click()
        panel.refresh()
        assert run.told == [("pause", "by hand")] and panel._pause.disabled and not panel._resume.disabled
        panel._resume.click()
        panel.refresh()
        assert panel.errors == ["Resume: the night has the telescope"] and "has the telescope" in panel._head.value
        panel._why.value = "wrong field"
        panel._abort.click()
        panel.refresh()
        assert run.told[-1] == ("abort", "wrong field")
        assert panel._abort.disabled and panel._pause.disabled and panel not in refresher.panels
    finally:
        panel.close()
        panel.close()


def test_three_hundred_handles_leave_a_dozen_and_closed_nothing() -> None:
    before, made = set(_instances), []
    for _ in range(300):
        run = Run()
        run.ended = True
        made.append(panel_of(run))
    assert sum(not panel.closed for panel in made) <= 13
    for panel in made:
        panel.close()
    gc.collect()
    assert set(_instances) == before


def test_command_is_asked_for_handed_over_and_taken(show: Any, observatory: Any, made_up: Any, look: Any) -> None:
    panel = show(widgets.SafetyPanel)
    names = ("ask", "give", "take", "break")
    buttons = {name: look(panel).button(f"lease-{name}") for name in names}
    [why] = [w for w in look(panel).all if isinstance(w, W.Text) and "pyros-lease-why" in w._dom_classes]
    ada, grace = made_up.ADA, made_up.GRACE

    def offered() -> set[str]:
        panel.refresh()
        assert all(button.tooltip for button in buttons.values())
        return {name for name, button in buttons.items() if not button.disabled}

    assert offered() == set() and "This kernel commands" in look(panel).card("command")
    observatory.change(lease=made_up.commanded(ada, grace, "clouds <east>"))
    assert offered() == {"give"}
    assert 'role="alert"' in look(panel).card("command") and "clouds &lt;east&gt;" in look(panel).card("command")
    buttons["give"].click()
    eventually(lambda: observatory.commands == [("hand over",)], panel)
    observatory.change(lease=made_up.commanded(grace))
    eventually(lambda: offered() == {"ask", "break"}, panel)
    assert f"{grace} commands since" in look(panel).card("command")
    why.value = " my turn "
    buttons["ask"].click()
    eventually(lambda: ("ask", "my turn") in observatory.commands, panel)
    eventually(lambda: offered() == {"ask", "break"}, panel)
    buttons["break"].click()
    eventually(lambda: ("take over", "my turn") in observatory.commands, panel)
    observatory.change(lease=made_up.commanded(""))
    eventually(lambda: offered() == {"take"}, panel)
    assert "nobody commands" in look(panel).card("command")


def test_a_lease_that_can_not_be_taken_says_why_in_the_panel(
    show: Any, observatory: Any, made_up: Any, look: Any
) -> None:
    panel = show(widgets.SafetyPanel)
    observatory.change(lease=made_up.commanded(made_up.GRACE))
    panel.refresh()
    observatory.refusal = ValueError("breaking the glass needs a reason; it is recorded")
    look(panel).button("lease-break").click()
    eventually(lambda: panel.errors == ("Break the glass: breaking the glass needs a reason; it is recorded",), panel)
