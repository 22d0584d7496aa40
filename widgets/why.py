"""Why a sequence has its place in the schedule or none, and what would change it."""

from __future__ import annotations

import math

import ipywidgets as W

from pyros_kernel.snapshot import NightView, SequenceView, Snapshot
from widgets.card import Calm
from widgets.choice import Choice
from widgets.curves import short_name
from widgets.hands import Act, Hands
from widgets.sequences import slot_text
from widgets.tones import sequence_tone
from widgets.words import clock_text, degrees_text, esc, fields, frame, nothing, pill
from widgets.writing import put


class Why:
    """Choose a sequence, read its reasons, and change its place; what was not placed stands first.

    :param act: gives a control's command to the observatory and returns at once
    """

    def __init__(self, act: Act) -> None:
        self._choice = Choice("Sequence", "The sequence whose reasons are shown")
        self._text = W.HTML()
        self._calm = Calm(self._text)
        self._hands = Hands(act)
        self.widget = W.VBox([W.HTML(frame("Why", "")), self._choice.widget, self._text, self._hands.widget])
        self.widget.add_class("pyros-card").add_class("pyros-why")

    def choose(self, sequence_id: int) -> None:
        """Choose a sequence, as the chart does when it is pressed there."""
        self._choice.choose(str(sequence_id))

    def chosen(self, snapshot: Snapshot) -> SequenceView | None:
        """Offer the sequences, and give the chosen one."""
        known = {str(s.id): s for s in (*snapshot.rejected, *snapshot.placed)}
        return known.get(self._choice.offer([(_line(s), key) for key, s in known.items()]) or "")

    def draw(self, snapshot: Snapshot) -> None:
        """Write about the chosen sequence."""
        sequence = self.chosen(snapshot)
        put(self._choice.widget.layout, display="none" if sequence is None else "")
        self._hands.draw(sequence, snapshot)
        self._calm.write(
            nothing("Nothing is scheduled yet.") if sequence is None else why_html(sequence, snapshot.night)
        )


def why_html(sequence: SequenceView, night: NightView | None) -> str:
    """Write why a sequence stands where it stands."""
    placed = sequence.start_s is not None
    state = (
        pill(sequence_tone(sequence), sequence.status) if placed else '<span class="pill idle"><i></i>not placed</span>'
    )
    reason = sequence.reason if not placed else sequence.why or sequence.reason
    told = {"programme": sequence.programme, **sequence.needs}
    if sequence.pinned or sequence.dropped:
        told = {"by hand": "pinned" if sequence.pinned else "dropped", **told}
    if placed:
        told = {"turn": f"{slot_text(sequence)} UTC", **told}
    change = "" if placed else "".join(f"<li>{esc(text)}</li>" for text in what_would_change_it(sequence, night))
    after = f'<h4>What would change it</h4><ul class="changes">{change}</ul>' if change else ""
    why = f'<p class="verdict {"ok" if placed else "warn"}">{esc(reason or "no reason was kept")}</p>'
    return f"<p><b>{esc(sequence.name)}</b> {state}</p>{why}{fields(told)}{after}"


def what_would_change_it(sequence: SequenceView, night: NightView | None) -> list[str]:
    """Say what would give a sequence a place, as far as its own limits tell; empty if they don't."""
    texts: list[str] = []
    if night is not None and sequence.curve:
        dark = [(altitude, s) for s, altitude in sequence.curve if night.dusk_s <= s <= night.dawn_s]
        altitude, when_s = max(dark, default=(90.0, 0.0))
        if altitude < sequence.min_altitude_deg:
            if altitude < 0:
                texts.append("Another season: it does not rise while it is dark tonight.")
            else:
                texts.append(
                    f"An altitude limit of {math.floor(altitude)}° or less: it is highest at "
                    f"{clock_text(when_s, '%H:%M')} UTC tonight, and needs {degrees_text(sequence.min_altitude_deg)}."
                )
    if "competes with" in sequence.reason:
        texts.append("A priority above those it competes with, or fewer images.")
    if "window" in sequence.reason:
        texts.append("Another window, or none.")
    if "Moon" in sequence.reason:
        texts.append("A night with the Moon elsewhere, or a smaller distance from it.")
    if "longest observable stretch" in sequence.reason:
        texts.append("Fewer or shorter images, so that it fits the stretch.")
    return texts


def _line(sequence: SequenceView) -> str:
    where = slot_text(sequence) if sequence.start_s is not None else "not placed"
    return f"{short_name(sequence)} · {where}"
