"""A sky map as gravitational-wave observatories send it, made up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy_healpix import HEALPix


def sky_map(path: Path, centre: SkyCoord, sigma_deg: float) -> Path:
    """Write a multi-order map: a round spot, in fine cells where it is dense and coarse ones elsewhere."""
    uniq, density = [], []
    for level, keep in ((5, lambda d: d > 6 * sigma_deg), (8, lambda d: d <= 6 * sigma_deg)):
        healpix = HEALPix(2**level, order="nested", frame="icrs")
        cells = np.arange(healpix.npix)
        coarse = HEALPix(32, order="nested", frame="icrs").healpix_to_skycoord(cells >> 2 * (level - 5))
        mine = cells[keep(coarse.separation(centre).deg)]
        away = healpix.healpix_to_skycoord(mine).separation(centre).deg
        uniq.append(mine + 4 ** (level + 1))
        density.append(np.exp(-0.5 * (away / sigma_deg) ** 2) / (2 * math.pi * math.radians(sigma_deg) ** 2))
    table = QTable({"UNIQ": np.concatenate(uniq), "PROBDENSITY": np.concatenate(density) / u.sr})
    table.write(path, format="fits")
    return path
