"""The nominal world coordinates of an image: where it was told to point, not where stars say it did."""

from __future__ import annotations

import math

import numpy as np

from pyros_kernel.images.context import Geometry, ImageContext

Entry = tuple[str, object, str]
"""Keyword, value (None: unknown), comment with the unit."""


def wcs_cards(shape: tuple[int, ...], context: ImageContext) -> list[Entry]:
    """Give a gnomonic (TAN) WCS centred on the commanded pointing; empty where that or the scale is unknown.

    :param shape: rows and columns of the image
    """
    if context.pointing is None or context.geometry is None:
        return []
    icrs = context.pointing.icrs
    rows, columns = shape
    cd = _cd_matrix(context.geometry)
    return [
        ("WCSNAME", "nominal", "commanded pointing, not solved on stars"),
        ("WCSAXES", 2, "axes of the WCS"),
        ("CTYPE1", "RA---TAN", "gnomonic projection"),
        ("CTYPE2", "DEC--TAN", "gnomonic projection"),
        ("CUNIT1", "deg", "unit of axis 1"),
        ("CUNIT2", "deg", "unit of axis 2"),
        ("CRVAL1", round(float(icrs.ra.deg), 7), "[deg] right ascension at the reference pixel"),
        ("CRVAL2", round(float(icrs.dec.deg), 7), "[deg] declination at the reference pixel"),
        ("CRPIX1", (columns + 1) / 2, "[pixel] reference pixel: the centre"),
        ("CRPIX2", (rows + 1) / 2, "[pixel] reference pixel: the centre"),
        *(
            (f"CD{i + 1}_{j + 1}", float(cd[i, j]), "[deg/pixel] nominal scale and orientation")
            for i in range(2)
            for j in range(2)
        ),
    ]


def _cd_matrix(geometry: Geometry) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Give degrees east and north (rows) per pixel right and up (columns)."""
    scale_deg = geometry.pixel_scale_arcsec / 3600.0
    angle = math.radians(geometry.orientation_deg)
    right = 1.0 if geometry.mirrored else -1.0  # which way east is when north is up
    return scale_deg * np.array(
        [[right * math.cos(angle), math.sin(angle)], [-right * math.sin(angle), math.cos(angle)]]
    )
