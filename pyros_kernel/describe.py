"""Instrument states in words and plain values, for people, the store and the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from astropy import units as u
from astropy.coordinates import SkyCoord

from instruments import Reading
from pyros_kernel.clock import to_unix_s


def readings_of(state: object) -> Iterator[tuple[str, Reading[Any]]]:
    """Give the readings of an instrument's state by name."""
    if is_dataclass(state):
        for item in fields(state):
            value = getattr(state, item.name)
            if isinstance(value, Reading):
                yield item.name, value


def words(state: object) -> dict[str, str]:
    """Describe a state: label → text, as a panel shows it."""
    return {_label(name, reading): _text(reading) for name, reading in readings_of(state)}


def plain(state: object) -> dict[str, Any]:
    """Describe a state in JSON's own types, for the store."""
    return {name: _plain(reading.value) for name, reading in readings_of(state)}


def numbers(state: object) -> dict[str, float]:
    """Give the numbers of a state, in its readings' own units."""
    return {name: float(r.value) for name, r in readings_of(state) if isinstance(r.value, int | float)}


def read_s(state: object) -> float:
    """Tell when the oldest reading of a state was made (unix seconds)."""
    return min(to_unix_s(reading.time) for _, reading in readings_of(state))


def _label(name: str, reading: Reading[Any]) -> str:
    return "RA, Dec (ICRS)" if isinstance(reading.value, SkyCoord) else name.replace("_", " ")


def _text(reading: Reading[Any]) -> str:
    value = reading.value
    if isinstance(value, SkyCoord):
        return str(value.icrs.to_string("hmsdms", sep=":", precision=0)).replace("-", "\N{MINUS SIGN}")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        unit = "" if reading.unit is None else _unit(reading.unit)
        return f"{value:.1f}{unit}".replace("-", "\N{MINUS SIGN}")
    return str(value)


def _unit(unit: u.UnitBase) -> str:
    short = {"deg": "°", "%": " %", "deg_C": " °C"}
    text = unit.to_string()
    return short.get(text, f" {text.replace(' / ', '/')}")


def _plain(value: Any) -> object:
    if isinstance(value, SkyCoord):
        return [float(value.icrs.ra.deg), float(value.icrs.dec.deg)]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return str(value)
