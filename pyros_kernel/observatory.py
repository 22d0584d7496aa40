"""Observatory: opens everything, starts it, stops it; the one object a notebook holds."""

from __future__ import annotations

import asyncio
import atexit
import builtins
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from astropy.time import Time

from pyros_kernel.agents import Agent, AgentConfig, AgentHost, AgentsElsewhere, Sender
from pyros_kernel.agents.alert_manager import AlertManager
from pyros_kernel.agents.majordome import Majordome
from pyros_kernel.clock import Clock, utc
from pyros_kernel.desks import AlertDesk, ByHand, NightElsewhere, NightRun, ScheduleDesk, Seat, TaskDesk
from pyros_kernel.devices import Devices, Missing
from pyros_kernel.handles import handle
from pyros_kernel.lease import ControlLease
from pyros_kernel.lookout import Lookout, take_over
from pyros_kernel.recipes import running
from pyros_kernel.report import NightCells, summarise, write_report
from pyros_kernel.safety.guarded import Guarded
from pyros_kernel.services import Services
from pyros_kernel.settings import Settings
from pyros_kernel.simulation import Drill, SimulatorProcess
from pyros_kernel.snapshot import NOTHING, Snapshot
from pyros_kernel.started import Started, Wanted
from pyros_kernel.store import Channel, Store, note_cell
from pyros_kernel.watching import Watching

logger = logging.getLogger(__name__)

_LOOK_REAL_S = 0.2

Found = TypeVar("Found")


def _what_runs_here() -> str:
    # IPython sets this name wherever it runs: a notebook's kernel, or a terminal.
    return "notebook" if "get_ipython" in vars(builtins) else "program"


class NotStarted(Exception):
    """The observatory is not started: call ``obs.start()`` first."""


class Defects(Exception):
    """Something went wrong in the background; its text lists what."""


_of_this_kernel: dict[Path, Observatory] = {}  # those that are started, by their data directory


