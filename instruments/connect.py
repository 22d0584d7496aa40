"""Choose the back end of an instrument by its address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from instruments.alpaca import (
    AlpacaCamera,
    AlpacaDome,
    AlpacaFilterWheel,
    AlpacaFocuser,
    AlpacaRotator,
    AlpacaSafetyMonitor,
    AlpacaTelescope,
    AlpacaWeatherStation,
)
from instruments.clock import Clock
from instruments.indi import (
    IndiCamera,
    IndiDome,
    IndiFilterWheel,
    IndiFocuser,
    IndiRotator,
    IndiSafetyMonitor,
    IndiTelescope,
    IndiWeatherStation,
)
from instruments.instrument import Instrument
from instruments.pyros.camera import PyrosCamera
from instruments.pyros.dome import PyrosDome
from instruments.pyros.filter_wheel import PyrosFilterWheel
from instruments.pyros.focuser import PyrosFocuser
from instruments.pyros.plc import PyrosPlc
from instruments.pyros.rotator import PyrosRotator
from instruments.pyros.telescope import PyrosTelescope
from instruments.pyros.weather import PyrosSafetyMonitor, PyrosWeatherStation

_Make = Callable[[str, str, Clock], Instrument[Any]]

_BACK_ENDS: dict[str, dict[str, _Make]] = {
    "pyros": {
        "telescope": PyrosTelescope,
        "camera_vis": PyrosCamera,
        "camera_nir": PyrosCamera,
        "filter_wheel": PyrosFilterWheel,
        "focuser": PyrosFocuser,
        "rotator": PyrosRotator,
        "dome": PyrosDome,
        "plc": PyrosPlc,
        "weather_station": PyrosWeatherStation,
        "safety_monitor": PyrosSafetyMonitor,
    },
    "indi": {
        "telescope": IndiTelescope,
        "camera_vis": IndiCamera,
        "camera_nir": IndiCamera,
        "filter_wheel": IndiFilterWheel,
        "focuser": IndiFocuser,
        "rotator": IndiRotator,
        "dome": IndiDome,
        "weather_station": IndiWeatherStation,
        "safety_monitor": IndiSafetyMonitor,
    },
    "alpaca": {
        "telescope": AlpacaTelescope,
        "camera_vis": AlpacaCamera,
        "camera_nir": AlpacaCamera,
        "filter_wheel": AlpacaFilterWheel,
        "focuser": AlpacaFocuser,
        "rotator": AlpacaRotator,
        "dome": AlpacaDome,
        "weather_station": AlpacaWeatherStation,
        "safety_monitor": AlpacaSafetyMonitor,
    },
}


def open_instrument(kind: str, name: str, address: str, clock: Clock) -> Instrument[Any]:
    """Make the instrument that an address names; it is not connected yet.

    :param kind: ``telescope``, ``camera_vis``, ``camera_nir``, ``filter_wheel``, ``focuser``, ``rotator``, ``dome``,
        ``plc``, ``weather_station`` or ``safety_monitor``
    :param name: name of the device in the store
    :param address: e.g. ``pyros://127.0.0.1:11110/TELESCOPE``, ``indi://127.0.0.1/Telescope Simulator`` or
        ``alpaca://127.0.0.1/telescope/0``
    :param clock: the observatory's
    :raises ValueError: if no back end has this scheme or kind, or the address is malformed
    """
    scheme = urlsplit(address).scheme
    kinds = _BACK_ENDS.get(scheme)
    if kinds is None:
        known = ", ".join(f"{s}://" for s in _BACK_ENDS)
        raise ValueError(f"{name}: no back end for {address!r}; an address begins with one of: {known}")
    make = kinds.get(kind)
    if make is None:
        raise ValueError(f"{name}: the {scheme} back end has no {kind!r}; it has: {', '.join(kinds)}")
    try:
        return make(name, address, clock)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
