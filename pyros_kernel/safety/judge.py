"""The judge: all sources under all rules, in plain numbers; the same in the kernel and in the guardian."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pyros_kernel.safety.rules import Rule
from pyros_kernel.safety.source import Source
from pyros_kernel.safety.verdict import Reason, Safety, Verdict, judged

# An accelerated clock outruns the machine that has to poll: below this many real seconds an age can't be
# told from a busy computer, so a rule's maximum age is never shorter.  At speed 1 it changes nothing.
RESOLUTION_REAL_S = 1.5
STEP_S = 5.0  # NTP slews a running clock; more than this was set by a hand, or by a machine that slept


class Judge:
    """Judge the latest readings; asked anew each time, so that silence grows into unsafe.  Not thread-safe.

    :param rules: the rule table
    :param now_s: the observatory's time, unix seconds
    :param steady_s: observatory seconds of a clock that is never set
    :param speed: observatory seconds per real second
    """

    def __init__(
        self, rules: Iterable[Rule], now_s: Callable[[], float], steady_s: Callable[[], float], speed: float = 1.0
    ) -> None:
        self.rules = tuple(rules)
        self._now_s, self._steady_s, self._speed = now_s, steady_s, speed
        self.sources: dict[str, Source] = {}
        self._unsafe_s: dict[int, float] = {}  # number of the rule → when it was last broken, by the steady clock
        self._stepped = ""
        _, self._lead_s = self._read_clocks()

    def take(self, source: str, quantity: str, value: float | bool, time_s: float) -> None:
        """Take a reading.

        :param time_s: when the source measured it, by its own clock (unix seconds)
        """
        now_s = self._look_at_clock()
        self.sources.setdefault(source, Source(source)).take(quantity, value, time_s, now_s)
        for number, rule in enumerate(self.rules):
            if rule.quantity == quantity:
                self._reason(number, rule, now_s)  # what breaks a rule between two verdicts counts as well

    def verdict(self) -> Verdict:
        """Judge now."""
        now_s = self._look_at_clock()
        return judged(now_s, tuple(self._reason(number, rule, now_s) for number, rule in enumerate(self.rules)))

    def max_age_s(self, rule: Rule) -> float:
        """Tell how old a reading may be for a rule, at this clock's speed."""
        return max(rule.max_age_s, RESOLUTION_REAL_S * self._speed if self._speed > 1 else 0.0)

    def broken(self) -> dict[str, float]:
        """Give what was broken lately, for whoever judges after a restart: rule → unix seconds."""
        offset_s = self._now_s() - self._steady_s()
        return {_key(self.rules[number]): when + offset_s for number, when in self._unsafe_s.items()}

    def remember(self, broken: dict[str, float]) -> None:
        """Take over what :meth:`broken` gave before a restart; what it says of the future counts as now."""
        now_s, steady_s = self._now_s(), self._steady_s()
        for number, rule in enumerate(self.rules):
            if (when := broken.get(_key(rule))) is not None:
                self._unsafe_s[number] = steady_s - max(0.0, now_s - when)

    def _read_clocks(self) -> tuple[float, tuple[float, float]]:
        """Give the time, and between which bounds its lead over the steady clock lies.

        A thread may stand still between two readings, which is long on a fast clock, and no step of either.
        """
        before_s = self._steady_s()
        now_s = self._now_s()
        return now_s, (now_s - self._steady_s(), now_s - before_s)

    def _look_at_clock(self) -> float:
        now_s, (least_s, most_s) = self._read_clocks()
        was_least_s, was_most_s = self._lead_s
        step_s = max(0.0, least_s - was_most_s) + min(0.0, most_s - was_least_s)
        # Without a step it lies within both.
        self._lead_s = (least_s, most_s) if step_s else (max(least_s, was_least_s), min(most_s, was_most_s))
        if abs(step_s) > STEP_S:
            # Ages across a step mean nothing: all sources must speak again.  Delays run on the steady clock.
            self.sources = {name: Source(name) for name in self.sources}
            self._stepped = f" since the clock was set by {step_s:+.0f} s"
        return now_s

    def _reason(self, number: int, rule: Rule, now_s: float) -> Reason:
        last_s, steady_s = self._unsafe_s.get(number), self._steady_s()
        in_force = last_s is not None and steady_s - last_s < rule.reopen_s
        limit_s = self.max_age_s(rule)
        expected = [s for s in self.sources.values() if rule.quantity in s.series]
        parts = tuple(s.judge(rule, now_s, limit_s, in_force) for s in expected)
        safety, part, text = _together(rule, parts, [s.name for s in expected], self._stepped)
        age_s = None if part is None else part.age_s
        if safety is Safety.UNSAFE:
            self._unsafe_s[number] = steady_s
        elif safety is Safety.SAFE and in_force:
            assert last_s is not None  # in_force says so
            left_s = rule.reopen_s - (steady_s - last_s)
            safety = Safety.UNSAFE
            text = f"{text.rpartition(' (')[0]}, safe again, re-open delay {left_s / 60:.0f} min left"
        if len(parts) < 2:
            return Reason(rule.quantity, safety, text, age_s, rule.consequence)
        named = (replace(p, text=f"{s.name}: {p.text}") for s, p in zip(expected, parts, strict=True))
        return Reason(rule.quantity, safety, text, age_s, rule.consequence, tuple(named))


def combine(rule: Rule, says: Iterable[Safety]) -> Safety:
    """Make one of what several sources say: ``confirm`` of them can condemn, ``agree`` of them can acquit."""
    said = list(says)
    unsafe, safe = said.count(Safety.UNSAFE), said.count(Safety.SAFE)
    if unsafe and unsafe >= min(rule.confirm, unsafe + safe):
        return Safety.UNSAFE
    return Safety.SAFE if safe >= rule.agree else Safety.UNKNOWN


def _together(
    rule: Rule, parts: tuple[Reason, ...], names: list[str], stepped: str
) -> tuple[Safety, Reason | None, str]:
    quantity = rule.quantity.replace("_", " ")
    if not parts:
        return Safety.UNKNOWN, None, f"{quantity}: no reading yet{stepped}"
    safety = combine(rule, (p.safety for p in parts))
    shown = next((i for i, p in enumerate(parts) if p.safety is safety), 0)
    text = parts[shown].text
    if len(parts) > 1:
        agreeing = sum(p.safety is safety for p in parts)
        text += f", says {names[shown]}; {agreeing} of {len(parts)} sources say {safety}"
    if safety is Safety.UNKNOWN and sum(p.safety is Safety.SAFE for p in parts) in range(1, rule.agree):
        text = f"{quantity}: {rule.agree} sources must agree that it is safe; {text}"
    return safety, parts[shown], text


def _key(rule: Rule) -> str:
    return f"{rule.quantity}/{rule.consequence}"
