"""The schedule in words: what was placed when, and what was not, and why."""

from __future__ import annotations

from collections.abc import Iterable

from pyros_kernel.snapshot import SequenceView, Snapshot
from widgets.tones import sequence_tone
from widgets.words import clock_text, esc, frame, nothing, pill, table


def sequences_html(snapshot: Snapshot) -> str:
    """Write what runs and comes, then what is done (newest first), then what was not placed, with the reasons."""
    if not (snapshot.placed or snapshot.rejected):
        return frame("Sequences", nothing("Nothing is scheduled yet."))
    placed = sorted(snapshot.placed, key=lambda s: s.start_s or 0.0)
    done = [s for s in placed if s.status not in ("planned", "executing")]
    groups = (
        ("Now and next", [s for s in placed if s not in done]),
        ("Done", done[::-1]),
        ("Not placed", snapshot.rejected),
    )
    rows = "".join(_group(title, members) for title, members in groups if members)
    aside = f"{len(snapshot.placed)} placed, {len(snapshot.rejected)} not"
    return frame(
        "Sequences", f'<div class="scroll">{table(("UTC", "Sequence", "State"), rows, "Sequences")}</div>', aside
    )


def _group(title: str, members: Iterable[SequenceView]) -> str:
    head = f'<tr class="group"><th scope="colgroup" colspan="3">{title}</th></tr>'
    return head + "".join(_row(s) for s in members)


def slot_text(sequence: SequenceView) -> str:
    """Write when a sequence has its turn."""
    if sequence.start_s is None or sequence.end_s is None:
        return "–"
    return f"{clock_text(sequence.start_s, '%H:%M')}–{clock_text(sequence.end_s, '%H:%M')}"


def _row(sequence: SequenceView) -> str:
    rejected = sequence.start_s is None
    state = (
        '<span class="pill idle"><i></i>not placed</span>'
        if rejected
        else pill(sequence_tone(sequence), sequence.status)
    )
    reason = f'<small class="note">{esc(sequence.reason)}</small>' if sequence.reason else ""
    return (
        f'<tr class="{"alert" if sequence.is_alert else ""}"><td class="num">{slot_text(sequence)}</td>'
        f'<th scope="row">{esc(sequence.name)} <small>{esc(sequence.programme)}</small>{reason}</th>'
        f"<td>{state}</td></tr>"
    )
