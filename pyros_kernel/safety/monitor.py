"""What a safety monitor of the site says, as one more reason of the verdict."""

from __future__ import annotations

from instruments import SafetyMonitor
from pyros_kernel.clock import Clock, to_unix_s
from pyros_kernel.safety.judge import RESOLUTION_REAL_S
from pyros_kernel.safety.source import FUTURE_S
from pyros_kernel.safety.verdict import Reason, Safety

MAX_AGE_S = 60.0


def opinion_of(monitor: SafetyMonitor, clock: Clock) -> Reason:
    """Say what a monitor said last; its silence is not safe.  It answers at once: Monitoring does the asking.

    :param clock: tells how old that is
    """
    name, state = monitor.name, monitor.last_state

    def say(safety: Safety, text: str, age_s: float | None) -> Reason:
        return Reason(name, safety, f"{name}: {text}", age_s, "close")

    if state is None:
        return say(Safety.UNKNOWN, "not heard yet", None)
    age_s = clock.unix_s() - to_unix_s(state.time)
    limit_s = max(MAX_AGE_S, RESOLUTION_REAL_S * clock.speed if clock.speed > 1 else 0.0)
    if age_s > limit_s:
        return say(Safety.UNKNOWN, f"last answer {age_s:.0f} s old, limit {limit_s:.0f} s", age_s)
    if age_s < -FUTURE_S:
        return say(Safety.UNKNOWN, f"its answer is {-age_s:.0f} s in the future: a clock is wrong", age_s)
    if state.safe.value is not True:
        return say(Safety.UNSAFE, f"not safe: {state.reason or 'it does not say why'} ({age_s:.0f} s old)", age_s)
    return say(Safety.SAFE, f"safe ({age_s:.0f} s old)", age_s)
