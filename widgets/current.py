"""What is observed now, how far it is, and what comes next."""

from __future__ import annotations

from pyros_kernel.snapshot import SequenceView, Snapshot
from widgets.curves import short_name
from widgets.sequences import slot_text
from widgets.tones import sequence_tone
from widgets.words import clock_text, esc, frame, nothing, pill, span_text


def current_html(snapshot: Snapshot) -> str:
    """Write the sequence that runs with the part of its turn that is over, and the next one."""
    placed = sorted(snapshot.placed, key=lambda s: s.start_s or 0.0)
    runs = [s for s in placed if s.status == "executing"]
    comes = [s for s in placed if s.status == "planned" and s.start_s is not None and (s.end_s or 0) > snapshot.time_s]
    now = "".join(_running(s, snapshot.time_s) for s in runs) or nothing("Nothing is observed now.")
    following = f'<p class="next"><small>next</small> {_next(comes[0], snapshot.time_s)}</p>' if comes else ""
    aside = pill(sequence_tone(runs[0]), runs[0].status) if runs else ""
    return frame("Now", now + following, aside)


def _running(sequence: SequenceView, now_s: float) -> str:
    target = f'<p class="target" title="{esc(sequence.name)}">{esc(short_name(sequence))}</p>'
    name = f"{target}<p><small>{esc(sequence.programme)}</small></p>"
    if sequence.start_s is None or sequence.end_s is None:
        return name
    whole_s = max(1.0, sequence.end_s - sequence.start_s)
    over_s = min(max(now_s - sequence.start_s, 0.0), whole_s)
    left = f"{span_text(whole_s - over_s)} left" if over_s < whole_s else "its turn is over"
    bar = f'max="{whole_s:.0f}" value="{over_s:.0f}" aria-label="part of its turn that is over"'
    return (
        f'{name}<p class="exposing"><progress {bar}></progress></p>'
        f'<p class="caption"><small>{slot_text(sequence)} UTC</small><small>{left}</small></p>'
    )


def _next(sequence: SequenceView, now_s: float) -> str:
    start_s = sequence.start_s or now_s
    wait = f", in {span_text(start_s - now_s)}" if start_s > now_s else ""
    return f"<b>{esc(short_name(sequence))}</b> <small>{clock_text(start_s, '%H:%M')}{wait}</small>"