class Observatory:
    """An observatory: site, instruments, agents and the night.

    Making one opens nothing; :meth:`start` does.  If another object of this kernel runs in the same place, wanted in
    the same way, it hands over to the new one: a cell that is run again goes on with the night.  It is stopped by
    :meth:`stop`, at the end of a ``with`` block, or when the kernel ends.

    :param data: the data directory; PYROS_DATA or ``data`` if left out
    :param night: evening date of the night to simulate (``2022-09-29``), from shortly before sunset; tonight,
        by the system's clock, if left out
    :param start: observatory time to begin with (Time, or ISO in UTC), instead of shortly before that sunset
    :param speed: observatory seconds per real second; more than 1 only with simulated instruments
    :param simulate: start simulators of all devices, instead of reaching them where their rows say
    :param simulators: reach those that somebody else started (``pyros simulators``) instead, given by ``host:port`` of
        their control, and go by their clock; PYROS_SIMULATORS if left out
    :param fresh: set the data of earlier runs aside first; only with simulated instruments
    :param fixtures: loaded into the store, besides the initial one; what of them is there already stays as it is
    :param alert_port: where VOEvents are received; 8098, or a free port with simulated instruments
    :raises ValueError: for a start that is no time; for a simulated night or a fast clock with real instruments, or
        with simulators that run
    """

    def __init__(
        self,
        data: Path | str | None = None,
        *,
        night: str | None = None,
        start: Time | str | None = None,
        speed: float = 1.0,
        simulate: bool = True,
        simulators: str | None = None,
        fresh: bool = False,
        fixtures: tuple[str | Path, ...] = (),
        alert_port: int | None = None,
    ) -> None:
        self.settings = Settings.from_environment(data)
        if simulators is not None:
            self.settings = replace(self.settings, simulators=simulators)
        if self.settings.simulators:
            if night or start or speed != 1.0:
                raise ValueError("simulators that run have their clock: give night, start and speed to them")
            simulate = False
        elif not simulate and (night or start or speed != 1.0 or fresh):
            raise ValueError("real instruments know no other night, no other speed, and no fresh start: leave them out")
        self._wanted = Wanted(
            night=night,
            start=None if start is None else utc(start),
            speed=speed,
            simulate=simulate,
            fresh=fresh,
            fixtures=fixtures,
            alert_port=alert_port if alert_port is not None else (0 if simulate or self.settings.simulators else 8098),
        )
        self._changing = threading.RLock()
        self._started: Started | None = None
        self._lookout = Lookout(self.settings, _what_runs_here())
        self._me = ""  # the name under which it holds a lease, once it has one
        self._defects: tuple[str, ...] = ()
        self._go_on()

    @property
    def place(self) -> str:
        """Where it keeps its data; panels of one place are one panel, whichever object shows them."""
        return str(self.settings.data)

    # ------------------------------------------------------------------ start and stop

    @property
    def running(self) -> bool:
        """Whether it is started."""
        return self._started is not None

    def start(self) -> Observatory:
        """Open the store, reach the devices (or start simulators), and start the agents; twice is once.

        :raises Held: if another observatory works in this data directory; says who (:meth:`watch` looks on)
        :raises LeaseHeld: if another kernel commands this observatory from elsewhere; says who, and since when
        """
        with self._changing:
            if self.running or self._go_on():
                return self
            self._started = started = Started(
                self.settings,
                self._wanted,
                _what_runs_here(),
                self._me,
                when_ours=self._look_away,
                when_taken=self._begin_to_step_down,
            )
            self._me = started.lease.me
            self._register()
            started.wait_ready()
            logger.info("observatory %s started, night %s", started.services.site.name, started.services.night_name)
            return self

    def stop(self) -> None:
        """End what runs, park, close, stop the agents and simulators, close the store; twice is once.

        One that only watches stops watching.
        """
        with self._changing:
            self._look_away(release=True)
            started = self._started
            if started is None:
                return
            self._unregister()
            try:
                started.close()
            finally:
                self._defects, self._started = started.defects, None

    def _go_on(self) -> bool:
        """Take over what another object of this kernel started here, as it is wanted now; tell whether there was."""
        former = _of_this_kernel.get(self.settings.data)
        if former is None or former is self or former.settings != self.settings or former._wanted != self._wanted:
            return False
        with former._changing:
            if former._started is None:
                return False
            former._unregister()
            self._me, self._started, former._started = former._me, former._started, None
            self._started.when_taken = self._begin_to_step_down
        self._register()
        return True

    def _register(self) -> None:
        _of_this_kernel[self.settings.data] = self
        atexit.register(self.stop)

    def _unregister(self) -> None:
        if _of_this_kernel.get(self.settings.data) is self:
            del _of_this_kernel[self.settings.data]
        atexit.unregister(self.stop)

    def watch(self) -> Observatory:
        """Look on while another kernel commands: panels and snapshots work, commands are refused by name.

        ``obs.lease.ask(why)`` asks for it, :meth:`take_over` takes it.

        :raises NoNight: if nobody observed in this data directory yet
        """
        with self._changing:
            if not self.running:
                self._look_on(self._lookout.watch)
            return self

    def attach(self) -> Observatory:
        """Work with agents that run headless (``pyros agents start``), here or on another machine.

        It looks on as by :meth:`watch`, and gives its commands to those agents by the same Sender.

        :raises NotDelivered: if no Majordome answers where the agents' ini file says
        :raises NoNight: if nobody observed with this store yet
        """
        with self._changing:
            if not self.running:
                self._look_on(self._lookout.attach)
            return self

    def take_over(self, why: str, timeout_s: float = 60.0) -> Observatory:
        """Take command from whoever has it, and start here; recorded with the reason.

        The other kernel is told, gives the data directory back, and watches from then on.

        :param timeout_s: real seconds that may take
        :raises ValueError: without a reason
        :raises Held: if the other one does not give the data directory back in time, as when it hangs; says who it is
        """
        with self._changing:
            return self if self.running else take_over(self.watch().lease, why, self.start, timeout_s)

    @property
    def watching(self) -> bool:
        """Whether it only looks on."""
        return self._lookout.seen is not None

    def check(self) -> None:
        """Raise if anything went wrong in the background since the start.

        :raises Defects: with what it was
        """
        defects = self._started.defects if self._started is not None else self._defects
        if defects:
            raise Defects("in the background: " + "; ".join(defects))

    def __enter__(self) -> Observatory:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ------------------------------------------------------------------ the night

    def observe(self) -> NightRun:
        """Begin the night, or go on with it; returns at once.

        :raises NotStarted: if the observatory is not started
        """
        self._tell(Majordome.MSG_OBSERVE)
        note_cell(self.store, "night", [self.services.night_name])
        if self._lookout.attached:
            return NightRun(NightElsewhere(self.services), self.services)
        started = self._here()
        started.wishes.ended.clear()
        return NightRun(started.wishes.ended, started.services)

    async def until(self, true: Callable[[], Found], minutes: float = 120.0) -> Found:
        """Wait in a cell until something has become true, and give it; panels and buttons go on meanwhile.

        :param true: looked at a few times a second
        :param minutes: by the observatory's clock
        :raises TimeoutError: if it has not become true by then
        """
        deadline_s = self.clock.unix_s() + 60 * minutes
        while not (found := true()):
            if self.clock.unix_s() > deadline_s:
                raise TimeoutError(f"it has not become so within {minutes:g} minutes of the observatory's clock")
            await asyncio.sleep(_LOOK_REAL_S)
        return found

    def pause(self, reason: str = "by hand") -> None:
        """Interrupt what runs and hold; the dome stays open while it is safe."""
        self._tell(Majordome.MSG_PAUSE, {"reason": reason})

    def resume(self) -> None:
        """Go on after a pause."""
        self._tell(Majordome.MSG_RESUME)

    def stop_night(self, reason: str = "by hand") -> None:
        """End the night now: interrupt, park, close."""
        self._tell(Majordome.MSG_STOP_NIGHT, {"reason": reason})

    def abort(self, reason: str = "aborted by hand") -> None:
        """Stop all motion and exposures now, end recipes, and hold."""
        self._tell(Majordome.MSG_ABORT, {"reason": reason})
        for run in running(self.services):
            run.abort(reason)

    # ------------------------------------------------------------------ what it has

    @property
    def services(self) -> Services:
        """Store, clock, devices and the rest, for recipes and the curious.

        :raises NotStarted: if the observatory is not started
        """
        return self._seen.services

    @property
    def clock(self) -> Clock:
        """The observatory's clock."""
        return self.services.clock

    @property
    def store(self) -> Store:
        """What it remembers."""
        return self.services.store

    @property
    def devices(self) -> Devices:
        """Its devices by name (``obs.devices["focuser"]``); shown, a tree of all with what is wrong with each.

        :raises NotStarted: if the observatory is not started
        """
        return self.services.devices

    @property
    def lease(self) -> ControlLease:
        """The control lease: who commands, ask for it, hand it over, break the glass.

        :raises NotStarted: if the observatory is not started
        """
        return self._seen.lease

    @property
    def alerts(self) -> AlertDesk:
        """Alerts: send one by hand, or replay an archived one."""
        started = self._here()
        manager = started.host.agent(Agent.ALERT_MANAGER)
        assert isinstance(manager, AlertManager)  # a started observatory has one
        return AlertDesk(started.services, manager, started.closing)

    @property
    def tasks(self) -> TaskDesk:
        """Its tasks: take one back by hand."""
        return TaskDesk(self.settings)

    @property
    def schedule(self) -> ScheduleDesk:
        """The night's schedule: plot, table, explain; pin, drop, reprioritise, block."""
        return ScheduleDesk(self.services, self._config, self._may)

    @property
    def by_hand(self) -> ByHand:
        """Single commands to the instruments, in their own language."""
        return ByHand(self.services, self.lease)

    @property
    def telescope(self) -> Any:
        """The telescope, and ``obs.telescope.panel()``."""
        return self._seat(self.services.devices.telescope, "telescope")

    @property
    def dome(self) -> Any:
        """The dome, and its panel: dome and weather."""
        return self._seat(self.services.devices.dome, "weather")

    @property
    def weather(self) -> Any:
        """The site's sensors, and their panel: dome and weather."""
        return self._seat(self.services.devices.plc, "weather")

    @property
    def focuser(self) -> Any:
        """The focuser, and the panel of all devices."""
        return self._seat(self.services.devices.focuser, "devices")

    def camera(self, channel: str = "VIS") -> Any:
        """Give a camera, and its panel.

        :param channel: VIS or NIR
        :raises Missing: if it can't be used now
        """
        cameras = self.services.devices.cameras
        if Channel(channel.upper()) not in cameras:
            raise Missing(f"no camera of channel {channel} can be used now; there are {', '.join(cameras) or 'none'}")
        return self._seat(cameras[Channel(channel.upper())], "camera")

    @property
    def agents(self) -> AgentHost | AgentsElsewhere:
        """The agents: shown, a table of state, uptime, last message, queue depth and errors.

        :raises NotStarted: if the observatory is not started
        """
        return self._here().host if (seen := self._lookout.seen) is None else seen.agents

    @property
    def guardian(self) -> Guarded | None:
        """The guardian's process; None if there is none, or the observatory is not started."""
        return self._started.guardian if self._started is not None else None

    @property
    def simulators(self) -> SimulatorProcess:
        """The process of the simulated instruments.

        :raises NotStarted: if the observatory is not started
        :raises ValueError: if its instruments are real ones, or somebody else's simulators
        """
        simulators = self._here().simulators
        if simulators is None:
            raise ValueError("simulators, if any, are another process here; Observatory(simulate=True) starts its own")
        return simulators

    def snapshot(self) -> Snapshot:
        """Give the whole observatory at one moment, cheaply; an empty picture if it is not started."""
        seen = self._started.view if self._started is not None else self._lookout.seen
        return seen.snapshot() if seen is not None else NOTHING

    def commanded_by(self) -> str:
        """Say who commands instead of this kernel; empty if it does."""
        return "" if self.lease.held else str(self.lease.view())

    def panel(self, name: str = "night") -> Any:
        """Show a panel; as often and in as many places as you like.

        :param name: ``night``, the dashboard, or one of its parts
        :raises ValueError: if no installed package brings a panel of that name; says which there are
        """
        entries = {entry.name: entry for entry in entry_points(group="pyros.panels")}
        if name not in entries:
            raise ValueError(f"there is no panel {name!r}; there are {', '.join(sorted(entries))}")
        return entries[name].load()(self)

    def page(self, port: int = 0) -> Any:
        """Serve a read-only page for people without a kernel, on this machine; it ends with the observatory.

        :param port: 0 for any that is free
        :return: a page; its ``url`` is what to open, ``close()`` ends it
        :raises LookupError: if no installed package brings one
        :raises OSError: if the port is taken
        """
        closing = self._here().closing
        page = handle("page")(self, port)
        closing.callback(page.close)
        return page

    def faults(self, seed: int = 0, **how: Any) -> Drill:
        """Turn the night into a drill: ``with obs.faults(seed=7): …`` breaks simulated instruments, and heals them.

        :param seed: of which device has which fault, and when
        :param how: ``devices``, ``faults``, ``every_s``, ``lasts_s`` of :class:`pyros_kernel.simulation.Drill`
        :raises NotStarted: if the observatory is not started
        :raises ValueError: if its instruments are real ones, or there is no such fault
        """
        return Drill(self.simulators.control(), self.clock, seed, **how)

    @property
    def cells(self) -> NightCells:
        """What each cell of this night's notebooks caused: requests, alerts, recipes, and their images."""
        return NightCells.of(self.services.night_id, services=self.services)

    def report(self) -> Path:
        """Write the night's report as it stands, and say where it is."""
        return write_report(self.services.night_id, services=self.services)

    def summary(self) -> dict[str, Any]:
        """Give the night's figures as they stand."""
        return summarise(self.services.night_id, services=self.services)

    def __repr__(self) -> str:
        services = self._started.services if self._started is not None else None
        state = "not started" if services is None else f"night {services.night_name}, ×{services.clock.speed:g}"
        return f"<Observatory {self.settings.data.name}: {state}>"

    # ------------------------------------------------------------------

    def _seat(self, instrument: object, panel: str) -> Seat:
        return Seat(instrument, lambda: self.panel(panel))

    @property
    def _seen(self) -> Started | Watching:
        """What is started here, or watched from here."""
        return self._started or self._lookout.seen or self._here()

    def _here(self) -> Started:
        """Give what is started in this kernel; watching is not enough."""
        if self._started is None:
            raise NotStarted("the observatory is not started: call obs.start() first")
        return self._started

    def _begin_to_step_down(self) -> None:
        # Not in the lease's own thread, which the stop ends.
        threading.Thread(target=self._step_down, name="pyros-step-down", daemon=True).start()

    def _step_down(self) -> None:
        """Give ports and data directory to whoever commands now, leave dome and telescope as they are, and watch."""
        try:
            with self._changing:
                if self.running:
                    self._lookout.remember()
                    self.stop()
                    self.watch()
        except Exception:  # nobody waits for this thread: the log has it
            logger.exception("stepping down failed")

    def _look_on(self, begin: Callable[[str], Watching]) -> None:
        self._me = begin(self._me).lease.me
        atexit.register(self.stop)

    def _look_away(self, *, release: bool = False) -> None:
        """Stop watching; a lease that was taken meanwhile is given back, or left for the start to go on with."""
        if self._lookout.look_away(release=release):
            atexit.unregister(self.stop)

    def _tell(self, message: str, payload: Mapping[str, Any] | None = None) -> None:
        self._may(message.lower())
        Sender.send_to(Agent.MAJORDOME, message, dict(payload or {}), config=self._config)

    @property
    def _config(self) -> AgentConfig:
        """Where the agents that command listen."""
        return self._here().config if (seen := self._lookout.seen) is None else seen.agents.config

    def _may(self, command: str) -> None:
        """Refuse a command unless the agents here command, or this kernel speaks to those that do."""
        if not self._lookout.attached:
            self.lease.check(command)
