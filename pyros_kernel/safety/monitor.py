"""A safety monitor of the site, asked for its opinion by the kernel."""

from __future__ import annotations

from instruments import SafetyMonitor
from pyros_kernel.clock import Clock, to_unix_s
from pyros_kernel.safety.opinion import opinion
from pyros_kernel.safety.verdict import Reason


def opinion_of(monitor: SafetyMonitor, clock: Clock) -> Reason:
    """Say what a monitor said last.  It answers at once: Monitoring does the asking.

    :param clock: tells how old that is
    """
    state = monitor.last_state
    said = None if state is None else (state.safe.value is True, state.reason, to_unix_s(state.time))
    return opinion(monitor.name, said, clock.unix_s(), clock.speed)
