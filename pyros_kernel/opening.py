"""The parts of an observatory's start, in the order in which they are opened."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from astropy.time import Time
from sqlalchemy import select

from pyros_kernel.agents import Agent, AgentConfig, AgentHost, Watcher
from pyros_kernel.agents.alert_manager import AlertManager
from pyros_kernel.agents.majordome import Majordome
from pyros_kernel.agents.monitoring import Monitoring
from pyros_kernel.agents.scheduler import Scheduler
from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.clock import Clock
from pyros_kernel.devices import Devices
from pyros_kernel.images import ImageArchive, star_source, sweep
from pyros_kernel.images.spare import bring_back
from pyros_kernel.logbook import Logbook
from pyros_kernel.recipes import why_unusable
from pyros_kernel.safety import SafetyWatch, read_rules
from pyros_kernel.safety.guarded import Guarded
from pyros_kernel.safety.monitor import opinion_of
from pyros_kernel.scheduling import Sky, night_name, night_of
from pyros_kernel.services import Services
from pyros_kernel.settings import ROOT, Settings
from pyros_kernel.store import Device, Night, Site, Store, load, load_missing
from pyros_kernel.tasks.sequence import recover

logger = logging.getLogger(__name__)

_DAY_S = 86400.0
_BEFORE_SUNSET_S = 600.0  # a simulated night begins this long before its sunset
_STARTING_REAL_S = 3.0  # with a panel: a fast clock must not take them from the evening twilight, and its flats
_GENERATED = "; Where each agent"  # what AgentConfig.write begins a file with
EARLIER = "earlier"
_SEES_WEATHER = {"plc", "weather_station"}


def fixture_path(name: str | Path) -> Path:
    """Find a fixture: a file, or the name of one that PyROS brings along.

    :raises FileNotFoundError: if there is neither
    """
    given = Path(name)
    if given.is_file():
        return given
    brought = ROOT / "fixtures" / given.name
    if brought.is_file():
        return brought
    raise FileNotFoundError(f"no fixture {name}: neither a file here nor one of {brought.parent}")


def set_aside(data: Path) -> Path | None:
    """Move what earlier runs left in a data directory into ``earlier/<time>``, except the lock.

    :return: where it lies now, or None if there was nothing
    """
    left = [path for path in data.iterdir() if path.name not in (EARLIER, "observatory.lock")]
    if not left:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")  # of the file system, not of the observatory
    aside = data / EARLIER / stamp
    aside.mkdir(parents=True)
    for path in left:
        path.rename(aside / path.name)
    return aside


def first_fixtures(store: Store, fixtures: tuple[str | Path, ...]) -> Site:
    """Fill an empty store, or add what of the fixtures is not in it yet, and give its site.

    :raises FileNotFoundError: if one is nowhere; nothing was loaded
    :raises FixtureError: if one is bad, or clashes with what is there; nothing was loaded from it
    """
    paths = [fixture_path(fixture) for fixture in fixtures]
    with store.session(read_only=True) as session:
        is_new = session.scalar(select(Site)) is None
    if is_new:
        load(store, fixture_path("initial_fixture.json"), why_unusable)
    for path in paths:
        added = load(store, path, why_unusable) if is_new else load_missing(store, path, why_unusable)
        if added and not is_new:
            logger.info("%d objects of %s were not in the store yet: added", added, path.name)
    with store.session(read_only=True) as session:
        return session.scalars(select(Site)).one()


def clock_for(site: Site, night: str | None, start: Time | None, speed: float) -> Clock:
    """Make the clock: the system's, or one that begins at a moment, or shortly before a night's sunset."""
    if start is not None:
        return Clock(start, speed)
    if night is None:
        return Clock() if speed == 1.0 else Clock(Time.now(), speed)
    sunset_s = night_of(site, night).sunset_unix_s
    before_s = max(_BEFORE_SUNSET_S, _STARTING_REAL_S * speed)
    return Clock(Time(sunset_s - before_s, format="unix", scale="utc"), speed)


def agent_config_for(settings: Settings, *, free_ports: bool) -> AgentConfig:
    """Read where the agents listen; make the file if there is none.

    :param free_ports: take free ports, unless the file was written by hand: several simulated observatories
        may run on one machine
    """
    path = settings.agent_config
    if path.is_file() and not (free_ports and path.read_text(encoding="utf-8").startswith(_GENERATED)):
        return AgentConfig.read(path)
    config = AgentConfig.with_free_ports() if free_ports else AgentConfig.default()
    config.write(path)
    return config


def open_services(
    stack: ExitStack, settings: Settings, store: Store, site: Site, clock: Clock, reached: Callable[[], dict[str, str]]
) -> tuple[Services, dict[str, str]]:
    """Open what agents and tasks need; ``stack`` closes it again.

    :param reached: gives name → address of devices that are not where their rows say, and of the ``simulator`` itself;
        asked last, as they may still be starting
    :return: the services, and those addresses
    """
    logbook = Logbook(clock, settings.data / "log" / "pyros.log")
    logbook.open()
    stack.callback(logbook.close)
    safety = SafetyWatch(read_rules(), clock)
    sky, archive = _present_or_coming(site, clock), ImageArchive(settings.data)
    night_id = _night(store, site, sky)
    recover(store)
    bring_back(archive)
    sweep(archive, sky.name, store)
    addresses = reached()
    with store.session(read_only=True) as session:
        rows = session.scalars(select(Device).order_by(Device.id)).all()
    devices = Devices(rows, clock, safety.verdict, addresses, place=(site.latitude_deg, site.longitude_deg))
    stack.callback(devices.disconnect)
    devices.connect()
    for monitor in devices.monitors:
        safety.ask_also(partial(opinion_of, monitor, clock))
    services = Services(
        settings=settings,
        clock=clock,
        store=store,
        site=site,
        devices=devices,
        safety=safety,
        archive=archive,
        sky=sky,
        logbook=logbook,
        night_id=night_id,
        night_name=sky.name,
        started=(clock.unix_s(), time.monotonic()),
        stars=star_source(settings.data, addresses.get("simulator", "")),
    )
    return services, addresses


def guard(stack: ExitStack, services: Services, *, simulated: bool) -> Guarded | None:
    """Start the guardian, and let nothing open without its consent; ``stack`` releases it again.

    :param simulated: whether the instruments end with this process
    :return: None without a dome, or without anything that sees the weather
    """
    members = services.devices.members
    addresses = {name: member.instrument.address for name, member in members.items()}
    kinds = {name: member.row.kind.value for name, member in members.items()}
    if "dome" not in kinds.values() or not _SEES_WEATHER & set(kinds.values()):
        logger.warning("no guardian: it needs a dome to close, and a PLC or a weather station to judge by")
        return None
    place = (services.site.latitude_deg, services.site.longitude_deg)
    guarded = Guarded(services.settings.data, services.clock, addresses, kinds=kinds, simulated=simulated, place=place)
    services.safety.remember(guarded.broken())
    guarded.start()
    stack.callback(guarded.stop)
    services.safety.ask_also(guarded.opinion)
    return guarded


def build_host(services: Services, wishes: Wishes, config: AgentConfig, alert_port: int) -> AgentHost:
    """Make the agents of a night, each remade by the Watcher if it dies."""
    host = AgentHost(
        {
            Agent.MONITORING: lambda: Monitoring(services, config=config),
            Agent.SCHEDULER: lambda: Scheduler(services, config=config),
            Agent.MAJORDOME: lambda: Majordome(services, wishes, config=config),
            Agent.ALERT_MANAGER: lambda: AlertManager(services, port=alert_port, config=config),
            Agent.WATCHER: lambda: Watcher(host, config=config, clock=services.clock),
        }
    )
    return host


def _present_or_coming(site: Site, clock: Clock) -> Sky:
    """Give the sky of the night under way, or of the coming one: after sunrise nobody wants the last."""
    now_s = clock.unix_s()
    sky = Sky(site, night_name(now_s, site))
    return sky if now_s < sky.night.sunrise_unix_s else Sky(site, night_name(now_s + _DAY_S, site))


def _night(store: Store, site: Site, sky: Sky) -> int:
    with store.session() as session:
        night = session.scalar(select(Night).where(Night.name == sky.name))
        if night is None:
            times = sky.night
            sunset, dusk, dawn, sunrise = (
                datetime.fromtimestamp(unix_s, UTC)
                for unix_s in (
                    times.sunset_unix_s,
                    times.dusk_unix_s,
                    times.dawn_unix_s,
                    times.sunrise_unix_s,
                )
            )
            night = Night(name=sky.name, sunset=sunset, dusk=dusk, dawn=dawn, sunrise=sunrise, site_id=site.id)
            session.add(night)
            session.flush()
        return night.id
