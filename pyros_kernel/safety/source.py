"""What one source says of one quantity, and whether it can be believed: age, future, frozen, repeated."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyros_kernel.safety.rules import Rule
from pyros_kernel.safety.verdict import Reason, Safety

FUTURE_S = 5.0  # two computers' clocks under NTP agree to far better
REPEATS_S = 600.0  # so long no set of real sensors repeats itself to the last digit …
REPEATS_MIN = 3  # … if there are at least so many of them that measure,
SAME_MIN = 5  # and so many readings said the same


@dataclass(slots=True)
class Series:
    """The newest value of a source, and since when it has been just that (the source's own times, unix seconds)."""

    value: float | bool
    time_s: float
    since_s: float
    count: int = 1

    def take(self, value: float | bool, time_s: float) -> None:
        """Take a newer value."""
        if value == self.value:
            self.count += time_s > self.time_s
        else:
            self.since_s, self.count = time_s, 1
        self.value, self.time_s = value, time_s

    def still_s(self) -> float:
        """Tell how long it has said the same, by its own clock; 0 if too few readings say so."""
        return self.time_s - self.since_s if self.count >= SAME_MIN else 0.0


@dataclass(slots=True)
class Source:
    """A device that reports quantities.

    :param name: of the device
    """

    name: str
    series: dict[str, Series] = field(default_factory=dict[str, Series])

    def take(self, quantity: str, value: float | bool, time_s: float, now_s: float) -> None:
        """Take a reading; an older one replaces a newer one only if that came from the future."""
        known = self.series.get(quantity)
        if known is None or known.time_s > now_s + FUTURE_S:
            self.series[quantity] = Series(value, time_s, time_s)
        elif time_s >= known.time_s:
            known.take(value, time_s)

    def repeats_s(self) -> float:
        """Tell for how long everything that it measures has stood still while its times moved on."""
        measured = [s for s in self.series.values() if not isinstance(s.value, bool)]
        return min(s.still_s() for s in measured) if len(measured) >= REPEATS_MIN else 0.0

    def judge(self, rule: Rule, now_s: float, limit_s: float, in_force: bool) -> Reason:
        """Say what this source says under a rule.

        :param limit_s: oldest age that is believed
        :param in_force: whether the rule was broken lately, which asks for the stricter limit
        """
        known, name = self.series.get(rule.quantity), rule.quantity.replace("_", " ")

        def say(safety: Safety, text: str, age_s: float | None) -> Reason:
            return Reason(rule.quantity, safety, text, age_s, rule.consequence)

        if known is None:
            return say(Safety.UNKNOWN, f"{name}: no reading yet", None)
        age_s = now_s - known.time_s
        if age_s > limit_s:
            return say(Safety.UNKNOWN, f"{name}: last reading {age_s:.0f} s old, limit {limit_s:.0f} s", age_s)
        if age_s < -FUTURE_S:
            return say(Safety.UNKNOWN, f"{name}: reading is {-age_s:.0f} s in the future: a clock is wrong", age_s)
        safety, text = rule.judge(known.value, was_unsafe=in_force)
        if safety is Safety.SAFE:
            # What is unsafe stays unsafe though its sensor may be stuck; what seems safe must prove that it lives.
            if rule.frozen_s and (still_s := known.still_s()) > rule.frozen_s:
                text = f"{name}: just {known.value:g} for {still_s:.0f} s: its sensor is stuck"
                return say(Safety.UNKNOWN, text, age_s)
            if (repeats_s := self.repeats_s()) > REPEATS_S:
                text = f"{name}: {self.name} repeats all its values for {repeats_s:.0f} s: old data under new times"
                return say(Safety.UNKNOWN, text, age_s)
        return say(safety, f"{text} ({age_s:.0f} s old)", age_s)
