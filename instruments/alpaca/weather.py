"""A weather station, and a safety monitor, behind Alpaca."""

from __future__ import annotations

from typing import Any

from alpaca.observingconditions import ObservingConditions
from alpaca.safetymonitor import SafetyMonitor as AscomSafetyMonitor
from astropy import units as u
from astropy.time import Time

from instruments.alpaca.connection import Status
from instruments.alpaca.device import AlpacaDevice, optional, parse
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.reading import Reading
from instruments.weather import SafetyMonitor, SafetyState, WeatherState, WeatherStation

# ours → Alpaca's name, and the unit, which both have
_QUANTITIES: dict[str, tuple[str, Any]] = {
    "temperature": ("Temperature", u.deg_C),
    "humidity": ("Humidity", u.percent),
    "pressure": ("Pressure", u.hPa),
    "wind_speed": ("WindSpeed", u.m / u.s),
    "wind_gust": ("WindGust", u.m / u.s),
    "cloud": ("CloudCover", u.percent),
    "rain": ("RainRate", None),
}


class AlpacaWeatherStation(CoreInstrument[WeatherState], WeatherStation):
    """Read the weather from a device that speaks ASCOM Alpaca.

    :param name: name of the device in the store
    :param address: ``alpaca://host:port/observingconditions/0``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: AlpacaDevice[WeatherState] = AlpacaDevice(
            name,
            parse(address),
            clock,
            "observingconditions",
            make=ObservingConditions,
            read=_read,
            make_state=self._state,
        )
        super().__init__(name, address, self._device)

    def _state(self, status: Status) -> WeatherState:
        readings: dict[str, Any] = {}
        for name, (_, unit) in _QUANTITIES.items():
            if status.get(name) is not None:
                value, age_s = status[name]
                time = Time(status["time"] - age_s, format="unix", scale="utc")
                readings[name] = Reading(float(value) if unit is not None else float(value) > 0, unit, time, self.name)
        return WeatherState(**readings)


class AlpacaSafetyMonitor(CoreInstrument[SafetyState], SafetyMonitor):
    """Ask a safety monitor that speaks ASCOM Alpaca; it gives no reasons.

    :param name: name of the device in the store
    :param address: ``alpaca://host:port/safetymonitor/0``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        self._device: AlpacaDevice[SafetyState] = AlpacaDevice(
            name,
            parse(address),
            clock,
            "safetymonitor",
            make=AscomSafetyMonitor,
            read=lambda monitor: {"safe": monitor.IsSafe is True},
            make_state=self._state,
        )
        super().__init__(name, address, self._device)

    def _state(self, status: Status) -> SafetyState:
        return SafetyState(Reading(status["safe"], None, self._device.time_of(status), self.name))


def _read(station: Any) -> Status:
    return {name: _sensor(station, theirs) for name, (theirs, _) in _QUANTITIES.items()}


def _sensor(station: Any, name: str) -> tuple[float, float] | None:
    """Give a sensor's value and how old it is in seconds."""
    value = optional(lambda: getattr(station, name))
    if value is None:
        return None
    age_s = optional(lambda: station.TimeSinceLastUpdate(name))
    return float(value), max(float(age_s or 0.0), 0.0)
