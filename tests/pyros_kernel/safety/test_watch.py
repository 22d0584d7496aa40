"""The watch: silence, age, hysteresis and re-open delay, on a clock moved by hand."""

from __future__ import annotations

from astropy import units as u
from astropy.time import Time
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from instruments import Reading
from pyros_kernel.clock import Clock, ManualClock
from pyros_kernel.safety import Rule, Safety, SafetyWatch

EPOCH = Time("2022-09-30T02:00:00")
RULES = (
    Rule("rain", 60, 1800, "close_now", "wet", unsafe_if=True),
    Rule("humidity", 60, 900, "close", "dew", unit="%", unsafe_above=85, safe_below=80),
)


def reading(value: float | bool, when: Time) -> Reading[float]:
    return Reading(value, u.percent if isinstance(value, float) else None, when, "plc")


def told(watch: SafetyWatch, clock: ManualClock, rain: bool = False, humidity: float = 50.0) -> None:
    watch.update({"rain": reading(rain, clock.now()), "humidity": reading(humidity, clock.now())})


def test_nothing_known_is_not_safe() -> None:
    verdict = SafetyWatch(RULES, ManualClock(EPOCH)).verdict()
    assert verdict.safety is Safety.UNKNOWN
    assert "rain: no reading yet" in str(verdict)


def test_silence_grows_into_unsafe_and_says_its_age() -> None:
    clock = ManualClock(EPOCH)
    watch = SafetyWatch(RULES, clock)
    told(watch, clock)
    assert watch.verdict().safe
    clock.advance(60)
    assert watch.verdict().safe
    clock.advance(1)
    assert "last reading 61 s old, limit 60 s" in str(watch.verdict())
    told(watch, clock)
    assert watch.verdict().safe


def test_a_reading_from_the_future_is_not_trusted() -> None:
    clock = ManualClock(EPOCH)
    watch = SafetyWatch(RULES, clock)
    told(watch, clock)
    watch.update({"rain": reading(False, clock.now() + 120 * u.s)})
    assert "in the future: a clock is wrong" in str(watch.verdict())


def test_an_older_reading_never_replaces_a_newer_one() -> None:
    clock = ManualClock(EPOCH)
    watch = SafetyWatch(RULES, clock)
    told(watch, clock, rain=True)
    watch.update({"rain": reading(False, clock.now() - 10 * u.s)})
    assert watch.verdict().close_now


def test_rain_closes_at_once_and_holds_for_its_delay() -> None:
    clock = ManualClock(EPOCH)
    watch = SafetyWatch(RULES, clock)
    told(watch, clock, rain=True)
    assert watch.verdict().close_now
    for _ in range(30):
        clock.advance(59)
        told(watch, clock)
        assert not watch.verdict().safe
        assert "re-open delay" in str(watch.verdict())
    clock.advance(59)
    told(watch, clock)
    assert watch.verdict().safe


def test_a_fast_clock_is_given_the_time_a_computer_needs() -> None:
    slow, fast = SafetyWatch(RULES, Clock()), SafetyWatch(RULES, Clock(EPOCH, 700))
    assert slow.max_age_s(RULES[0]) == 60
    assert fast.max_age_s(RULES[0]) == 1050


class Watched(RuleBasedStateMachine):
    """Whatever comes in whatever order, SAFE needs every quantity fresh and within its limits."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(EPOCH)
        self.watch = SafetyWatch(RULES, self.clock)
        self.truth: dict[str, tuple[float | bool, float]] = {}
        self.last_rain_s: float | None = None

    @rule(seconds=st.floats(0.1, 4000))
    def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(wet=st.booleans())
    def rain_is_read(self, wet: bool) -> None:
        self.watch.update({"rain": reading(wet, self.clock.now())})
        self.truth["rain"] = (wet, self.clock.unix_s())

    @rule(percent=st.one_of(st.floats(0, 100), st.just(float("nan"))))
    def humidity_is_read(self, percent: float) -> None:
        self.watch.update({"humidity": reading(percent, self.clock.now())})
        self.truth["humidity"] = (percent, self.clock.unix_s())

    @precondition(lambda self: self.truth)
    @rule(back=st.floats(1, 1000))
    def an_old_reading_comes_late(self, back: float) -> None:
        self.watch.update({"rain": reading(False, self.clock.now() - back * u.s)})
        when = self.clock.unix_s() - back
        if "rain" not in self.truth or when >= self.truth["rain"][1]:
            self.truth["rain"] = (False, when)

    @invariant()
    def safe_means_fresh_dry_and_below_the_limit(self) -> None:
        verdict, now = self.watch.verdict(), self.clock.unix_s()
        wet, read_s = self.truth.get("rain", (True, -1e9))
        if wet and now - read_s <= 60:
            self.last_rain_s = now
        if verdict.safe:
            assert not wet and now - read_s <= 60.001
            percent, read_s = self.truth["humidity"]
            assert percent <= 85 and now - read_s <= 60.001
            assert self.last_rain_s is None or now - self.last_rain_s >= 1799.999
        else:
            assert verdict.against, "a refusal must say why"


TestWatched = Watched.TestCase
TestWatched.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
