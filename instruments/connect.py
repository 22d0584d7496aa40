"""Choose the back end of an instrument by its address."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from instruments.clock import Clock
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

_PYROS: dict[str, _Make] = {
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
}
# Packages with a class of this name for each kind, after their own name: loaded when the first address names them.
_OTHERS = {"indi": "Indi", "alpaca": "Alpaca"}
_CLASSES = {
    "telescope": "Telescope",
    "camera_vis": "Camera",
    "camera_nir": "Camera",
    "filter_wheel": "FilterWheel",
    "focuser": "Focuser",
    "rotator": "Rotator",
    "dome": "Dome",
    "weather_station": "WeatherStation",
    "safety_monitor": "SafetyMonitor",
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
    if scheme not in ("pyros", *_OTHERS):
        known = ", ".join(f"{s}://" for s in ("pyros", *_OTHERS))
        raise ValueError(f"{name}: no back end for {address!r}; an address begins with one of: {known}")
    kinds = _PYROS if scheme == "pyros" else _CLASSES
    if kind not in kinds:
        raise ValueError(f"{name}: the {scheme} back end has no {kind!r}; it has: {', '.join(kinds)}")
    make = _PYROS[kind] if scheme == "pyros" else _other(scheme, kind)
    try:
        return make(name, address, clock)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _other(scheme: str, kind: str) -> _Make:
    make: _Make = getattr(import_module(f"instruments.{scheme}"), _OTHERS[scheme] + _CLASSES[kind])
    return make
