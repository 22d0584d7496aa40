"""The end of the observatory's log."""

from __future__ import annotations

from functools import lru_cache

from pyros_kernel.snapshot import LogLine, Snapshot
from widgets.tones import level_tone
from widgets.words import clock_text, esc, frame, nothing

SHOWN = 100


def log_html(snapshot: Snapshot) -> str:
    """Write the last lines, oldest first; the box is laid out from its end, so that it stays there."""
    if not snapshot.log:
        return frame("Log", nothing("Nothing was logged yet."))
    lines = "".join(_line(line) for line in snapshot.log[-SHOWN:])
    return frame("Log", f'<div class="log" role="log" tabindex="0" aria-label="Log"><div>{lines}</div></div>')


@lru_cache(maxsize=4 * SHOWN)  # a line is looked at some four hundred times before it is out of sight
def _line(line: LogLine) -> str:
    level = f"<b>{esc(line.level.lower())}</b> " if level_tone(line.level) != "idle" else ""
    return (
        f'<p class="{level_tone(line.level)}"><time>{clock_text(line.time_s)}</time>'
        f"<em>{esc(line.source)}</em><span>{level}{esc(line.text)}</span></p>"
    )
