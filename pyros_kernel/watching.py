"""Look on while another kernel commands: the same store, own links that only read, its agents, the lease to ask for."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

from instruments import PlcState, WeatherState
from pyros_kernel.agents import AgentConfig, AgentsElsewhere
from pyros_kernel.lease import ControlLease
from pyros_kernel.services import Services
from pyros_kernel.settings import Settings
from pyros_kernel.snapshot import Snapshot
from pyros_kernel.store import Store
from pyros_kernel.tasks.context import Context, Finder, open_for, read_context
from pyros_kernel.view import View

_LOOK_REAL_S = 0.5
_ANEW_REAL_S = 1.0  # how often is looked whether another observatory was started here
_END_REAL_S = 5.0


def agents_elsewhere(settings: Settings) -> AgentConfig:
    """Read where the agents listen that somebody else started; where they do by default, without an ini file."""
    path = settings.agent_config
    return AgentConfig.read(path) if path.is_file() else AgentConfig.default()


class Watching:
    """Watch the observatory of a data directory; nothing of it is changed, except that it may be asked for.

    :param what: what runs here, such as ``notebook``
    :param me: the name under which a lease may be held already
    :param last: of the observatory that ran here last, until another one is started
    :raises NoNight: if nobody observed here yet
    :raises SimulatorsAway: if simulators that run are named, and none answer
    """

    def __init__(self, settings: Settings, what: str, me: str = "", last: Context | None = None) -> None:
        self._settings, self._lock, self._looked_s = settings, threading.Lock(), time.monotonic()
        self._store = Store.open(settings.database_url)
        self.lease = ControlLease(self._store, what, me=me)
        with ExitStack() as stack:
            stack.callback(self._store.close)
            self.agents = AgentsElsewhere(agents_elsewhere(settings))
            stack.callback(self.agents.close)
            self._context = Finder().find(settings, self._store) or last
            self._look = _Look(settings, self._store, self._context, self.agents)
            self._closing = stack.pop_all()

    @property
    def services(self) -> Services:
        """Store, clock, devices and the rest, as they are seen from here."""
        return self._look.services

    def snapshot(self) -> Snapshot:
        """Give the whole observatory at one moment, as far as it can be seen from here."""
        with self._lock:
            if time.monotonic() - self._looked_s > _ANEW_REAL_S:
                self._looked_s = time.monotonic()
                context = read_context(self._settings.data)
                if context is not None and context != self._context:
                    former, self._look = self._look, _Look(self._settings, self._store, context, self.agents)
                    self._context = context
                    former.close()
            return self._look.view.snapshot()

    def close(self) -> None:
        """Stop looking; a lease that was taken here stays."""
        with self._lock:
            self._look.close()
            self._closing.close()


class _Look:
    """Links to the instruments of one observatory, for as long as it is the same."""

    def __init__(self, settings: Settings, store: Store, context: Context | None, agents: AgentsElsewhere) -> None:
        with ExitStack() as stack:
            self.services = open_for(settings, store, context)
            stack.callback(self.services.devices.disconnect)
            self.view = View(self.services, agents)
            self._ending = threading.Event()
            # A thread for each device, so that a mute one delays no other.
            self._threads = [
                threading.Thread(target=self._poll, args=(name,), name=f"pyros-watch-{name}", daemon=True)
                for name in self.services.devices.members
            ]
            stack.callback(self._end)
            for thread in self._threads:
                thread.start()
            self._stack = stack.pop_all()

    def close(self) -> None:
        self._stack.close()

    def _poll(self, name: str) -> None:
        while not self._ending.wait(_LOOK_REAL_S):
            state = self.services.devices.refresh(name)
            if isinstance(state, PlcState | WeatherState):
                self.services.safety.update(state.readings())

    def _end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(_END_REAL_S)
