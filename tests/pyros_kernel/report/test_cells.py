"""Each cell of the notebook is linked to what it caused, in the store, in the report, and in the notebook itself."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import html
from sqlalchemy import select

from pyros_kernel.cells import current_cell
from pyros_kernel.cli import main
from pyros_kernel.report import NightCells, write_report
from pyros_kernel.store import (
    CellEffect,
    Image,
    Intervention,
    InterventionKind,
    PlacedSequence,
    RecipeRecord,
    RecipeStep,
    Request,
    RequestStatus,
    ScientificProgramme,
    Sequence,
    SequenceStatus,
    User,
    note_cell,
)
from tests.pyros_kernel.report.conftest import HOSTILE, IVORN, NIGHT, Services


@contextmanager
def in_cell(number: int, source: str, **asked: Any) -> Iterator[None]:
    """Be in a cell, as ipykernel's shell tells it."""
    message = {
        "header": {"msg_type": asked.get("msg_type", "execute_request")},
        "metadata": {"cellId": asked.get("cell", f"id-{number}")},
        "content": {"code": source, "store_history": asked.get("history", True), "silent": False},
    }
    history = SimpleNamespace(input_hist_raw=[""] * (number + 1))
    shell = SimpleNamespace(parent_header=message, history_manager=history)
    builtins.get_ipython = lambda: shell  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del builtins.get_ipython  # type: ignore[attr-defined]


def ask_for(services: Services, name: str) -> tuple[int, int]:
    """Ask for a sequence that the night's schedule places; give the ids of request and sequence."""
    with services.store.session() as session:
        user, programme = session.scalars(select(User)).first(), session.scalars(select(ScientificProgramme)).first()
        sequence = Sequence(name=name, target=name, ra_deg=20.0, dec_deg=30.0, status=SequenceStatus.OBSERVABLE)
        session.add(
            request := Request(
                name=name, status=RequestStatus.SUBMITTED, user=user, programme=programme, sequences=[sequence]
            )
        )
        entry = session.scalars(select(PlacedSequence).where(PlacedSequence.start.is_not(None))).first()
        assert entry is not None
        session.add(PlacedSequence(start=entry.start, end=entry.end, schedule_id=entry.schedule_id, sequence=sequence))
        session.flush()
        return request.id, sequence.id


def effects(services: Services) -> list[tuple[int, str, list[str]]]:
    with services.store.session(read_only=True) as session:
        return [(e.number, e.what, e.targets) for e in session.scalars(select(CellEffect).order_by(CellEffect.id))]


def test_only_a_cell_that_a_reader_sees_causes_something(full_night: Services) -> None:
    assert current_cell() is None
    with in_cell(7, "run = obs.observe()"):
        cell = current_cell()
        assert cell is not None and (cell.number, cell.id, cell.source) == (7, "id-7", "run = obs.observe()")
        seen: list[Any] = []
        thread = threading.Thread(target=lambda: seen.append(current_cell()))
        thread.start()
        thread.join()
        assert seen == [None], "an agent's work is not the cell's that happens to run"
    for other in ({"msg_type": "comm_msg"}, {"history": False}):
        with in_cell(8, "x", **other):
            assert current_cell() is None
            ask_for(full_night, "NGC 752")
    assert effects(full_night) == []


def test_what_a_cell_makes_is_noted_with_it_or_not_at_all(full_night: Services) -> None:
    with in_cell(3, "ask()"):
        request, _ = ask_for(full_night, "NGC 752")
        with pytest.raises(ZeroDivisionError), full_night.store.session() as session:
            session.add(RecipeRecord(name="observe", created=full_night.clock.now().to_datetime()))
            raise ZeroDivisionError
    assert effects(full_night) == [(3, "request", [str(request)])]


def test_the_report_leads_from_each_cell_to_what_it_caused_and_back(full_night: Services) -> None:
    with full_night.store.session(read_only=True) as session:
        images = session.scalars(select(Image.id).order_by(Image.id)).all()
    with in_cell(2, f"# the night\nrun = obs.observe()  # {HOSTILE}"):
        note_cell(full_night.store, "night", [NIGHT])
    with in_cell(5, "obs.alerts.replay('swift.xml')"):
        note_cell(full_night.store, "alert", [IVORN, "ivo://never/came"])
    with in_cell(6, "ask(); observe.start(obs)", cell=""):
        _, sequence = ask_for(full_night, "NGC 752")
        with full_night.store.session() as session:
            began = session.scalars(select(Sequence.started).where(Sequence.started.is_not(None))).first()
            run = RecipeRecord(name="observe", created=began)
            run.steps.append(RecipeStep(name="vis-1", started=began, result={"image": images[0]}))
            session.add(run)
            session.add(
                Intervention(
                    kind=InterventionKind.DROP, created=began, night_id=full_night.night_id, sequence_id=sequence
                )
            )
    with in_cell(9, "of another night"):
        note_cell(full_night.store, "night", ["2026-01-01"])
    tree = html.fromstring(write_report(full_night.night_id, services=full_night).read_text(encoding="utf-8"))
    told = {cell.get("id"): cell for cell in tree.find_class("cell")}
    texts = [" ".join(cell.text_content().split()) for cell in told.values()]
    assert len(texts) == 3 and HOSTILE in texts[0]
    assert texts[0].startswith("[2]") and f"sequences executed {len(images)} images" in texts[0]
    assert texts[1].startswith("[5]") and f"alert {IVORN}: observed" in texts[1] and "GRB 261122A: executed" in texts[1]
    assert "recipe observe, run 1: queued 1 image" in texts[2] and "drop NGC 752" in texts[2]
    targets = {element.get("id") for element in tree.iter() if element.get("id")}
    links = [a.get("href")[1:] for cell in told.values() for a in cell.iter("a") if a.get("href").startswith("#")]
    assert len(links) >= 5 and set(links) <= targets, "each link leads somewhere in the page"
    [row] = [r for r in tree.iter("tr") if r.get("id") == f"sequence-{sequence}"]
    [back] = {a.get("href") for a in row.find_class("by")}
    assert back[1:] in told and told[back[1:]].text_content().strip().startswith("[6]")
    shown = NightCells.of(full_night.night_id, services=full_night)
    assert "[2] run = obs.observe()" in repr(shown) and '<a href="#cell-id=id-2">[2]</a>' in shown._repr_html_()
    assert "<script" not in shown._repr_html_()


def test_a_night_is_exported_from_its_store_alone(full_night: Services, tmp_path: Path) -> None:
    full_night.store.close()
    wanted = tmp_path / "out" / "night.html"
    done = CliRunner().invoke(main, ["--data", str(full_night.settings.data), "report", NIGHT, "-o", str(wanted)])
    assert (done.exit_code, done.output.strip()) == (0, str(wanted)), done.output
    assert f"night of {NIGHT}" in wanted.read_text(encoding="utf-8")
    last = CliRunner().invoke(main, ["--data", str(full_night.settings.data), "report"])
    assert last.exit_code == 0 and last.output.strip().endswith(f"{NIGHT}/report.html"), last.output
    none = CliRunner().invoke(main, ["--data", str(full_night.settings.data), "report", "1999-01-01"])
    assert none.exit_code == 1 and "knows no night 1999-01-01" in none.output
