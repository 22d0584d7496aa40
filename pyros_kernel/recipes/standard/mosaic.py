"""Cover more sky than one field: a mosaic, the error circle of an alert, or the best of its sky map."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from astropy import units as u
from sqlalchemy import select

from pyros_kernel.alerts.files import map_path
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.registry import recipe
from pyros_kernel.recipes.standard.frames import Degrees, Seconds
from pyros_kernel.recipes.standard.observe import filters_of, observe_once
from pyros_kernel.recipes.standard.tiles import tiles_of_circle, tiles_of_map
from pyros_kernel.recipes.steps import Steps
from pyros_kernel.recipes.target import Target
from pyros_kernel.recipes.visible import why_not_up
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
    alert: int | None = None,
    skymap: str = "",
    exposure: Seconds = 60 * u.s,
    radius: Degrees | None = None,
    overlap: float = 0.1,
    most: int = 30,
    vis_filter: str | None = "r",
    nir_filter: str | None = "J",
) -> dict[str, Any]:
    """Cover an alert: its error circle from the centre outwards, or the best fields of its sky map.

    Where the circle needs more fields than there may be, those nearest to its centre are taken.  Fields of a sky map
    that are not up when their turn comes are left for the end, and then left out.  Of an alert without a position the
    sky map is taken that its notice brought along.

    :param alert: its number in the store; may be left out with a sky map
    :param skymap: path of a multi-order HEALPix map (FITS), under the data directory if it is not absolute, instead of
        the error circle; where it has not come yet, the circle of an alert is covered all the same
    :param radius: of the circle, instead of the alert's own
    :param overlap: of neighbouring fields, as a fraction of a field
    :param most: fields, at most
    """
    filters = filters_of(vis_filter, nir_filter)
    name, centre, error_deg = f"alert {alert}", None, 0.0
    if alert is not None:
        with steps.services.store.session(read_only=True) as session:
            row = session.scalar(select(Alert).where(Alert.id == alert))
        if row is None:
            steps.require("alert", f"there is no alert {alert}")
            return {"tiles": []}
        name, error_deg = f"alert {row.trigger_id or row.id}", float(row.error_deg or 0.0)
        if row.ra_deg is not None and row.dec_deg is not None:
            centre = Target(name, row.ra_deg, row.dec_deg)
        elif not skymap and (steps.services.settings.data / map_path(row.path)).is_file():
            skymap = map_path(row.path)
    field_arcsec = _field_arcsec(steps, filters)
    steps.require("most", "" if 1 <= most <= _MOST_TILES else f"1 to {_MOST_TILES} fields, got {most}")
    path = steps.services.settings.data / skymap
    if skymap and centre is not None and not path.exists():
        steps.say(f"there is no sky map {path} yet: the error circle is covered")
    elif skymap:
        # Kept, so that a resumed run goes on with the same fields in the same order.
        best = steps.step("tiles", lambda: _best(path, field_arcsec / 3600 * (1 - overlap), most)) or []
        steps.say(f"{len(best)} fields hold {sum(p for _, _, p in best):.1%} of the sky map")
        return _of_map(steps, [(Target(name, ra, dec), p) for ra, dec, p in best], exposure, filters)
    if centre is None:
        steps.require("alert", "name an alert with a position, or give a sky map")
        return {"tiles": []}
    radius_deg = float(radius.to_value(u.deg)) if radius is not None else error_deg
    reach_arcsec = min(radius_deg * 3600, field_arcsec * (math.sqrt(most) + 2))  # what lies beyond is left out anyway
    places = tiles_of_circle(reach_arcsec, field_arcsec, overlap)
    if len(places) > most:
        steps.say(f"{most} fields do not cover {radius_deg:.2f}°: those nearest to its centre are taken")
    return _tiles(steps, [centre.moved(x, y) for x, y in places[:most]], exposure, filters)


def _best(skymap: Path, field_deg: float, most: int) -> list[list[float]]:
    return [[t.ra_deg, t.dec_deg, t.probability] for t in tiles_of_map(skymap, field_deg, most)]


def _of_map(
    steps: Steps, best: list[tuple[Target, float]], exposure: u.Quantity, filters: dict[Channel, str]
) -> dict[str, Any]:
    """Take the fields that are up, the best first; those that are not once more at the end."""
    taken: list[dict[str, Any]] = []
    waiting, asked, later = list(enumerate(best, 1)), 0, 0
    steps.expect(len(best) * (1 + len(filters)), len(best) * (float(exposure.to_value(u.s)) + 30) * u.s)
    while waiting and later < len(waiting):
        n, (tile, probability) = waiting.pop(0)
        asked += 1
        # Kept, so that a resumed run takes the fields in the same order.
        if why := steps.step(f"look {asked}", lambda t=tile: why_not_up(t, steps.services)):
            waiting.append((n, (tile, probability)))
            later += 1
            steps.say(f"tile {n}: {why}")
            continue
        images = observe_once(steps.part(f"tile {n}", tile), tile, exposure, filters, "")
        taken.append({**_told(tile, images), "probability": round(probability, 6)})
        later = 0
    steps.require("tiles", "" if taken else "none of the fields is up now")
    return {"tiles": taken, "probability": round(sum(t["probability"] for t in taken), 6), "left_out": len(waiting)}


def _tiles(steps: Steps, tiles: list[Target], exposure: u.Quantity, filters: dict[Channel, str]) -> dict[str, Any]:
    each_s = float(exposure.to_value(u.s)) + 30
    steps.expect(len(tiles) * (1 + len(filters)), len(tiles) * each_s * u.s)
    taken: list[dict[str, Any]] = []
    for n, tile in enumerate(tiles, 1):
        images = observe_once(steps.part(f"tile {n}", tile), tile, exposure, filters, "")
        taken.append(_told(tile, images))
    return {"tiles": taken}


def _told(tile: Target, images: list[str]) -> dict[str, Any]:
    return {"ra_deg": round(tile.ra_deg, 5), "dec_deg": round(tile.dec_deg, 5), "images": images}


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
