"""The watch: the judge of a running observatory, for any thread, fed with readings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from instruments import Reading
from pyros_kernel.clock import Clock, to_unix_s
from pyros_kernel.safety.judge import Judge
from pyros_kernel.safety.rules import Rule
from pyros_kernel.safety.verdict import Reason, Verdict, judged


class SafetyWatch:
    """Judge the latest readings; thread-safe, and asked anew each time, so that silence grows into unsafe.

    :param rules: the rule table
    :param clock: tells the readings' ages
    """

    def __init__(self, rules: Iterable[Rule], clock: Clock) -> None:
        self.rules = tuple(rules)
        self._judge = Judge(self.rules, clock.unix_s, clock.steady_s, clock.speed)
        self._lock = threading.Lock()
        self._others: list[Callable[[], Reason]] = []

    def ask_also(self, other: Callable[[], Reason]) -> None:
        """Ask somebody else as well at each verdict, as the guardian; it must answer at once."""
        self._others.append(other)

    def update(self, readings: Mapping[str, Reading[float] | Reading[bool]]) -> None:
        """Take new readings; an older one never replaces a newer one."""
        with self._lock:
            for quantity, reading in readings.items():
                self._judge.take(reading.source, quantity, reading.value, to_unix_s(reading.time))

    def verdict(self) -> Verdict:
        """Judge now."""
        with self._lock:
            own = self._judge.verdict()
        if not self._others:
            return own
        return judged(own.time_s, (*own.reasons, *(other() for other in self._others)))

    def max_age_s(self, rule: Rule) -> float:
        """Tell how old a reading may be for a rule, at this clock's speed."""
        return self._judge.max_age_s(rule)

    def broken(self) -> dict[str, float]:
        """Give what was broken lately: rule → unix seconds."""
        with self._lock:
            return self._judge.broken()

    def remember(self, broken: dict[str, float]) -> None:
        """Take over what :meth:`broken` gave before a restart, so that it shortens no re-open delay."""
        with self._lock:
            self._judge.remember(broken)
