"""What a safety monitor says, as one more reason of the verdict; the same in the kernel and in the guardian."""

from __future__ import annotations

from pyros_kernel.safety.judge import RESOLUTION_REAL_S
from pyros_kernel.safety.source import FUTURE_S
from pyros_kernel.safety.verdict import Reason, Safety

MAX_AGE_S = 60.0


def opinion(name: str, said: tuple[bool, str, float] | None, now_s: float, speed: float) -> Reason:
    """Say what a monitor said last; its silence is not safe.

    :param said: whether it is safe, why not, and as of when (unix seconds); None if it was never heard
    :param now_s: the observatory's time, unix seconds
    :param speed: observatory seconds per real second
    """

    def say(safety: Safety, text: str, age_s: float | None) -> Reason:
        return Reason(name, safety, f"{name}: {text}", age_s, "close")

    if said is None:
        return say(Safety.UNKNOWN, "not heard yet", None)
    safe, why, time_s = said
    age_s = now_s - time_s
    limit_s = max(MAX_AGE_S, RESOLUTION_REAL_S * speed if speed > 1 else 0.0)
    if age_s > limit_s:
        return say(Safety.UNKNOWN, f"last answer {age_s:.0f} s old, limit {limit_s:.0f} s", age_s)
    if age_s < -FUTURE_S:
        return say(Safety.UNKNOWN, f"its answer is {-age_s:.0f} s in the future: a clock is wrong", age_s)
    if not safe:
        return say(Safety.UNSAFE, f"not safe: {why or 'it does not say why'} ({age_s:.0f} s old)", age_s)
    return say(Safety.SAFE, f"safe ({age_s:.0f} s old)", age_s)
