"""Starlight on a detector: where the stars fall, and how the air spreads them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.detector import CameraSettings
from simulators.sky import Stars, stars_around

Image = NDArray[np.float32]

_BETA = 3  # of the Moffat profile; a whole number needs no power function
_SMALL, _LARGE = 7, 40  # half sizes of the stamps of faint and bright stars, pixels
_BRIGHT_ELECTRONS = 2e5


@dataclass(frozen=True, slots=True)
class Beam:
    """How the sky falls onto the detector.

    :param ra_deg: of the image's centre, ICRS
    :param dec_deg: of the image's centre, ICRS
    :param angle_deg: position angle of the image's upper edge, from north through east
    :param fwhm_arcsec: full width at half maximum of a star
    :param trail_arcsec: how far stars trail, to the east and to the north
    """

    ra_deg: float
    dec_deg: float
    angle_deg: float
    fwhm_arcsec: float
    trail_arcsec: tuple[float, float]


def add_stars(electrons: Image, camera: CameraSettings, beam: Beam, exposure_s: float) -> None:
    """Add the stars around a position to an image of electrons, shape (height, width).

    :param exposure_s: open-shutter time, through a clear sky
    """
    radius_deg = math.hypot(camera.width, camera.height) / 2 * camera.scale_arcsec / 3600
    stars = stars_around(beam.ra_deg, beam.dec_deg, radius_deg)
    x, y, visible = project(stars, beam.ra_deg, beam.dec_deg, camera, beam.angle_deg)
    mag = stars.nir_mag if camera.band == "nir" else stars.vis_mag
    flux = 10 ** (0.4 * (camera.zero_point_mag - mag)) * exposure_s
    # A star that adds less than a fifth of an electron in all is not worth its stamp.
    use = visible & (flux > 0.2)
    # An even trail of length d has a deviation of d / sqrt(12); as a width at half maximum, 0.68 d.
    turn = math.radians(beam.angle_deg)
    east, north = beam.trail_arcsec
    along = east * math.cos(turn) - north * math.sin(turn), east * math.sin(turn) + north * math.cos(turn)
    to_alpha = camera.scale_arcsec * 2 * math.sqrt(2 ** (1 / _BETA) - 1)
    alpha = tuple(math.hypot(beam.fwhm_arcsec, 0.68 * trail) / to_alpha for trail in along)
    out_of_focus = math.ceil(3 * max(alpha))
    bright = use & (flux > _BRIGHT_ELECTRONS)
    for chosen, half in ((use & ~bright, max(_SMALL, out_of_focus)), (bright, max(_LARGE, out_of_focus))):
        if chosen.any():
            _stamp(electrons, x[chosen], y[chosen], flux[chosen], alpha, half)


def project(
    stars: Stars, ra_deg: float, dec_deg: float, camera: CameraSettings, angle_deg: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Give pixel positions, from 0 (tangential projection; Calabretta & Greisen 2002, A&A 395, 1077).

    :param angle_deg: position angle of the image's upper edge, from north through east
    """
    ra, dec = np.radians(stars.ra_deg - ra_deg), np.radians(stars.dec_deg)
    sin0, cos0 = math.sin(math.radians(dec_deg)), math.cos(math.radians(dec_deg))
    cos_distance = sin0 * np.sin(dec) + cos0 * np.cos(dec) * np.cos(ra)
    front = cos_distance > 0.5
    safe = np.where(front, cos_distance, 1.0)
    pixel = math.radians(camera.scale_arcsec / 3600)
    east = np.cos(dec) * np.sin(ra) / safe / pixel
    north = (np.sin(dec) * cos0 - np.cos(dec) * sin0 * np.cos(ra)) / safe / pixel
    turn = math.radians(angle_deg)
    x = (camera.width - 1) / 2 - east * math.cos(turn) + north * math.sin(turn)
    y = (camera.height - 1) / 2 + east * math.sin(turn) + north * math.cos(turn)
    inside = (x > -_SMALL) & (x < camera.width + _SMALL) & (y > -_SMALL) & (y < camera.height + _SMALL)
    return x, y, front & inside


def _stamp(
    electrons: Image,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
    alpha: tuple[float, ...],
    half: int,
) -> None:
    """Add Moffat profiles of the given fluxes (Moffat 1969, A&A 3, 455), each cut to a square."""
    height, width = electrons.shape
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    reach = np.arange(-half, half + 1, dtype=np.int32)
    dx2 = (((reach - (x - column)[:, None]) / alpha[0]) ** 2).astype(np.float32)
    dy2 = (((reach - (y - row)[:, None]) / alpha[1]) ** 2).astype(np.float32)
    base = 1 + dx2[:, None, :] + dy2[:, :, None]
    profile = 1 / (base * base * base)
    profile *= (flux / profile.sum(axis=(1, 2))).astype(np.float32)[:, None, None]
    rows, columns = row[:, None] + reach, column[:, None] + reach
    profile *= ((rows >= 0) & (rows < height))[:, :, None]
    profile *= ((columns >= 0) & (columns < width))[:, None, :]
    index = np.clip(rows, 0, height - 1)[:, :, None] * width + np.clip(columns, 0, width - 1)[:, None, :]
    added = np.bincount(index.ravel(), weights=profile.ravel(), minlength=height * width)
    electrons += added.reshape(height, width).astype(np.float32)
