"""The summary holds the night in figures."""

from __future__ import annotations

import json
import time
from datetime import UTC

from astropy.time import Time
from sqlalchemy import select

from pyros_kernel.report import summarise, write_summary
from pyros_kernel.store import RecipeRecord, RecipeStatus, RecipeStep, Sequence, StepStatus
from tests.pyros_kernel.report.conftest import IVORN, NIGHT, Services


def test_the_figures(full_night: Services) -> None:
    figures = summarise(full_night.night_id, services=full_night)
    assert figures["night"] == NIGHT
    assert figures["site"] == full_night.site.name
    sequences = figures["sequences"]
    assert (sequences["placed"], sequences["executed"], sequences["interrupted"], sequences["failed"]) == (6, 3, 1, 1)
    assert [entry["name"] for entry in sequences["rejected"]] == ["Deep field", "NGC 300"]
    assert sequences["rejected"][1]["reason"].startswith("never above 30°")
    assert [entry["status"] for entry in sequences["all"]] == [
        "executed", "executed", "interrupted", "executed", "failed", "not reached",
    ]  # fmt: skip
    first = sequences["all"][0]
    assert first["images"] == 4
    assert len(first["start"]) == len(first["end"]) == 8
    alert = figures["alerts"][0]
    assert (alert["ivorn"], alert["status"]) == (IVORN, "observed")
    assert alert["request"] == "request GRB 261122A"
    assert list(alert["steps_ms"]) == ["stored", "acknowledged", "decided", "requested", "interrupted", "slew_sent"]
    assert figures["images"] == {
        "total": 19,
        "by_camera": {"camera_vis": 19},
        "by_kind": {"bias": 3, "light": 16},
    }
    assert figures["simulated_s"] == 50_000
    assert 0 < figures["real_s"] < time.monotonic() + 1
    assert figures["speed"] == 1.0


def test_the_recipes_that_the_night_itself_came_to_the_end_of(full_night: Services) -> None:
    began, done = Time("2026-11-22T06:00:00").to_datetime(UTC), RecipeStatus.DONE

    def run(name: str, status: RecipeStatus = done, *, of_night: bool = True, **arguments: object) -> RecipeRecord:
        return RecipeRecord(
            name=name, status=status, created=began, started=began, of_night=of_night, arguments=arguments
        )

    with full_night.store.session() as session:
        first, second, *_ = session.scalars(select(Sequence).order_by(Sequence.id))
        second.recipe = "mosaic"
        first_run = run("observe_sequence", sequence=first.id)
        session.add_all(
            (
                first_run,
                run("observe_sequence", sequence=second.id),
                run("observe_sequence", RecipeStatus.INTERRUPTED, sequence=first.id),
                run("take_bias", channels=["VIS"]),
                run("take_bias", channels=["NIR"]),
                run("take_flats", RecipeStatus.FAILED),
                run("time_series", of_night=False),
            )
        )
        session.flush()
        session.add(RecipeStep(run_id=first_run.id, name="focus: best focus", status=StepStatus.DONE, started=began))
    figures = summarise(full_night.night_id, services=full_night)
    assert figures["recipes"] == {"autofocus": 1, "mosaic": 1, "observe": 1, "take_bias": 2}


def test_it_is_written_beside_the_report(full_night: Services) -> None:
    path = write_summary(full_night.night_id, services=full_night)
    assert path == full_night.settings.data / NIGHT / "summary.json"
    written = json.loads(path.read_text())
    expected = summarise(full_night.night_id, services=full_night)
    written.pop("real_s")
    expected.pop("real_s")
    assert written == expected


def test_a_night_in_which_nothing_happened(services: Services) -> None:
    figures = summarise(services.night_id, services=services)
    assert figures["sequences"]["all"] == figures["sequences"]["rejected"] == figures["alerts"] == []
    assert figures["images"]["total"] == 0
