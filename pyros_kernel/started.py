"""A started observatory: its parts, opened in their order and closed in the reverse."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from astropy.time import Time

from pyros_kernel.agents import Sender, use
from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.arrears import arrears_made_up
from pyros_kernel.devices import NEVER_ASKED
from pyros_kernel.lease import ControlLease
from pyros_kernel.lock import DataLock
from pyros_kernel.memory import share_arenas
from pyros_kernel.opening import (
    agent_config_for,
    build_host,
    clock_for,
    first_fixtures,
    guard,
    open_services,
    set_aside,
)
from pyros_kernel.recipes import end_all
from pyros_kernel.safety.guarded import Guarded
from pyros_kernel.settings import Settings
from pyros_kernel.simulation import SimulatorProcess, find_simulators
from pyros_kernel.store import Store
from pyros_kernel.tasks.context import write_context
from pyros_kernel.view import View

logger = logging.getLogger(__name__)

_READY_REAL_S = 10.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """How an observatory is to be started: what :class:`pyros_kernel.Observatory` was told."""

    night: str | None
    start: Time | None
    speed: float
    simulate: bool
    fresh: bool
    fixtures: tuple[str | Path, ...]
    alert_port: int


class Started:
    """Open data directory, store, lease, instruments, guardian and agents; :meth:`close` ends them.

    :param what: what runs here, such as ``notebook``
    :param me: the name under which a lease may be held already
    :param when_ours: called once the data directory is ours, before anything in it is opened
    :param when_taken: called when another kernel took command
    :raises Held: if another observatory works in this data directory; says who
    :raises LeaseHeld: if another kernel commands this observatory from elsewhere; says who, and since when
    :raises SimulatorsAway: if it is to use simulators that run, and none answer
    """

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        what: str,
        me: str,
        *,
        when_ours: Callable[[], None],
        when_taken: Callable[[], None],
    ) -> None:
        self.wishes = Wishes()
        self.simulators: SimulatorProcess | None = None
        self.guardian: Guarded | None = None
        self.when_taken = when_taken
        share_arenas()
        with ExitStack() as stack:
            lock = DataLock(settings.data, what=what)
            lock.acquire()
            stack.callback(lock.release)
            when_ours()
            if wanted.fresh:
                set_aside(settings.data)
            store = Store.open(settings.database_url)
            stack.callback(store.close)
            site = first_fixtures(store, wanted.fixtures)
            elsewhere = find_simulators(settings.simulators, store) if settings.simulators else None
            clock = clock_for(site, wanted.night, wanted.start, wanted.speed) if elsewhere is None else elsewhere.clock
            self.lease = ControlLease(store, what, on_taken=self._lose_command, on_held=self._hold_command, me=me)
            self.lease.acquire()
            stack.callback(self.lease.release)
            reached: Callable[[], dict[str, str]] = dict if elsewhere is None else elsewhere.addresses.copy
            if wanted.simulate:
                self.simulators = SimulatorProcess(store, site, clock, log=settings.data / "log" / "simulators.log")
                stack.callback(self.simulators.stop)
                self.simulators.launch()  # what needs no instrument is done while they start
                reached = self.simulators.ready
            self.config = agent_config_for(settings, free_ports=wanted.simulate)
            use(self.config)
            stack.callback(use, None)
            stack.callback(Sender.close)
            self.services, addresses = open_services(stack, settings, store, site, clock, reached)
            stack.callback(write_context(self.services, addresses))
            self.guardian = guard(stack, self.services, simulated=wanted.simulate)
            self.host = build_host(self.services, self.wishes, self.config, wanted.alert_port)
            stack.callback(self.host.stop_all)
            self.host.start_all()
            stack.enter_context(arrears_made_up(self.services))
            stack.callback(end_all, self.services, "the observatory goes down", resumable=True)
            self.view = View(self.services, self.host)
            self.closing = stack.pop_all()

    @property
    def defects(self) -> tuple[str, ...]:
        """What went wrong in the background so far."""
        return tuple(self.services.logbook.defects)

    def close(self) -> None:
        """End what runs, park, close, stop agents and simulators, close the store, give the data directory back."""
        self.services.store.ending.set()  # who waits for a store that is away must not hold this up
        self.closing.close()

    def wait_ready(self) -> None:
        """Wait until every agent is set up and every device was asked once: the first look shows what is there."""
        members = self.services.devices.members.values()
        deadline = time.monotonic() + _READY_REAL_S
        while time.monotonic() < deadline:
            asked = all(member.error != NEVER_ASKED for member in members)
            if asked and not any(view.state == "starting" for view in self.host.views()):
                return
            time.sleep(0.02)
        logger.warning("not every agent and device is ready after %.0f s; the panel shows which", _READY_REAL_S)

    def _lose_command(self, why: str) -> None:
        self.wishes.lost = why
        if self.guardian is not None:
            self.guardian.relieve()  # whoever commands now has a guardian of his own
        self.when_taken()

    def _hold_command(self, why: str) -> None:
        self.wishes.lost = why
