"""A weather station, and a safety monitor, behind INDI.

A driver that is asked repeats its last values; only when it sets them by itself has it measured.  So readings here
carry the time at which the driver last set them, and grow old when its sensor falls silent.
"""

from __future__ import annotations

import math
from typing import Any

from astropy import units as u

from instruments.address import parse_address
from instruments.clock import Clock
from instruments.core import CoreInstrument
from instruments.indi.device import PORT, IndiDevice
from instruments.indi.table import Property, View
from instruments.reading import Reading
from instruments.weather import SafetyMonitor, SafetyState, WeatherState, WeatherStation

_PARAMETERS, _STATUS = "WEATHER_PARAMETERS", "WEATHER_STATUS"
# INDI's name → ours, the unit of INDI's drivers, ours
_QUANTITIES: dict[str, tuple[str, Any, Any]] = {
    "WEATHER_TEMPERATURE": ("temperature", u.deg_C, u.deg_C),
    "WEATHER_HUMIDITY": ("humidity", u.percent, u.percent),
    "WEATHER_PRESSURE": ("pressure", u.hPa, u.hPa),
    "WEATHER_BAROMETER": ("pressure", u.hPa, u.hPa),
    "WEATHER_WIND_SPEED": ("wind_speed", u.km / u.h, u.m / u.s),
    "WEATHER_WIND_GUST": ("wind_gust", u.km / u.h, u.m / u.s),
    "WEATHER_CLOUD_COVER": ("cloud", u.percent, u.percent),
}
_RAIN = ("WEATHER_RAIN_HOUR", "WEATHER_RAIN")


class IndiWeatherStation(CoreInstrument[WeatherState], WeatherStation):
    """Read the weather from an INDI driver.

    :param name: name of the device in the store
    :param address: ``indi://host:port/Device Name``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse_address(address, "indi", PORT)
        self._device: IndiDevice[WeatherState] = IndiDevice(
            name, where, clock, needs=(_PARAMETERS,), probes=(_PARAMETERS,), make_state=self._state
        )
        super().__init__(name, address, self._device)

    def _state(self, view: View) -> WeatherState:
        seen = view[_PARAMETERS]
        time = self._device.time_of(seen, said=True)
        readings: dict[str, Any] = {}
        for member, (name, theirs, ours) in _QUANTITIES.items():
            if _measured(seen, member):
                value = seen.number(member) if theirs is ours else float((seen.number(member) * theirs).to_value(ours))
                readings[name] = Reading(value, ours, time, self.name)
        rain = [seen.number(member) for member in _RAIN if _measured(seen, member)]
        if rain:
            readings["rain"] = Reading(max(rain) > 0, None, time, self.name)
        if not readings:
            raise ValueError(f"no value of {_PARAMETERS} is a number")
        return WeatherState(**readings)


def _measured(seen: Property, member: str) -> bool:
    """Tell whether the driver has a value: some say NaN of a sensor that is not there, or broken."""
    return math.isfinite(float(seen.values.get(member, math.nan)))


class IndiSafetyMonitor(CoreInstrument[SafetyState], SafetyMonitor):
    """Ask an INDI weather driver's lights: only when all are green it is safe; yellow is not.

    :param name: name of the device in the store
    :param address: ``indi://host:port/Device Name``
    :param clock: the observatory's
    """

    def __init__(self, name: str, address: str, clock: Clock) -> None:
        where = parse_address(address, "indi", PORT)
        self._device: IndiDevice[SafetyState] = IndiDevice(
            name, where, clock, needs=(_STATUS, _PARAMETERS), probes=(_PARAMETERS,), make_state=self._state
        )
        super().__init__(name, address, self._device)

    def _state(self, view: View) -> SafetyState:
        # The lights follow the values, which are set at each measurement; a driver does not repeat lights when asked.
        status, newest = view[_STATUS], max(view[_STATUS], view[_PARAMETERS], key=lambda seen: seen.said_s)
        time = self._device.time_of(newest, said=True)
        bad = ", ".join(f"{light} {state}" for light, state in status.values.items() if state not in ("Ok", "Idle"))
        safe = status.state == "Ok" and not bad
        return SafetyState(Reading(safe, None, time, self.name), "" if safe else bad or f"the status is {status.state}")
