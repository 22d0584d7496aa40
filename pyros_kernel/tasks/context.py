"""What a worker needs to know of the running observatory, and the services it opens for itself from that.

The observatory writes ``observatory.json`` into its data directory when it starts; a worker's tasks open the
same store and their own links to the same instruments, on the same clock.  Without that file (a worker on
another machine) simulators say where they are and what time it is, if PYROS_SIMULATORS names them; real instruments
are where the store's rows say, and the clock is the system's.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select

from pyros_kernel.clock import Clock
from pyros_kernel.devices import Devices
from pyros_kernel.images import ImageArchive, star_source
from pyros_kernel.logbook import Logbook
from pyros_kernel.safety import SafetyWatch, read_rules
from pyros_kernel.scheduling import Sky, night_name
from pyros_kernel.services import Services
from pyros_kernel.settings import Settings
from pyros_kernel.simulation import SimulatorsAway, SimulatorsElsewhere, find_simulators
from pyros_kernel.store import Device, Night, Site, Store
from pyros_kernel.tasks import place
from pyros_kernel.tasks.abort import at_rest

logger = logging.getLogger(__name__)

FILE_NAME = "observatory.json"


class NoNight(Exception):
    """The store knows no such night: start the observatory once, which makes it."""


@dataclass(frozen=True, slots=True)
class Context:
    """A running observatory.

    :param clock: its clock, in the words of :meth:`Clock.to_words`
    :param night_name: empty for the night of the clock
    :param addresses: name → address of devices that are not where their rows say
    """

    clock: str
    night_id: int
    night_name: str
    addresses: dict[str, str]


def write_context(services: Services, addresses: Mapping[str, str]) -> Callable[[], None]:
    """Tell the workers about the observatory that was started.

    :param addresses: as given to its devices
    :return: what takes it back when the observatory stops
    """
    context = Context(services.clock.to_words(), services.night_id, services.night_name, dict(addresses))
    path = services.settings.data / FILE_NAME
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(context)), encoding="utf-8")
    part.replace(path)

    def take_back() -> None:
        path.unlink(missing_ok=True)

    return take_back


def read_context(data: Path) -> Context | None:
    """Read about the observatory of a data directory; None if none is running there."""
    try:
        return Context(**json.loads((data / FILE_NAME).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


class Finder:
    """Find the observatory that this process works for, again and again."""

    def __init__(self) -> None:
        self._simulators: SimulatorsElsewhere | None = None

    def find(self, settings: Settings, store: Store) -> Context | None:
        """Look once; the same answer while it is the same observatory.

        :return: None for real instruments, where the store's rows say
        :raises SimulatorsAway: if simulators are to be used that never answered yet
        """
        context = read_context(settings.data)
        if context is not None or not settings.simulators:
            return context
        try:
            found = find_simulators(settings.simulators, store)
        except SimulatorsAway:
            if self._simulators is None:
                raise
            found = self._simulators  # each device says by itself that it can't be reached
        if self._simulators is None or not found.same_as(self._simulators):
            self._simulators = found
        return Context(self._simulators.clock.to_words(), 0, "", self._simulators.addresses)


class _Opened:
    """The services of this process, opened anew when the observatory was."""

    def __init__(self) -> None:
        self.finder = Finder()
        self.context: Context | None = None
        self.services: Services | None = None


_opened = _Opened()


def let_go() -> None:
    """Close this worker's links; its next task that needs instruments opens them again."""
    if _opened.services is not None:
        _opened.services.devices.disconnect()


def services() -> Services:
    """Give this worker's services, with every device asked how it is.

    :raises NoNight: if neither the observatory nor the store says which night it is
    :raises SimulatorsAway: if PYROS_SIMULATORS names some that never answered yet
    """
    settings = place.settings()
    context = _opened.finder.find(settings, place.store())
    if _opened.services is None or context != _opened.context:
        let_go()
        _opened.services, _opened.context = open_for(settings, place.store(), context), context
        at_rest(let_go)
    for name in _opened.services.devices.members:
        _opened.services.devices.refresh(name)
    return _opened.services


def open_for(settings: Settings, store: Store, context: Context | None) -> Services:
    """Open services beside those of the running observatory: the same store, own links to the same instruments.

    :param context: of the running observatory; None for real instruments, where their rows say
    :raises NoNight: if neither the observatory nor the store says which night it is
    """
    clock = Clock() if context is None else Clock.from_words(context.clock)
    with store.session(read_only=True) as session:
        site = session.scalar(select(Site))
        if site is None:
            raise NoNight("the store knows no site yet: start the observatory, which makes it")
        rows = session.scalars(select(Device).order_by(Device.id)).all()
        name = (context and context.night_name) or night_name(clock.unix_s(), site)
        night = session.scalar(select(Night).where(Night.name == name))
    if night is None:
        raise NoNight(f"the store knows no night {name}: start the observatory, which makes it")
    # Nobody feeds this watch, so its verdict is unknown and never safe: a worker opens no dome.
    safety = SafetyWatch(read_rules(), clock)
    logger.info("services for night %s, %s", name, "real instruments" if context is None else "as the observatory's")
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        site=site,
        devices=Devices(
            rows,
            clock,
            safety.verdict,
            {} if context is None else context.addresses,
            place=(site.latitude_deg, site.longitude_deg),
        ),
        safety=safety,
        archive=ImageArchive(settings.data),
        sky=Sky(site, name),
        logbook=Logbook(clock, settings.data / "log" / "tasks.log"),  # not opened: a worker has a log of its own
        night_id=night.id,
        night_name=name,
        started=(clock.unix_s(), time.monotonic()),
        stars=star_source(settings.data, "" if context is None else context.addresses.get("simulator", "")),
    )


@dataclass(frozen=True, slots=True)
class StoreOnly:
    """What an analysis needs: no instrument."""

    store: Store
    settings: Settings

    @classmethod
    def here(cls) -> StoreOnly:
        """Give this process's."""
        return cls(place.store(), place.settings())
