"""Monitoring: ask every device how it is, keep what it says, and feed the safety rules."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from instruments import CameraState, PlcState, WeatherState
from pyros_kernel import describe
from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.services import Services
from pyros_kernel.store import DeviceKind, DeviceStatus, Weather

logger = logging.getLogger(__name__)

_POLL_S = 5.0  # observatory seconds between two questions to a device …
_POLL_REAL_S = (0.15, 1.0)  # … but not shorter nor longer than this in real seconds
_SELDOM_REAL_S = 0.5  # what moves seldom, and decides about nothing, is asked half as often, and not more than this
_SELDOM = (DeviceKind.FILTER_WHEEL, DeviceKind.FOCUSER, DeviceKind.ROTATOR)
_KEEP_S = 60.0  # observatory seconds between two rows of history …
_SAVE_REAL_S = 1.0
_APART_S = 1.0  # exposures that end so far from one another are two
_WAITING = 20_000  # rows that wait for a store that is away: hours
_KEEP_REAL_S = 1.0  # … and real seconds, so that a fast clock doesn't fill the store


class Monitoring(Agent):
    """Poll each device in a thread of its own, so that a mute one delays no other."""

    def __init__(self, services: Services, *, config: AgentConfig | None = None) -> None:
        super().__init__(Agent.MONITORING, config=config, clock=services.clock)
        self._services = services
        self._kept: dict[str, tuple[float, bool, bool]] = {}  # device → (kept at, was answering, was safe)
        self._ends: dict[str, float] = {}  # camera → end of the exposure that was kept last
        self._unsaved: deque[Callable[[], DeviceStatus | Weather]] = deque(maxlen=_WAITING)
        self._saving = threading.Lock()

    def work(self) -> None:
        """Start the polls."""
        shortest, longest = _POLL_REAL_S
        period = min(max(_POLL_S / self._services.clock.speed, shortest), longest)
        for name, member in self._services.devices.members.items():
            every_s = max(2 * period, _SELDOM_REAL_S) if member.row.kind in _SELDOM else period
            self.every(every_s, partial(self._poll, name), name=f"poll-{name}")
        self.every(_SAVE_REAL_S, self._save, name="save")

    def shutdown(self) -> None:
        """Save what is left."""
        self._save()

    def _save(self) -> None:
        """Write history and log; both stay if the store is away.  The polls don't wait for it: readings stay fresh."""
        with self._saving:
            if rows := list(self._unsaved):
                with self._services.store.session() as session:
                    session.add_all(make() for make in rows)
                for row in rows:
                    if self._unsaved[0] is row:  # the oldest are dropped when there are too many
                        self._unsaved.popleft()
            self._services.logbook.save(self._services.store)

    def _poll(self, name: str) -> None:
        state = self._services.devices.refresh(name)
        if isinstance(state, PlcState | WeatherState):
            self._services.safety.update(state.readings())
        now_s = self._services.clock.unix_s()
        safe = isinstance(state, PlcState) and self._services.safety.verdict().safe
        kept_s, answered, was_safe = self._kept.get(name, (0.0, False, False))
        passed_s, often_s = now_s - kept_s, _KEEP_REAL_S * self._services.clock.speed
        due = passed_s >= max(_KEEP_S, often_s) or (passed_s >= often_s and self._exposes_anew(name, state))
        changed = answered != (state is not None) or was_safe != safe
        if due or changed:
            self._kept[name] = (now_s, state is not None, safe)
            self._keep(name, state, now_s)

    def _exposes_anew(self, name: str, state: object | None) -> bool:
        """Tell whether a camera's exposure is not the one that was kept: others read here how long it is."""
        if not isinstance(state, CameraState) or state.exposure is None:
            return False
        ends_s = describe.read_s(state) + state.remaining.value
        before_s, self._ends[name] = self._ends.get(name, 0.0), ends_s
        return abs(ends_s - before_s) > _APART_S

    def _keep(self, name: str, state: object | None, now_s: float) -> None:
        now = datetime.fromtimestamp(now_s, UTC)
        member = self._services.devices.members[name]
        plain = {"error": member.error} if state is None else describe.plain(state)
        here = state is not None
        device_id = member.row.id
        self._unsaved.append(lambda: DeviceStatus(device_id=device_id, time=now, connected=here, state=plain))
        if isinstance(state, PlcState):
            verdict = self._services.safety.verdict()
            safe, reason = verdict.safe, "" if verdict.safe else str(verdict)
            self._unsaved.append(lambda: Weather(time=now, source=name, readings=plain, safe=safe, reason=reason))
