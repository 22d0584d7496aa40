"""Where a packet says that something happened, and whether that may be believed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyros_kernel.alerts.streams import Kind
from pyros_kernel.alerts.tree import Element, child, within

# Error circles from this radius on hold the whole sky: the sender did not know.
WHOLE_SKY_DEG = 180.0
NOT_A_SOURCE = {
    "pointing_direction": "the position is where the spacecraft points, not where the event is",
    "unavailable/inappropriate": "the packet says itself that its position is unavailable",
}
_DEGREES = {"deg", "deg-deg", "deg deg", "degree", "degrees"}
_IN_DEG = dict.fromkeys(_DEGREES, 1.0) | {"arcmin": 1 / 60, "arcsec": 1 / 3600}


@dataclass(frozen=True, slots=True)
class Position:
    """A position as the packet tells it, in degrees, believed or not.

    FK5 (J2000) and ICRS lie within 0.1 arcsec of each other and are taken as one.

    :param problem: why nothing may be pointed at it; empty if it is good
    """

    ra_deg: float | None
    dec_deg: float | None
    error_deg: float | None
    problem: str


def read_position(root: Element, coords_string: str, kind: Kind) -> Position:
    """Read and judge the position of a VOEvent.

    :param coords_string: the Param of this name, with which GCN tells what its position is
    :param kind: what the packet tells
    """
    where = child(root, "WhereWhen")
    found = None if where is None else within(where, "ObservationLocation", "Position2D")
    if found is None:
        return Position(None, None, None, "the packet has no position")
    value = child(found, "Value2")
    axes = [None, None] if value is None else [child(value, "C1"), child(value, "C2")]
    ra_text, dec_text = (None if axis is None else (axis.text or "").strip() for axis in axes)
    ra_deg, dec_deg = _number(ra_text), _number(dec_text)
    unit = (found.get("unit") or "deg").strip()
    error_deg = _error_deg(found, unit)
    units = {unit if axis is None else axis.get("pos_unit", unit).strip() for axis in axes}
    if ra_deg is None or dec_deg is None:
        problem = f"the position ({ra_text}, {dec_text}) is not a number"
    elif not units <= _DEGREES:
        problem = f"the position is in {', '.join(sorted(units))}, only degrees are understood"
    else:
        problem = _problem(ra_deg, dec_deg, error_deg) or NOT_A_SOURCE.get(coords_string, "")
        if not problem and kind is Kind.POINTING:
            problem = NOT_A_SOURCE["pointing_direction"]
    return Position(ra_deg, dec_deg, error_deg, problem)


def _error_deg(found: Element, unit: str) -> float | None:
    """Give the error radius, or, of an ellipse (VOEvent 2.1), the larger half axis; in degrees."""
    ellipse = child(found, "Error2")
    parts = [child(found, "Error2Radius")]
    if ellipse is not None:
        parts += [child(ellipse, "C1"), child(ellipse, "C2")]
    sizes = [
        size * _IN_DEG.get(part.get("pos_unit", unit).strip(), 1.0)
        for part in parts
        if part is not None and (size := _number((part.text or "").strip())) is not None
    ]
    return max(sizes, default=None)


def judge(ra_deg: float | None, dec_deg: float | None, error_deg: float | None, text: str) -> Position:
    """Judge a position in degrees.

    :param text: how it was written, for people
    """
    if ra_deg is None or dec_deg is None:
        return Position(ra_deg, dec_deg, error_deg, f"the position {text[:80]} is not a number")
    return Position(ra_deg, dec_deg, error_deg, _problem(ra_deg, dec_deg, error_deg))


def _problem(ra_deg: float, dec_deg: float, error_deg: float | None) -> str:
    if not (0 <= ra_deg < 360 and -90 <= dec_deg <= 90):
        return f"the position ({ra_deg}, {dec_deg}) is out of range"
    if ra_deg == 0 and dec_deg == 0:
        return "the position (0, 0) is a placeholder"
    if error_deg is not None and not 0 <= error_deg < WHOLE_SKY_DEG:
        return f"an error radius of {error_deg} degrees says that the position is not known"
    return ""


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
