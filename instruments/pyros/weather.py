"""A weather station, and a PLC that is asked whether it is safe, behind a PyROS line."""

from __future__ import annotations

from typing import Any

from astropy import units as u

from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.pyros.device import Device, Status, time_of
from instruments.reading import Reading
from instruments.weather import SafetyMonitor, SafetyState, WeatherState, WeatherStation

_UNITS: dict[str, Any] = {
    "temperature": u.deg_C,
    "humidity": u.percent,
    "pressure": u.hPa,
    "wind_speed": u.m / u.s,
    "wind_gust": u.m / u.s,
    "rain": None,
    "cloud": u.percent,
}


class PyrosWeatherStation(CoreInstrument[WeatherState], WeatherStation):
    """Read a weather station that speaks the PyROS language.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/WEATHER_STATION``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: Device[WeatherState] = Device(name, address, clock, self._state, get="WEATHER")
        super().__init__(name, address, self._device)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Do nothing: reading the weather moves nothing."""

    def _state(self, status: Status) -> WeatherState:
        readings: dict[str, Any] = {}
        for name, unit in _UNITS.items():
            value, time = status[name]["value"], time_of(status[name]["time"])
            readings[name] = Reading(bool(value) if unit is None else float(value), unit, time, self.name)
        return WeatherState(**readings)


class PyrosSafetyMonitor(CoreInstrument[SafetyState], SafetyMonitor):
    """Ask a PLC that speaks the PyROS language whether it is safe to be open.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/PLC``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: Device[SafetyState] = Device(name, address, clock, self._state, get="SAFETY")
        super().__init__(name, address, self._device)

    def abort(self, reason: str = "aborted by hand") -> None:
        """Do nothing: asking moves nothing."""

    def _state(self, status: Status) -> SafetyState:
        safe = Reading(status["safe"] is True, None, time_of(status["time"]), self.name)
        return SafetyState(safe, "; ".join(status["reasons"]))
