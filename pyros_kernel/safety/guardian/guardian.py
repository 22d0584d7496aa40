"""The guardian: look, judge, and close until it is confirmed; anew at each look."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyros_kernel.beat import to_next
from pyros_kernel.safety.guardian.campaign import Campaign, Facts
from pyros_kernel.safety.guardian.devices import Hands
from pyros_kernel.safety.guardian.ear import Ear
from pyros_kernel.safety.guardian.journal import Journal
from pyros_kernel.safety.guardian.patience import Said, Silent
from pyros_kernel.safety.guardian.times import Times
from pyros_kernel.safety.judge import Judge
from pyros_kernel.safety.rules import read_rules
from pyros_kernel.safety.sun import sun_altaz_deg
from pyros_kernel.safety.verdict import Reason, Verdict, judged

BROKEN = "safety.json"  # which rules were broken lately: read at each start, so that it shortens no delay
_LOOK_REAL_S = (0.2, 0.5)
_LOOK_AT_REST_REAL_S = 1.0  # closed and parked there is nothing to close: what opens is seen soon enough
_KERNEL_FIRST_REAL_S = 0.5  # the kernel ends its sequence in order if it can; no longer than this is waited for it
_WATCHDOG_S = (60.0, 10.0)  # the dome closes by itself after so long: observatory seconds, but not fewer real ones
_GONE_REAL_S = 5.0
_FEED_AT_REST_REAL_S = 5.0  # half of the shortest that the watchdog waits
_DAY_DEG = 1.0
_BY_DAY_REAL_S = 5.0


@dataclass(frozen=True, slots=True)
class Duty:
    """What a guardian is told at its start.

    :param data: the data directory
    :param clock: words of the observatory's clock
    :param addresses: device name → address
    :param kinds: device name → kind, as the store has it; by the word of a PyROS address if left out
    :param simulated: whether the instruments may go away with their kernel
    :param place: latitude and longitude (north and east), to know when the Sun is up
    :param silent_real_s: a kernel that was not heard for so long is as good as dead
    :param linger_real_s: how long it stays on when all is closed and nobody commands
    """

    data: Path
    clock: str
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    simulated: bool = False
    place: tuple[float, float] | None = None
    silent_real_s: float = 20.0
    linger_real_s: float = 600.0


class Guardian:
    """Guard an observatory until it is released, or until all is closed and nobody is left.

    :param duty: what it is told
    """

    def __init__(self, duty: Duty) -> None:
        self._duty, self._times = duty, Times.from_words(duty.clock)
        self._journal = Journal(duty.data / "log" / "guardian.log")
        self._hands = Hands(duty.addresses, duty.kinds, self._times.now_s, self._times.speed)
        self._judge = Judge(read_rules(), self._times.now_s, self._times.steady_s, self._times.speed)
        self._judge.remember(_read_broken(duty.data / BROKEN))
        self._opinions: list[Reason] = []
        self._broken_kept_s, self._broken_kept = 0.0, ""
        self._campaign: Campaign | None = None
        self._facts = Facts()
        self._unsafe_since_s: float | None = None
        self._closed_since_s: float | None = None
        self._bare_since_s: float | None = None  # since when it stands open or unparked under the Sun
        self._said, self._armed, self._fed_s = "", False, 0.0
        self._seen_open = False  # since it was last confirmed closed
        self.asked_to_end = False
        self._ear = Ear(duty.data, self._answer)

    def run(self) -> None:
        """Guard until the end."""
        self._write("started", speed=self._times.speed, devices=dict(self._duty.addresses))
        shortest, longest = _LOOK_REAL_S
        period_s = min(max(1.0 / self._times.speed, shortest), longest)
        period_at_rest_s = max(period_s, min(1.0 / self._times.speed, _LOOK_AT_REST_REAL_S))
        while not self._ended():
            self.look()
            self._feed_watchdog()
            self._ear.listen(to_next(period_at_rest_s if self._at_rest else period_s))
        if self._ear.word != "RELIEVE":
            self._hands.tell_dome("SET WATCHDOG 0")
        self._keep_broken(urgent=True)
        self._ear.close()
        self._hands.close()
        self._journal.close()

    @property
    def _at_rest(self) -> bool:
        return self._campaign is None and self._facts.closed and self._facts.motion == "parked"

    def look(self) -> None:
        """Look once, and do what is to be done."""
        self._hands.read_weather(self._judge)
        self._opinions = self._hands.opinions()
        verdict, now_s = self._verdict(), time.monotonic()
        if verdict.safe:
            self._unsafe_since_s = None
        elif self._unsafe_since_s is None:
            self._unsafe_since_s = now_s
        self._say(str(verdict))
        self._keep_broken()
        self._facts = self._hands.look()
        if self._facts.shutter is not None:
            self._seen_open = not self._facts.closed
        silence = self._silence() or self._by_day(now_s)
        if silence or (not verdict.safe and (self._campaign is not None or self._must_act(now_s))):
            self._close(silence or f"unsafe: {verdict}", verdict.close_now, now_s)
        elif self._campaign is not None and self._campaign.done(self._facts):
            self._write("at rest", closed_for=self._campaign.why)
            self._campaign = None
        elif self._campaign is not None:
            self._close(self._campaign.why, False, now_s)  # what was begun is brought to its end

    def _feed_watchdog(self) -> None:
        if self._at_rest and time.monotonic() - self._fed_s < _FEED_AT_REST_REAL_S:
            return
        self._fed_s = time.monotonic()
        # A controller that was away may have started anew, and knows of no watchdog then.
        self._armed = self._armed and self._hands.tell_dome("DO WATCHDOG")
        if not self._armed:
            limit_s, real_s = _WATCHDOG_S
            limit_s = max(limit_s, real_s * self._times.speed)
            self._armed = self._hands.tell_dome(f"SET WATCHDOG {limit_s:.0f}")

    def _must_act(self, now_s: float) -> bool:
        """Whether the weather asks for more than has been done, and the kernel had its moment."""
        assert self._unsafe_since_s is not None  # it is unsafe
        return not self._facts.closed and now_s - self._unsafe_since_s >= _KERNEL_FIRST_REAL_S

    def _close(self, why: str, at_once: bool, now_s: float) -> None:
        if self._campaign is None:
            self._campaign = Campaign(why, at_once, now_s, self._times.speed)
            self._closed_since_s = None
            self._write("closing", why=why, at_once=at_once, shutter=self._facts.shutter, motion=self._facts.motion)
        campaign = self._campaign
        campaign.at_once |= at_once
        self._facts = self._hands.look(urgent=True)
        for order in campaign.orders(self._facts, now_s):
            tries = campaign.tries[order].count + 1
            try:
                eta_s = self._hands.obey(order)
            except (Silent, Said) as error:
                campaign.sent(order, now_s, None)
                self._write("failed", order=order, tries=tries, why=str(error))
            else:
                campaign.sent(order, now_s, eta_s)
                self._write("sent", order=order, tries=tries, eta_s=eta_s, shutter=self._facts.shutter)
        if campaign.done(self._facts):
            if self._closed_since_s is None:
                self._closed_since_s = now_s
                self._write("confirmed", why=why, after_s=round(now_s - campaign.began_s, 3))
        else:
            self._closed_since_s = None

    def _silence(self) -> str:
        if self.asked_to_end:
            return "asked to end"
        if self._ear.hung_up and self._ear.silent_s() > 1.0:
            return f"the kernel is gone ({self._ear.who})"
        if self._ear.silent_s() > self._duty.silent_real_s:
            return f"the kernel is silent for more than {self._duty.silent_real_s:.0f} s ({self._ear.who or 'nobody'})"
        if self._ear.word == "RELEASE" and not self._facts.closed:
            return "released with the dome not closed"
        return ""

    def _by_day(self, now_s: float) -> str:
        place, facts = self._duty.place, self._facts
        bare = facts.shutter in ("open", "opening") or facts.motion not in (None, "parked", "parking")
        if not bare or place is None or sun_altaz_deg(*place, self._times.now_s())[0] < _DAY_DEG:
            self._bare_since_s = None
            return ""
        self._bare_since_s = self._bare_since_s or now_s
        return "the Sun is up" if now_s - self._bare_since_s > _BY_DAY_REAL_S else ""

    def _ended(self) -> bool:
        if self._ear.word == "RELIEVE":
            self._write("relieved")
            return True
        if self._ear.word == "RELEASE" and self._facts.closed:
            self._write("released", closed=True)
            return True
        silence = self._silence()
        if self._ear.word == "RELEASE" and not self._seen_open and self._hands.all_silent_s() > _GONE_REAL_S:
            self._write("ended", why="released; no device answers, and the dome was closed when it last did")
            return True
        if silence and self._duty.simulated and self._hands.all_silent_s() > _GONE_REAL_S:
            self._write("ended", why="the simulated instruments are gone, and so is their kernel")
            return True
        rest_s = 0.0 if self._closed_since_s is None else time.monotonic() - self._closed_since_s
        linger_s = 0.0 if self.asked_to_end else self._duty.linger_real_s
        if silence and self._closed_since_s is not None and rest_s >= linger_s:
            self._write("ended", why="closed and parked, and nobody is left")
            return True
        return False

    def _verdict(self) -> Verdict:
        own = self._judge.verdict()
        return judged(own.time_s, (*own.reasons, *self._opinions)) if self._opinions else own

    def _answer(self) -> dict[str, object]:
        verdict = self._verdict()
        return {
            "safe": verdict.safe,
            "safety": str(verdict.safety),
            "text": str(verdict),
            "acting": "" if self._campaign is None else self._campaign.why,
            "closed": self._facts.closed,
            "errors": dict(self._hands.errors),
        }

    def _say(self, verdict: str) -> None:
        word = verdict.partition(" ")[0]  # ages change at each look: what matters is which rule speaks first
        if word != self._said:
            self._said = word
            self._write("judged", verdict=verdict)

    def _keep_broken(self, urgent: bool = False) -> None:
        if urgent or time.monotonic() - self._broken_kept_s > 1.0:
            self._broken_kept_s = time.monotonic()
            path = self._duty.data / BROKEN
            text = json.dumps({key: round(when, 3) for key, when in self._judge.broken().items()})
            if text == self._broken_kept:
                return
            with contextlib.suppress(OSError):  # a full disk must not stop it; the next second tries again
                part = path.with_suffix(".part")
                part.write_text(text, encoding="utf-8")
                part.replace(path)
                self._broken_kept = text

    def _write(self, what: str, **more: object) -> None:
        self._journal.write(what, self._times.now_s(), **more)


def _read_broken(path: Path) -> dict[str, float]:
    try:
        return {str(key): float(when) for key, when in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
