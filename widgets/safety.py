"""The verdict as a tree of reasons, those against it first."""

from __future__ import annotations

import re
from collections.abc import Callable

from pyros_kernel.safety import Reason, Safety, Verdict
from pyros_kernel.snapshot import Snapshot
from widgets.tones import safety_tone
from widgets.words import age_text, esc, frame, nothing, pill

_AGE = re.compile(r" \([^()]* old\)")
CONSEQUENCES = {
    "close": "park, then close",
    "close_now": "close at once",
    "pause": "hold observing",
    "warn": "say so",
}


def safety_html(snapshot: Snapshot) -> str:
    """Write the verdict and its reasons, with what each source says."""
    return _card(snapshot, _leaf)


def safety_in_short_html(snapshot: Snapshot) -> str:
    """Write the verdict and its reasons; of what is safe, one line for each quantity."""
    safe: set[str] = set()

    def line(reason: Reason) -> str:
        if reason.safety is not Safety.SAFE:
            return _leaf(reason)
        if reason.quantity in safe:
            return ""
        safe.add(reason.quantity)
        return _line(reason, f"{len(reason.parts)} sources" if reason.parts else "")

    return _card(snapshot, line)


def _card(snapshot: Snapshot, write: Callable[[Reason], str]) -> str:
    verdict = snapshot.verdict
    if verdict is None:
        return frame("Safety", nothing("No verdict yet: without one the dome stays closed."), pill("warn", "unknown"))
    against = len(verdict.against)
    head = (
        "the dome may be open"
        if verdict.safe
        else f"{against} of {len(verdict.reasons)} against: the dome stays closed"
    )
    ordered = sorted(verdict.reasons, key=lambda r: (r.safety is Safety.SAFE, r.safety is Safety.UNKNOWN))
    tree = "".join(write(reason) for reason in ordered)
    age = age_text(max(0.0, snapshot.time_s - verdict.time_s))
    lease = "" if snapshot.lease is None else f'<p class="lease"><small>{esc(str(snapshot.lease))}</small></p>'
    return frame(
        "Safety",
        f'<p class="verdict {safety_tone(verdict.safety)}">{esc(head)}</p><ul class="reasons">{tree}</ul>{lease}',
        f"<small>judged {age} ago</small> {pill(safety_tone(verdict.safety), verdict.safety)}",
    )


def why_not_safe(verdict: Verdict | None) -> str:
    """Say in a line why the dome must stay closed; empty if it may be open."""
    if verdict is None:
        return "there is no safety verdict yet"
    return "" if verdict.safe else f"not safe: {verdict}"


def _leaf(reason: Reason) -> str:
    parts = "".join(_leaf(part) for part in reason.parts)
    return _line(reason) + (f'<li class="sources"><ul>{parts}</ul></li>' if parts else "")


def _line(reason: Reason, remark: str = "") -> str:
    consequence = CONSEQUENCES.get(reason.consequence, reason.consequence)
    then = "" if reason.safety is Safety.SAFE or not consequence else f"<small>→ {esc(consequence)}</small>"
    # What is safe says its age at the end of the line alone; its sources stand below it, or are counted.
    text = _AGE.sub("", reason.text) if reason.safety is Safety.SAFE else reason.text
    if reason.safety is Safety.SAFE and reason.parts:
        text = text.partition(", says ")[0]
    told = _AGE.search(text) is not None
    age = "" if told or reason.age_s is None else f'<span class="num">{age_text(reason.age_s)}</span>'
    return (
        f'<li class="{safety_tone(reason.safety)}">'
        f'<span class="dot" role="img" aria-label="{esc(reason.safety)}"></span>'
        f"<span>{esc(text)} {then}<small>{esc(remark)}</small></span>{age}</li>"
    )
