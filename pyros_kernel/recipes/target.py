"""A target, and how a name or coordinates become one without asking the internet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from astropy import units as u
from astropy.coordinates import SkyCoord
from sqlalchemy import select

from pyros_kernel.recipes.bright import BRIGHT
from pyros_kernel.recipes.errors import BadArgument
from pyros_kernel.store import Sequence, Store

_HOW = "give the name of a target in the store, of a bright object, or coordinates: '00:42:44 +41:16', '10.68 41.27'"


@dataclass(frozen=True, slots=True)
class Target:
    """A place in the sky with a name; ICRS degrees."""

    name: str
    ra_deg: float
    dec_deg: float

    @property
    def coord(self) -> SkyCoord:
        """The place as astropy has it."""
        return SkyCoord(self.ra_deg, self.dec_deg, unit="deg", frame="icrs")

    @classmethod
    def of(cls, coord: SkyCoord, name: str = "") -> Target:
        """Make a target of coordinates in any frame."""
        icrs = coord.icrs
        ra_deg, dec_deg = float(icrs.ra.deg), float(icrs.dec.deg)
        return cls(name or f"{ra_deg:.4f} {dec_deg:+.4f}", ra_deg, dec_deg)

    def moved(self, east_arcsec: float, north_arcsec: float) -> Target:
        """Give the target so far to the east and north on the sky, under the same name."""
        if not (east_arcsec or north_arcsec):
            return self
        return Target.of(self.coord.spherical_offsets_by(east_arcsec * u.arcsec, north_arcsec * u.arcsec), self.name)


def find_target(text: str, store: Store | None) -> Target:
    """Find a target by name, in the store's sequences and then among bright objects, or read coordinates.

    :param text: a name, or ICRS coordinates: sexagesimal hours and degrees, or decimal degrees
    :raises BadArgument: if it is neither
    """
    wanted = _plain(text)
    for known in _known(store):
        if _plain(known.name) == wanted:
            return known
    try:
        return Target.of(_coordinates(text))
    except ValueError:
        raise BadArgument(f"no target {text!r}: {_HOW}") from None


def target_names(store: Store | None) -> list[str]:
    """Give the names that :func:`find_target` knows, each once."""
    return list(dict.fromkeys(known.name for known in _known(store)))


def _known(store: Store | None) -> Iterator[Target]:
    if store is not None:
        with store.session(read_only=True) as session:
            rows = session.execute(select(Sequence.target, Sequence.ra_deg, Sequence.dec_deg).order_by(Sequence.id))
            yield from [Target(*row) for row in rows]
    yield from (Target(name, *place) for name, place in BRIGHT.items())


def _plain(name: str) -> str:
    return re.sub(r"\s+", "", name).casefold()


def _coordinates(text: str) -> SkyCoord:
    numbers = re.fullmatch(r"\s*([-+]?\d+(?:\.\d*)?)[\s,]+([-+]?\d+(?:\.\d*)?)\s*", text)
    if numbers:
        ra_deg, dec_deg = map(float, numbers.groups())
        if not (0 <= ra_deg < 360 and -90 <= dec_deg <= 90):
            raise ValueError(text)
        return SkyCoord(ra_deg, dec_deg, unit="deg", frame="icrs")
    if not re.search(r"\d", text):
        raise ValueError(text)
    return SkyCoord(text, unit=(u.hourangle, u.deg), frame="icrs")
