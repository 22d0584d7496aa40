"""Quantities at the edge, turned into the plain numbers that go over a wire."""

from __future__ import annotations

import math
from typing import Any

from astropy import units as u


def number_in(value: u.Quantity, unit: u.UnitBase, equivalencies: Any = ()) -> float:
    """Give a quantity as a plain number of a unit.

    :param equivalencies: astropy's, e.g. ``u.temperature()``
    :raises astropy.units.UnitConversionError: if it is of another unit, or a bare number
    :raises ValueError: if it is not finite
    """
    try:
        number = float(u.Quantity(value).to_value(unit, equivalencies))
    except u.UnitConversionError:
        wrong = f"is not in a unit like {unit}" if isinstance(value, u.Quantity) else "has no unit"
        raise u.UnitConversionError(f"{value} {wrong}: give a quantity in {unit}, such as 5 * u.{unit}") from None
    if not math.isfinite(number):
        raise ValueError(f"{value} is no finite quantity")
    return number
