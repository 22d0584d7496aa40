"""A device behind an INDI server, as the guardian knows it: a client of its own, of one thread and few words.

INDI names no limit switch: what the driver says of its shutter is what there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from pyros_kernel.safety.guardian.indi_link import IndiLink
from pyros_kernel.safety.guardian.patience import Said
from pyros_kernel.safety.guardian.ward import TIMEOUT_REAL_S, Measured

_PORT = 7624
_SHUTTER, _PARK, _TRACK, _COORD = "DOME_SHUTTER", "TELESCOPE_PARK", "TELESCOPE_TRACK_STATE", "EQUATORIAL_EOD_COORD"
_EXPOSURE, _PARAMETERS, _LIGHTS = "CCD_EXPOSURE", "WEATHER_PARAMETERS", "WEATHER_STATUS"
_ORDERS = {
    "close": (_SHUTTER, "SHUTTER_CLOSE"),
    "park": (_PARK, "PARK"),
    "abort": ("CCD_ABORT_EXPOSURE", "ABORT"),
}
# INDI's name → ours, and what makes our unit of the drivers'
_QUANTITIES = {
    "WEATHER_TEMPERATURE": ("temperature", 1.0),
    "WEATHER_HUMIDITY": ("humidity", 1.0),
    "WEATHER_PRESSURE": ("pressure", 1.0),
    "WEATHER_BAROMETER": ("pressure", 1.0),
    "WEATHER_WIND_SPEED": ("wind_speed", 1 / 3.6),
    "WEATHER_WIND_GUST": ("wind_gust", 1 / 3.6),
    "WEATHER_CLOUD_COVER": ("cloud", 1.0),
}
_RAIN = ("WEATHER_RAIN_HOUR", "WEATHER_RAIN")


class IndiWard:
    """Ask and command an INDI driver.

    :param address: ``indi://host:port/Device Name``
    :param now_s: tells the observatory's time, unix seconds
    :raises ValueError: if the address is malformed
    """

    def __init__(self, name: str, address: str, now_s: Callable[[], float]) -> None:
        parts = urlsplit(address)
        device = unquote(parts.path.strip("/"))
        if parts.scheme != "indi" or not parts.hostname or not device:
            raise ValueError(f"{name}: {address!r} is no indi://host:port/Device Name")
        self.name = name
        self._link = IndiLink(name, (parts.hostname, parts.port or _PORT), device, now_s, TIMEOUT_REAL_S)

    @property
    def silent_since_s(self) -> float | None:
        """Since when it does not answer (``time.monotonic()``); None if it does."""
        return self._link.silent_since_s

    def shutter(self, *, urgent: bool) -> tuple[str, bool]:
        """Give a dome's word for its shutter, and whether the driver says closed."""
        (seen,) = self._link.ask(_SHUTTER, urgent=urgent)
        opens, closes = seen.on("SHUTTER_OPEN"), seen.on("SHUTTER_CLOSE")
        if seen.state == "Busy":
            return "opening" if opens else "closing", False
        if seen.state == "Alert" or opens == closes:
            return "unknown", False
        return "open" if opens else "closed", closes

    def motion(self, *, urgent: bool) -> str:
        """Give a telescope's motion."""
        park, track, coord = self._link.ask(_PARK, _TRACK, _COORD, urgent=urgent)
        if park.on("PARK"):
            return "parking" if park.state == "Busy" else "parked"
        if coord.state == "Busy":
            return "slewing"
        return "tracking" if track.on("TRACK_ON") else "idle"

    def exposes(self) -> bool:
        """Tell whether a camera exposes."""
        return self._link.ask(_EXPOSURE)[0].state == "Busy"

    def weather(self) -> Measured:
        """Read a weather station: a driver that is asked repeats itself, so the time is that of its last own word."""
        (seen,) = self._link.ask(_PARAMETERS)
        found: dict[str, tuple[float | bool, float]] = {}
        for member, (quantity, factor) in _QUANTITIES.items():
            if math.isfinite(value := seen.number(member)):
                found[quantity] = value * factor, seen.said_s
        rain = [value for member in _RAIN if math.isfinite(value := seen.number(member))]
        if rain:
            found["rain"] = max(rain) > 0, seen.said_s
        if not found:
            raise Said(f"{self.name}: no value of {_PARAMETERS} is a number")
        return found

    def safety(self) -> tuple[bool, str, float]:
        """Give what a safety monitor says: only when all lights are green it is safe."""
        # A driver that is asked does not repeat its lights; they follow the values, which it does repeat.
        parameters, lights = self._link.ask(_PARAMETERS, _LIGHTS)
        bad = ", ".join(f"{light} {state}" for light, state in lights.values.items() if state not in ("Ok", "Idle"))
        safe = lights.state == "Ok" and not bad
        return safe, "" if safe else bad or f"the status is {lights.state}", max(lights.said_s, parameters.said_s)

    def obey(self, order: str) -> float | None:
        """Do ``close``, ``park`` or ``abort``; an INDI driver does not say how long that takes."""
        self._link.switch(*_ORDERS[order])
        return None

    def tell_watchdog(self, command: str) -> None:
        """Do nothing: INDI's domes have no watchdog that a client can feed."""

    def close(self) -> None:
        """Give the connection back."""
        self._link.close()
