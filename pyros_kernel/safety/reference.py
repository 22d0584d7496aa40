"""The safety rules as a page for people: ``python -m pyros_kernel.safety.reference``; a test holds it."""

from __future__ import annotations

import sys

from pyros_kernel.safety.rules import Rule, read_rules
from pyros_kernel.safety.source import FUTURE_S, REPEATS_MIN, REPEATS_S

_HEAD = """# The safety rules

<!-- Made from pyros_kernel/safety/rules.toml by `python -m pyros_kernel.safety.reference`; a test holds it. -->

The same table is judged by the kernel (and shown in the panel) and by the guardian. What is unknown is never safe.

| quantity | unsafe | safe again | oldest reading | delay | must say safe, unsafe | stuck after | then | because |
|---|---|---|---|---|---|---|---|---|
"""
_FOOT = f"""
A reading's age counts by its source's own clock. For every rule, these are unknown as well: a source that was never
heard; a reading from more than {FUTURE_S:.0f} s in the future; and a source all of whose values ({REPEATS_MIN} or more
that measure) repeat for {REPEATS_S:.0f} s while their times move on, as from a relay that stamps old data anew.
Setting the computer's clock makes everything unknown until it was read again, and shortens no delay; nor does a
restart. "Must say" counts the sources that must call it safe, and those that must call it unsafe.
*warn* only says so; *pause* holds observing and leaves the dome open; *close* aborts the exposure, parks, then closes;
*close now* closes first.
"""


def page() -> str:
    """Write the page, Markdown."""
    return _HEAD + "".join(_row(rule) for rule in read_rules()) + _FOOT


def _row(rule: Rule) -> str:
    unit = f" {rule.unit}" if rule.unit else ""
    if rule.unsafe_if is not None:
        unsafe, safe = ("yes", "no") if rule.unsafe_if else ("no", "yes")
    elif rule.unsafe_above is not None:
        unsafe = f"> {rule.unsafe_above:g}{unit}"
        safe = f"≤ {rule.unsafe_above if rule.safe_below is None else rule.safe_below:g}{unit}"
    else:
        assert rule.unsafe_below is not None  # a rule has one of the three
        unsafe = f"< {rule.unsafe_below:g}{unit}"
        safe = f"≥ {rule.unsafe_below if rule.safe_above is None else rule.safe_above:g}{unit}"
    cells = (
        rule.quantity.replace("_", " "),
        unsafe,
        safe,
        f"{rule.max_age_s:g} s",
        f"{rule.reopen_s / 60:g} min",
        f"{rule.agree}, {rule.confirm}",
        f"{rule.frozen_s / 60:g} min" if rule.frozen_s else "—",
        rule.consequence.replace("_", " "),
        rule.why,
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
