"""How a recipe's argument is read: from an object, from text, or from JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from pyros_kernel.recipes.errors import BadArgument
from pyros_kernel.recipes.target import Target, find_target
from pyros_kernel.store import Store

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Parameter(Protocol):
    """What of a recipe's parameter its reader needs."""

    @property
    def name(self) -> str:
        """The parameter's name."""
        ...

    @property
    def unit(self) -> str:
        """Of a quantity."""
        ...

    @property
    def choices(self) -> tuple[str, ...]:
        """Of a choice."""
        ...

    @property
    def type(self) -> Any:
        """The Enum of a choice, or None."""
        ...


def _quantity(field: Parameter, value: Any, _store: Store | None) -> u.Quantity:
    quantity = u.Quantity(value)
    if quantity.unit == u.dimensionless_unscaled and not quantity.unit.is_equivalent(u.Unit(field.unit)):
        raise BadArgument(f"{field.name}: {value!r} has no unit; write it with one, e.g. '{value} {field.unit}'")
    if not quantity.isscalar or not math.isfinite(float(quantity.value)):
        raise BadArgument(f"{field.name}: {value!r} must be one finite quantity")
    if not quantity.unit.is_equivalent(u.Unit(field.unit)):
        raise BadArgument(f"{field.name}: {value!r} is not in a unit like {field.unit}")
    return quantity


def _integer(field: Parameter, value: Any, _store: Store | None) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise BadArgument(f"{field.name}: {value!r} is no whole number")
    return int(value)


def _number(field: Parameter, value: Any, _store: Store | None) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise BadArgument(f"{field.name}: {value!r} is no number")
    return number


def _flag(field: Parameter, value: Any, _store: Store | None) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().casefold()
    if word not in _TRUE + _FALSE:
        raise BadArgument(f"{field.name}: {value!r} is neither yes nor no")
    return word in _TRUE


def _text(field: Parameter, value: Any, _store: Store | None) -> str:
    if not isinstance(value, str):
        raise BadArgument(f"{field.name}: {value!r} is no text")
    return value


def _choice(field: Parameter, value: Any, _store: Store | None) -> Any:
    word = str(value.value if isinstance(value, Enum) else value)
    for choice in field.choices:
        if choice.casefold() == word.casefold():
            return choice if field.type is None else field.type(choice)
    raise BadArgument(f"{field.name}: {word!r} is none of {', '.join(field.choices)}")


def _target(field: Parameter, value: Any, store: Store | None) -> Target:
    match value:
        case Target():
            return value
        case SkyCoord():
            return Target.of(value)
        case {"name": str(name), "ra_deg": ra_deg, "dec_deg": dec_deg}:
            return Target(name, float(ra_deg), float(dec_deg))
        case str():
            try:
                return find_target(value, store)
            except BadArgument as error:
                raise BadArgument(f"{field.name}: {error}") from None
        case _:
            raise BadArgument(f"{field.name}: {value!r} is no target")


def _coordinates(field: Parameter, value: Any, store: Store | None) -> SkyCoord:
    return _target(field, value, store).coord


def _time(field: Parameter, value: Any, _store: Store | None) -> Time:
    return Time(value, scale="utc")


def _texts(field: Parameter, value: Any, _store: Store | None) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    return tuple(str(item).strip() for item in items if str(item).strip())


READERS: dict[str, Callable[[Parameter, Any, Store | None], Any]] = {
    "quantity": _quantity,
    "integer": _integer,
    "number": _number,
    "flag": _flag,
    "text": _text,
    "choice": _choice,
    "target": _target,
    "coordinates": _coordinates,
    "time": _time,
    "texts": _texts,
}
