"""Cover more sky than one field: a mosaic, or the error circle of an alert."""

from __future__ import annotations

import math
from typing import Any

from astropy import units as u
from sqlalchemy import select

from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.recipe import recipe
from pyros_kernel.recipes.standard.frames import Degrees, Seconds
from pyros_kernel.recipes.standard.observe import filters_of, observe_once
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.store import Alert, Channel

_MOST_TILES = 200


@recipe(needs=Needs.SKY)
def mosaic(
    steps: Steps,
    target: Target,
    columns: int = 2,
    rows: int = 2,
    exposure: Seconds = 30 * u.s,
    overlap: float = 0.1,
    vis_filter: str | None = "r",
    nir_filter: str | None = None,
) -> dict[str, Any]:
    """Cover a rectangle around a target with fields of the smallest camera used, row by row, back and forth.

    :param columns: fields from west to east
    :param rows: fields from south to north
    :param overlap: of neighbouring fields, as a fraction of a field
    """
    steps.require("overlap", "" if 0 <= overlap < 0.9 else f"overlap must be 0 to 0.9, got {overlap:g}")
    many = columns * rows
    fits = columns >= 1 and rows >= 1 and many <= _MOST_TILES
    steps.require("tiles", "" if fits else f"1 to {_MOST_TILES} fields, got {columns} × {rows}")
    step_arcsec = _field_arcsec(steps, filters_of(vis_filter, nir_filter)) * (1 - overlap)
    places = [
        ((x if y % 2 == 0 else columns - 1 - x) - (columns - 1) / 2, y - (rows - 1) / 2)
        for y in range(rows)
        for x in range(columns)
    ]
    tiles = [target.moved(x * step_arcsec, y * step_arcsec) for x, y in places]
    return _tiles(steps, tiles, exposure, filters_of(vis_filter, nir_filter))


@recipe(needs=Needs.SKY)
def follow_alert(
    steps: Steps,
    alert: int,
    exposure: Seconds = 60 * u.s,
    radius: Degrees | None = None,
    overlap: float = 0.1,
    vis_filter: str | None = "r",
    nir_filter: str | None = "J",
) -> dict[str, Any]:
    """Cover the error circle of an alert with fields, from its centre outwards; sky maps are not read.

    :param alert: its number in the store
    :param radius: of the circle, instead of the alert's own
    :param overlap: of neighbouring fields, as a fraction of a field
    """
    with steps.services.store.session(read_only=True) as session:
        row = session.scalar(select(Alert).where(Alert.id == alert))
    if row is None or row.ra_deg is None or row.dec_deg is None:
        steps.require("alert", f"there is no alert {alert}" if row is None else f"alert {alert} has no position")
        return {"tiles": []}
    radius_deg = float(radius.to_value(u.deg)) if radius is not None else float(row.error_deg or 0.0)
    centre = Target(f"alert {row.trigger_id or row.id}", row.ra_deg, row.dec_deg)
    filters = filters_of(vis_filter, nir_filter)
    places = tiles_of_circle(radius_deg * 3600, _field_arcsec(steps, filters), overlap)
    why = f"{len(places)} fields would be needed for {radius_deg:.2f}°; {_MOST_TILES} at most: give a smaller radius"
    steps.require("tiles", why if len(places) > _MOST_TILES else "")
    return _tiles(steps, [centre.moved(x, y) for x, y in places], exposure, filters)


def tiles_of_circle(radius: float, field: float, overlap: float) -> list[tuple[float, float]]:
    """Cover a circle with squares, those nearest to its centre first.

    :param radius: of the circle, in the unit of ``field``
    :param field: side of a square
    :param overlap: of neighbours, as a fraction of a side
    :return: centres (x, y) from the circle's; every point of the circle lies in a square
    """
    step = field * (1 - overlap)
    if radius <= field / 2 / math.sqrt(2):
        return [(0.0, 0.0)]
    reach = math.ceil(radius / step)
    grid = [(x * step, y * step) for x in range(-reach, reach + 1) for y in range(-reach, reach + 1)]
    # A square is needed if its point nearest to the centre lies in the circle.
    needed = [p for p in grid if math.hypot(*(max(abs(c) - field / 2, 0.0) for c in p)) < radius]
    return sorted(needed, key=lambda p: (round(math.hypot(*p), 6), math.atan2(*p)))


def _tiles(steps: Steps, tiles: list[Target], exposure: u.Quantity, filters: dict[Channel, str]) -> dict[str, Any]:
    each_s = float(exposure.to_value(u.s)) + 30
    steps.expect(len(tiles) * (1 + len(filters)), len(tiles) * each_s * u.s)
    taken: list[dict[str, Any]] = []
    for n, tile in enumerate(tiles, 1):
        images = observe_once(steps.part(f"tile {n}", tile), tile, exposure, filters, "")
        taken.append({"ra_deg": round(tile.ra_deg, 5), "dec_deg": round(tile.dec_deg, 5), "images": images})
    return {"tiles": taken}


def _field_arcsec(steps: Steps, filters: dict[Channel, str]) -> float:
    """Give the smaller side of the smallest field among the channels' cameras.

    :raises Refused: if none of them tells its field
    """
    fields: list[float] = []
    for channel in filters:
        camera = steps.services.devices.cameras.get(channel)
        settings = steps.services.devices.row_of(camera).settings if camera else {}
        if "pixel_scale_arcsec" in settings:
            pixels = min(int(settings.get("rows", 0)), int(settings.get("columns", 0)))
            fields.append(pixels * float(settings["pixel_scale_arcsec"]))
    steps.require("field", "" if fields else "no camera tells its field: set rows, columns and pixel_scale_arcsec")
    return min(fields, default=600.0)
