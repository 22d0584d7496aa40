"""The watch: the latest readings, judged by all rules at any moment."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from instruments import Reading
from pyros_kernel.clock import Clock, to_unix_s
from pyros_kernel.safety.rules import Rule
from pyros_kernel.safety.verdict import Reason, Safety, Verdict

# An accelerated clock outruns the machine that has to poll: below this many real seconds an age can't be
# told from a busy computer, so a rule's maximum age is never shorter.  At speed 1 it changes nothing.
_RESOLUTION_REAL_S = 1.5


class SafetyWatch:
    """Judge the latest readings; thread-safe, and asked anew each time, so that silence grows into unsafe.

    :param rules: the rule table
    :param clock: tells the readings' ages
    """

    def __init__(self, rules: Iterable[Rule], clock: Clock) -> None:
        self.rules = tuple(rules)
        self._clock = clock
        self._lock = threading.Lock()
        self._readings: dict[str, tuple[Reading[float] | Reading[bool], float]] = {}
        self._unsafe_s: dict[str, float] = {}  # quantity → when it was last unsafe

    def update(self, readings: Mapping[str, Reading[float] | Reading[bool]]) -> None:
        """Take new readings; an older one never replaces a newer one."""
        with self._lock:
            for quantity, reading in readings.items():
                unix_s = to_unix_s(reading.time)
                known = self._readings.get(quantity)
                if known is None or unix_s >= known[1]:
                    self._readings[quantity] = (reading, unix_s)

    def verdict(self) -> Verdict:
        """Judge now."""
        now_s = self._clock.unix_s()
        with self._lock:
            reasons = tuple(self._reason(rule, now_s) for rule in self.rules)
        found = {r.safety for r in reasons}
        worst = next((s for s in (Safety.UNSAFE, Safety.UNKNOWN) if s in found), Safety.SAFE)
        return Verdict(now_s, worst, reasons)

    def max_age_s(self, rule: Rule) -> float:
        """Tell how old a reading may be for a rule, at this clock's speed."""
        return max(rule.max_age_s, _RESOLUTION_REAL_S * self._clock.speed if self._clock.speed > 1 else 0.0)

    def _reason(self, rule: Rule, now_s: float) -> Reason:
        name = rule.quantity.replace("_", " ")

        def say(safety: Safety, text: str, age_s: float | None) -> Reason:
            return Reason(rule.quantity, safety, text, age_s, rule.consequence)

        known = self._readings.get(rule.quantity)
        if known is None:
            return say(Safety.UNKNOWN, f"{name}: no reading yet", None)
        reading, read_s = known
        age_s, limit_s = now_s - read_s, self.max_age_s(rule)
        if age_s > limit_s:
            return say(
                Safety.UNKNOWN, f"{name}: last reading {age_s:.0f} s old, limit {limit_s:.0f} s", age_s
            )
        if age_s < -limit_s:
            return say(
                Safety.UNKNOWN, f"{name}: reading is {-age_s:.0f} s in the future: a clock is wrong", age_s
            )
        last_unsafe_s = self._unsafe_s.get(rule.quantity)
        in_force = last_unsafe_s is not None and now_s - last_unsafe_s < rule.reopen_s
        safety, text = rule.judge(reading.value, was_unsafe=in_force)
        if safety is Safety.UNSAFE:
            self._unsafe_s[rule.quantity] = now_s
            return say(safety, f"{text} ({age_s:.0f} s old)", age_s)
        if safety is Safety.SAFE and in_force:
            assert last_unsafe_s is not None  # in_force says so
            left_s = rule.reopen_s - (now_s - last_unsafe_s)
            return say(Safety.UNSAFE, f"{text}, safe again, re-open delay {left_s / 60:.0f} min left", age_s)
        return say(safety, f"{text} ({age_s:.0f} s old)", age_s)
