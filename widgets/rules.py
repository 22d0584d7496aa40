"""The table of safety rules, each with what it says now."""

from __future__ import annotations

from pyros_kernel.safety import Reason, Rule, Safety
from pyros_kernel.snapshot import Snapshot
from widgets.safety import CONSEQUENCES
from widgets.tones import safety_tone
from widgets.words import esc, frame, nothing, pill, span_text, table


def rules_html(snapshot: Snapshot) -> str:
    """Write the rules."""
    if not snapshot.rules:
        return frame("Rules", nothing("No rules are known while the observatory is stopped."))
    reasons = snapshot.verdict.reasons if snapshot.verdict else ()
    now = {(r.quantity, r.consequence): r for r in reasons}
    rows = (_row(rule, now.get((rule.quantity, rule.consequence))) for rule in snapshot.rules)
    heads = ("Quantity", "Now", "Unsafe", "Safe again", "Max. age", "Re-open after", "Then")
    return frame("Rules", f'<div class="scroll tall">{table(heads, rows, "Safety rules")}</div>')


def _row(rule: Rule, reason: Reason | None) -> str:
    safety = Safety.UNKNOWN if reason is None else reason.safety
    limit, back = _limits(rule)
    cells = (limit, back, span_text(rule.max_age_s), span_text(rule.reopen_s))
    consequence = CONSEQUENCES.get(rule.consequence, rule.consequence)
    return (
        f'<tr><th scope="row">{esc(rule.quantity.replace("_", " "))}<small class="note">{esc(rule.why)}</small></th>'
        f"<td>{pill(safety_tone(safety), safety)}</td>"
        + "".join(f"<td>{esc(cell)}</td>" for cell in cells)
        + f"<td>{esc(consequence)}</td></tr>"
    )


def _limits(rule: Rule) -> tuple[str, str]:
    if rule.unsafe_if is not None:
        return ("yes", "no") if rule.unsafe_if else ("no", "yes")
    upper = rule.unsafe_above is not None
    limit, back = (rule.unsafe_above, rule.safe_below) if upper else (rule.unsafe_below, rule.safe_above)
    over, under = ("> ", "< ") if upper else ("< ", "> ")
    unit = f" {rule.unit}" if rule.unit else ""
    texts = (
        f"{sign}{value:g}{unit}".replace("-", "−")
        for sign, value in ((over, limit), (under, back if back is not None else limit))
        if value is not None
    )
    first, second = texts
    return first, second
