"""What the night panel shows of a snapshot."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest


def test_a_night_in_full_swing_shows_in_every_part(panel: Any, look: Any) -> None:
    shown = look(panel)
    assert "San Pedro Mártir" in shown.card("header")
    assert "07:12:00" in shown.card("header")
    assert "observing" in shown.card("header")
    assert "96 % lit" in shown.card("header")
    assert "dawn 12:58, in 5 h 46" in shown.card("header")
    assert "the dome may be open" in shown.card("safety")
    assert "wind speed 6.3 m/s" in shown.card("safety")
    assert "tracking" in shown.card("telescope")
    assert "on the telescope" in shown.card("dome")
    assert "GRB 261123A · r 30 s" in shown.card("cameras")
    assert "07:04–08:04" in shown.card("sequences")
    assert "23:12 PST" in shown.card("header")
    assert "quota of GALAXIES is used up" in shown.card("sequences")
    assert "19 ms" in shown.card("alerts") and "strategy default" in shown.card("alerts")
    assert "hung" in shown.card("agents") and "4 of 5 well" in shown.card("agents")
    assert "4 of 5" in shown.card("devices")
    assert 'role="log"' in shown.card("log") and "plan 3 of 12" in shown.card("log")
    assert shown.card("errors") == ""
    assert panel.errors == ()


def test_what_runs_and_comes_stands_above_what_is_done(panel: Any, look: Any) -> None:
    shown = look(panel).card("sequences")
    order = ["Now and next", "GRB 261123A", "Crab pulsar", "Done", "NGC 1275", "M 33", "Not placed", "NGC 253"]
    assert sorted(order, key=shown.index) == order


def test_numbers_alone_run_calmly_but_words_are_written_at_once(panel: Any, observatory: Any, look: Any) -> None:
    def telescope(**state: str) -> str:
        first, *rest = observatory.picture.devices
        observatory.change(devices=(replace(first, state=state), *rest))
        panel.refresh()
        return look(panel).card("telescope")

    telescope(altitude="10.0°")
    shown = [telescope(altitude=f"{angle}.5°") for angle in range(11, 40)]
    assert len(set(shown)) < 10  # 29 looks, far less than a second each
    assert "parked" in telescope(altitude="40.5°", motion="parked")


def test_an_alerts_name_in_the_chart_leaves_out_its_packet_type(panel: Any, observatory: Any, look: Any) -> None:
    first, *rest = observatory.picture.placed
    observatory.change(placed=(replace(first, name="SWIFT BAT_GRB_Pos 1125809", is_alert=True), *rest))
    panel.refresh()
    assert "SWIFT 1125809" in [c["name"] for c in look(panel).chart.curves]
    assert len(look(panel).chart.moon) > 40


def test_every_image_is_the_cameras_last_png(panel: Any, observatory: Any, look: Any) -> None:
    assert [bytes(i.value) for i in look(panel).images] == [i.png for i in observatory.picture.images]


def test_the_chart_gets_curves_slots_and_the_alerts_tone(panel: Any, look: Any) -> None:
    chart = look(panel).chart
    by_name = {c["name"]: c for c in chart.curves}
    assert list(by_name) == sorted(by_name, key=lambda name: by_name[name]["start_s"])
    assert by_name["GRB 261123A"]["tone"] == "alert"
    assert by_name["NGC 1275"]["tone"] == "warn"
    assert by_name["M 33"]["end_s"] - by_name["M 33"]["start_s"] == 80 * 60
    assert "executing, 07:04–08:04 UTC" in by_name["GRB 261123A"]["title"]
    assert chart.night["from_s"] < chart.night["sunset_s"] < chart.night["dusk_s"] < chart.night["dawn_s"]


def test_the_now_line_moves_and_the_curves_are_not_sent_again(panel: Any, observatory: Any, look: Any) -> None:
    chart = look(panel).chart
    sent: list[str] = []
    chart.observe(lambda change: sent.append(change["name"]))
    observatory.change(time_s=observatory.picture.time_s + 600)
    panel.refresh()
    assert sent == ["now_s"]
    assert abs(chart.now_s - observatory.picture.time_s) < 30


def test_nothing_is_written_when_nothing_changed(panel: Any, look: Any) -> None:
    sent: list[Any] = []
    for widget in look(panel).all:
        if "pyros-pulse" not in widget._dom_classes:
            widget.observe(sent.append)
    panel.refresh()
    assert sent == []


def test_a_stopped_observatory_says_so_and_offers_to_start(
    panel: Any, made_up: Any, observatory: Any, look: Any
) -> None:
    observatory.picture = made_up.stopped()
    panel.refresh()
    shown = look(panel)
    assert panel.errors == ()
    assert "observatory stopped" in shown.card("header")
    assert "nan" not in shown.html and "1970" not in shown.html
    [grid] = [w for w in shown.all if "pyros-grid" in w._dom_classes]
    assert grid.layout.display == "none"
    assert "without one the dome stays closed" in shown.card("safety")
    assert not shown.button("start").disabled
    for name in ("pause", "resume", "stop", "abort"):
        assert shown.button(name).disabled
        assert shown.button(name).tooltip == "The observatory is stopped"


def test_an_unsafe_verdict_is_a_tree_with_what_speaks_against_first(
    panel: Any, made_up: Any, observatory: Any, look: Any
) -> None:
    observatory.change(verdict=made_up.verdict(humidity="humidity 91.0 % > 85 %"))
    panel.refresh()
    safety = look(panel).card("safety")
    assert "1 of 8 against: the dome stays closed" in safety
    assert safety.index("humidity 91.0 % &gt; 85 %") < safety.index("rain: no")
    assert "park, then close" in safety
    assert "5 s" in safety  # the age of the humidity


def test_what_is_safe_stands_in_a_line_and_what_is_not_with_each_source(
    panel: Any, made_up: Any, observatory: Any, look: Any
) -> None:
    rain, *others = made_up.verdict().reasons
    said = replace(rain, text="rain: no (4 s old), says roof; 2 of 2 sources say safe")
    said = replace(said, parts=(replace(rain, text="rain: no (4 s old)"), replace(rain, text="rain: no (6 s old)")))
    observatory.change(verdict=replace(made_up.verdict(), reasons=(said, replace(rain, consequence="warn"), *others)))
    panel.refresh()
    short = look(panel).card("safety")
    assert short.count("rain: no") == 1 and "2 sources" in short and "old)" not in short
    wet = replace(
        rain, safety=type(rain.safety).UNSAFE, text="rain: yes (4 s old), says roof; 1 of 2 sources say unsafe"
    )
    observatory.change(verdict=replace(made_up.verdict(), reasons=(replace(wet, parts=said.parts), *others)))
    panel.refresh()
    assert "says roof" in look(panel).card("safety") and look(panel).card("safety").count("rain: no") == 2


def test_now_tells_what_runs_how_far_it_is_and_what_comes_next(panel: Any, observatory: Any, look: Any) -> None:
    now = look(panel).card("current")
    assert "GRB 261123A" in now and "executing" in now and 'max="3600" value="480"' in now and "52 min left" in now
    assert "Crab pulsar" in now and "08:10, in 58 min" in now
    placed = tuple(s for s in observatory.picture.placed if s.status != "executing")
    observatory.change(placed=placed)
    panel.refresh()
    assert "Nothing is observed now." in look(panel).card("current")


def test_what_is_stale_is_greyed_with_its_age_and_the_reason(panel: Any, look: Any) -> None:
    cameras, devices = look(panel).card("cameras"), look(panel).card("devices")
    assert '<div class="stale"' in cameras and "last read: 3 min" in cameras
    assert "no answer from 127.0.0.1:11114 for 3 min" in cameras
    assert '<tr class="stale"><th scope="row">cagire</th>' in devices


def test_a_blocking_device_that_is_missing_says_what_follows(panel: Any, observatory: Any, look: Any) -> None:
    telescope, *rest = observatory.picture.devices
    gone = replace(telescope, connected=False, stale=True, age_s=None, state={})
    observatory.change(devices=(gone, *rest))
    panel.refresh()
    assert "last read: never" in look(panel).card("telescope")
    assert "observing pauses without it" in look(panel).card("devices")


def test_a_camera_that_appears_late_gets_its_place(panel: Any, observatory: Any, look: Any) -> None:
    cameras = [d for d in observatory.picture.devices if d.kind == "camera_vis"]
    observatory.change(devices=(*observatory.picture.devices, replace(cameras[0], name="guider")))
    panel.refresh()
    assert len(look(panel).images) == 3
    assert "No image yet." in look(panel).card("cameras")


def test_errors_of_the_observatory_show_in_the_bar(panel: Any, observatory: Any, look: Any) -> None:
    observatory.change(errors=("Watcher: the disk is full",))
    panel.refresh()
    assert "the disk is full" in look(panel).card("errors")
    observatory.change(errors=())
    panel.refresh()
    assert look(panel).card("errors") == ""


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.seen.update(f"@{name}" for name, _ in attrs)


def _hostile(value: Any, text: str) -> Any:
    """The same value with every string in it replaced."""
    if isinstance(value, str):
        return text
    if isinstance(value, dict):
        return {f"{text}{i}": _hostile(v, text) for i, v in enumerate(value.values())}
    if isinstance(value, tuple):
        return tuple(_hostile(v, text) for v in value)
    if hasattr(value, "__dataclass_fields__"):
        kept = {"kind", "safety", "png", "rules"}
        return replace(
            value,
            **{n: _hostile(getattr(value, n), text) for n in value.__dataclass_fields__ if n not in kept},
        )
    return value


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "\"' onmouseover='x' <img src=x onerror=y>", "a & b </p></div>", ""]
)
def test_no_string_becomes_markup(panel: Any, observatory: Any, look: Any, text: str) -> None:
    clean = _Tags()
    clean.feed(look(panel).html)
    observatory.picture = _hostile(replace(observatory.picture, errors=("x",)), text)
    panel.refresh()
    assert panel.errors == ()
    tags = _Tags()
    tags.feed(look(panel).html)
    assert tags.seen - clean.seen <= {"li", "ul"}
    assert not tags.seen & {"script", "img", "@onerror", "@onmouseover"}


def test_the_text_of_a_panel_is_always_the_same(panel: Any) -> None:
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == repr(panel) == "<Night panel>"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    panel.close()
    assert panel._repr_mimebundle_() == {"text/plain": "<Night panel>"}


def test_colours_come_from_the_theme_alone(look: Any, panel: Any) -> None:
    import re
    from pathlib import Path

    import widgets

    css = Path(widgets.__file__).with_name("style.css").read_text()
    without_fallbacks = re.sub(r"var\(--jp-[\w-]+, [^)]+\)", "", css)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl", without_fallbacks)
    assert "style=" not in look(panel).html
