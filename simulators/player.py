"""Let the events of scenarios happen, each at its time by the shared clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from instruments.clock import Clock
from instruments.pyros.grammar import grammar
from instruments.pyros.scenario import Scenario
from simulators.config import Site
from simulators.device import Refusal
from simulators.plc import SimulatedPlc, SimulatedWeatherStation
from simulators.sensors import TROUBLES, Sensors
from simulators.server import DevicePort
from simulators.view import Air
from simulators.weather import CONTACTS, QUANTITIES, Value, Weather

logger = logging.getLogger(__name__)

_SKY = {"seeing": (0.1, 30.0), "transparency": (0.0, 1.0)}
FAULTS = next(f.choices for f in grammar().entries["SIMULATOR", "DO", "FAULT"].fields if f.name == "fault")


def sensors_of(port: DevicePort) -> Sensors | None:
    """Give a device's sensors, if it has any."""
    return port.device.sensors if isinstance(port.device, SimulatedPlc | SimulatedWeatherStation) else None


class Player:
    """Plan events, and let them happen.

    :param clock: the shared clock
    :param weather: of the site
    :param air: over the site
    :param ports: the devices' ports by name; filled by the host
    :param site: gives the local time
    """

    def __init__(self, clock: Clock, weather: Weather, air: Air, ports: Mapping[str, DevicePort], site: Site) -> None:
        self._clock, self._weather, self._air, self._ports, self._site = clock, weather, air, ports, site
        self._planned: set[asyncio.TimerHandle] = set()

    @property
    def left(self) -> int:
        """How many events are still to come."""
        return len(self._planned)

    @property
    def longitude_deg(self) -> float:
        """Of the site, east."""
        return self._site.longitude_deg

    def play(self, scenario: Scenario) -> None:
        """Plan all events of a scenario that begins now; needs a running event loop.

        :raises ValueError: if an event is about something that is not here
        """
        now = self._clock.unix_s()
        try:
            for event in scenario.events:
                word = event.word
                self._act(event.key, word, event.ramp_s)  # checked before anything is planned
                self._plan(event.delay_s(now, self.longitude_deg), event.key, word, event.ramp_s)
        except Refusal as refusal:
            self.clear()
            raise ValueError(f"scenario {scenario.name}: {refusal.text}") from None

    def plan(self, delay_s: float, key: str, word: float | str, ramp_s: float) -> None:
        """Plan one event.

        :param key: what happens; see ``scenario.schema.json``
        :param word: the value, ``auto`` to end what an earlier event did
        :raises Refusal: if it is about something that is not here
        """
        self._act(key, word, ramp_s)
        self._plan(delay_s, key, word, ramp_s)

    def _plan(self, delay_s: float, key: str, word: float | str, ramp_s: float) -> None:
        def now() -> None:
            self._planned.discard(timer)
            logger.info("scenario: %s = %s", key, word)
            self._act(key, word, ramp_s)()

        timer = asyncio.get_running_loop().call_later(delay_s / self._clock.speed, now)
        self._planned.add(timer)

    def clear(self) -> None:
        """Forget what is still to come, and end what was."""
        for timer in self._planned:
            timer.cancel()
        self._planned.clear()
        self._weather.forced.free()
        self._air.forced.free()
        for port in self._ports.values():
            sensors = sensors_of(port)
            if sensors is not None:
                sensors.heal()

    def _act(self, key: str, word: float | str, ramp_s: float) -> Callable[[], object]:
        """Find what an event does; nothing happens yet."""
        subject, _, rest = key.partition(".")
        name, _, sensor = rest.partition(".")
        if subject == "weather" and not sensor:
            return self._weather_event(name, word, ramp_s)
        if subject == "sky" and not sensor:
            return self._sky_event(name, word, ramp_s)
        port = self._ports.get(subject)
        if port is None:
            raise Refusal("refused", f"{key}: no device {subject!r} is simulated here")
        if name == "fault" and not sensor:
            if word == "auto":
                return port.heal
            if word not in FAULTS:
                raise Refusal("range", f"{key}: no fault {word!r}; there are {', '.join(FAULTS)}")
            return lambda: port.spoil(str(word), None, 0)
        sensors = sensors_of(port)
        if sensors is None or name not in sensors.names or sensor not in ("", "sensor"):
            raise Refusal("refused", f"{key}: {subject} measures no {name!r}")
        if sensor:
            if word not in (*TROUBLES, "auto"):
                raise Refusal("range", f"{key}: a sensor is {' or '.join(TROUBLES)}, or auto, not {word}")
            return lambda: sensors.trouble(name, None if word == "auto" else str(word))
        value = value_of(name, word)
        return lambda: sensors.force(name, value, ramp_s)

    def _weather_event(self, name: str, word: float | str, ramp_s: float) -> Callable[[], object]:
        value = value_of(name, word)
        if value is None:
            return lambda: self._weather.forced.free(name)
        return lambda: self._weather.force(name, value, self._clock.unix_s(), ramp_s)

    def _sky_event(self, name: str, word: float | str, ramp_s: float) -> Callable[[], object]:
        if name not in _SKY:
            raise Refusal("refused", f"sky.{name}: the sky has {', '.join(_SKY)}")
        if word == "auto":
            return lambda: self._air.forced.free(name)
        low, high = _SKY[name]
        if isinstance(word, str) or not low <= word <= high:
            raise Refusal("range", f"sky.{name} must lie within {low:g} to {high:g}, not {word}")
        return lambda: self._force_sky(name, word, ramp_s)

    def _force_sky(self, name: str, value: float, ramp_s: float) -> None:
        now = self._clock.unix_s()
        old = self._air.seeing_arcsec(now) if name == "seeing" else self._air.transparency(now)
        self._air.forced.force(name, value, old, now, ramp_s)


def value_of(name: str, word: float | str) -> Value | None:
    """Read a value of the weather from its word; None for ``auto``.

    :raises Refusal: if the weather has no such quantity, or the word is of another kind
    """
    if name not in (*QUANTITIES, *CONTACTS):
        raise Refusal("refused", f"the weather has no {name!r}")
    if word == "auto":
        return None
    if (name in CONTACTS) != (word in ("true", "false")) or (name not in CONTACTS and isinstance(word, str)):
        kind = "true or false" if name in CONTACTS else "a number"
        raise Refusal("range", f"{name} takes {kind}, or auto, not {word}")
    return word == "true" if isinstance(word, str) else float(word)
