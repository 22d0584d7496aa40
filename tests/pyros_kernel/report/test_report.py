"""The page tells all of the night, needs nothing but itself, and lets nothing through that is not text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree, html
from sqlalchemy import delete

from pyros_kernel.report import write_report
from pyros_kernel.store import Alert, Image, Night, Weather
from tests.pyros_kernel.report.conftest import HOSTILE, IVORN, NIGHT, Services


def page(services: Services, path: Path | None = None) -> tuple[str, html.HtmlElement]:
    written = write_report(services.night_id, services=services, path=path).read_text(encoding="utf-8")
    return written, html.fromstring(written)


def rows(tree: html.HtmlElement) -> list[str]:
    return [" ".join(row.text_content().split()) for row in tree.iter("tr")]


def test_it_lies_in_the_nights_folder(full_night: Services) -> None:
    path = write_report(full_night.night_id, services=full_night)
    assert path == full_night.settings.data / NIGHT / "report.html"
    assert not list(path.parent.glob("*.part"))
    again = write_report(full_night.night_id, services=full_night, path=path.parent / "copy.html")
    assert again.read_text() == path.read_text()


def test_every_sequence_has_its_outcome_and_reason(full_night: Services) -> None:
    told = rows(page(full_night)[1])
    for words in (
        ("SN 2026abc", "4 executed"),
        ("433 Eros", "interrupted", "alert 1"),
        ("GRB 261122A", "executed"),
        ("SN 2026xyz", "failed", "Timeout after 70 s"),
        ("HAT-P-7 transit", "not reached"),
        ("NGC 300", "rejected", "never above 30°"),
        ("Deep field", "rejected", "no room left"),
    ):
        assert [row for row in told if all(word in row for word in words)], words


def test_every_schedule_says_why_it_was_made_and_how_good_it_is(full_night: Services) -> None:
    told = rows(page(full_night)[1])
    assert [row for row in told if "observing begins" in row and "1 new (NGC 300)" in row and "at most 4.0 %" in row]
    assert [row for row in told if row.startswith("Bursts none")]


def test_nothing_that_came_from_outside_is_more_than_text(full_night: Services) -> None:
    written, tree = page(full_night)
    assert "<script" not in written.lower()
    assert list(tree.iter("script")) == []
    assert HOSTILE in tree.text_content()  # shown as what it is
    assert not [a for element in tree.iter() for a in element.attrib if a.lower().startswith("on")]


def test_it_needs_nothing_but_itself(full_night: Services) -> None:
    written, tree = page(full_night)
    assert list(tree.iter("link")) == list(tree.iter("iframe")) == []
    assert all(image.get("src", "").startswith("data:image/") for image in tree.iter("img"))
    assert not re.search(r"url\(|@import|https?://", written)


def test_its_drawings_are_whole(full_night: Services) -> None:
    written, _ = page(full_night)
    drawings = re.findall(r"<svg.*?</svg>", written, flags=re.DOTALL)
    assert len(drawings) >= 4  # timeline, weather, two alerts
    for drawing in drawings:
        etree.fromstring(drawing.encode())
        assert not re.search(r'"[^"]*\bnan\b', drawing)
    assert "433 Eros &lt;script&gt;" in drawings[0]


def test_planned_and_done_stand_above_each_other(full_night: Services) -> None:
    written, _ = page(full_night)
    bars = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"[^>]*class="bar ([^"]*)"', written)
    planned = [bar for bar in bars if "planned" in bar[3]]
    done = [bar for bar in bars if "planned" not in bar[3]]
    assert (len(planned), len(done)) == (6, 5)
    assert len({bar[1] for bar in planned}) == len({bar[1] for bar in done}) == 1
    # Each began two minutes after its plan: 2 of about 810 minutes in 934 units.
    for plan, deed in zip(planned, done, strict=False):
        assert 0 < float(deed[0]) - float(plan[0]) < 5


def test_alerts_tell_each_step_and_what_they_became(full_night: Services) -> None:
    _, tree = page(full_night)
    cards = [" ".join(card.text_content().split()) for card in tree.find_class("alertcard")]
    assert len(cards) == 2
    assert IVORN in cards[0]
    for words in ("observed", "slew sent 14.7 ms", "stored 1.92 ms", "request GRB 261122A", "GRB 261122A: executed"):
        assert words in cards[0]
    assert "became no request" in cards[1]
    assert "role is test" in cards[1]


def test_unsafe_weather_is_shaded_with_its_reason(full_night: Services) -> None:
    written, tree = page(full_night)
    assert len(re.findall(r'class="unsafe"', written)) == 1
    (told,) = [item.text_content() for item in tree.xpath("//ul[@class='plain']/li")]
    assert "humidity" in told
    assert "> 85 %" in told


def test_images_are_grouped_by_sequence_and_lead_to_their_files(full_night: Services) -> None:
    _, tree = page(full_night)
    figures = list(tree.iter("figure"))
    assert len(figures) == 16
    for figure in figures:
        link = figure.find("a").get("href")
        assert (full_night.settings.data / NIGHT / link).is_file()
        assert "stars" in figure.text_content()
    assert "camera_vis: 3 bias" in tree.text_content()


def test_only_warnings_and_worse_are_in_the_extract(full_night: Services) -> None:
    told = "\n".join(rows(page(full_night)[1]))
    assert "camera timed out" in told
    assert "not in the extract" not in told


def test_a_night_without_anything_has_a_report_too(services: Services) -> None:
    with services.store.session() as session:
        session.execute(delete(Weather))
    text = page(services)[1].text_content()
    for words in (
        "No sequence was placed",
        "No alert arrived",
        "No image was taken",
        "Nothing was read of the weather",
    ):
        assert words in text


def test_a_running_night_has_a_report_too(full_night: Services) -> None:
    with full_night.store.session() as session:
        image = session.query(Image).filter_by(kind="light").first()
        assert image is not None
        image.quicklook = {}
        (full_night.settings.data / image.path).with_suffix(".png").unlink()
        session.query(Alert).update({"steps": {}})
        session.get_one(Night, full_night.night_id).reason = "wind"
    _, tree = page(full_night)
    assert "no thumbnail" in tree.text_content()


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_a_broken_thumbnail_does_not_stop_it(full_night: Services, content: bytes) -> None:
    for path in full_night.settings.data.rglob("*.png"):
        path.write_bytes(content)
    _, tree = page(full_night)
    assert len(tree.find_class("noimage")) == 16
