"""Frames that look like the sky: stars where the telescope really points, on a detector with its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulators.sky import Stars, stars_around

Image = NDArray[np.float32]

_BETA = 3  # of the Moffat profile; a whole number needs no power function
_SMALL, _LARGE = 7, 40  # half sizes of the stamps of faint and bright stars, pixels
_BRIGHT_ELECTRONS = 2e5
_POOL = 1 << 21
_FULL_ADU = 65535


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What a simulated camera can be told.

    :param width: pixels along a row
    :param height: rows
    :param scale_arcsec: of a pixel
    :param gain_e_adu: electrons per count
    :param read_noise_e: electrons
    :param bias_adu: level
    :param dark_e_s: dark current at the setpoint, electrons per second; doubles every 6 K
    :param full_well_e: saturation of a pixel
    :param zero_point_mag: magnitude that gives one electron per second
    :param sky_mag: of a dark sky, per square arcsecond
    :param flat_e_s: flat-field lamp, electrons per second
    :param band: ``vis`` or ``nir``
    :param filters: names of the filters it has
    :param readout_s: time to read a frame
    :param filter_s: time to change a filter
    :param setpoint_c: temperature it is cooled to at the start
    :param ambient_c: temperature it warms to with the cooler off
    :param cooling_c_s: how fast its temperature changes
    """

    width: int = 512
    height: int = 512
    scale_arcsec: float = 1.3
    gain_e_adu: float = 1.5
    read_noise_e: float = 6.0
    bias_adu: float = 500.0
    dark_e_s: float = 0.01
    full_well_e: float = 90000.0
    zero_point_mag: float = 23.5
    sky_mag: float = 20.8
    flat_e_s: float = 8000.0
    band: str = "vis"
    filters: tuple[str, ...] = ("g", "r", "i", "z")
    readout_s: float = 2.0
    filter_s: float = 3.0
    setpoint_c: float = -60.0
    ambient_c: float = 8.0
    cooling_c_s: float = 0.5


NIR = CameraSettings(
    scale_arcsec=2.5,
    gain_e_adu=2.5,
    read_noise_e=18.0,
    bias_adu=1500.0,
    dark_e_s=1.0,
    full_well_e=110000.0,
    zero_point_mag=22.5,
    sky_mag=16.3,
    flat_e_s=6000.0,
    band="nir",
    filters=("J", "H"),
    readout_s=1.5,
    filter_s=4.0,
    setpoint_c=-150.0,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What falls on the detector.

    :param ra_deg: true pointing, ICRS; None where no sky is seen
    :param dec_deg: true pointing, ICRS
    :param lamp: whether the flat-field lamp shines
    :param exposure_s: open-shutter time
    :param seeing_arcsec: full width at half maximum of a star
    :param sky_mag: sky brightness, per square arcsecond
    :param dark_e_s: dark current
    :param seed: of the frame's noise
    """

    ra_deg: float | None
    dec_deg: float | None
    lamp: bool
    exposure_s: float
    seeing_arcsec: float
    sky_mag: float
    dark_e_s: float
    seed: int


def render(camera: CameraSettings, scene: Scene) -> NDArray[np.uint16]:
    """Make the counts of a frame, shape (height, width); north is up, east is left."""
    shape = camera.height, camera.width
    electrons = np.full(shape, scene.dark_e_s * scene.exposure_s, dtype=np.float32)
    if scene.lamp:
        electrons += camera.flat_e_s * scene.exposure_s
    if scene.ra_deg is not None and scene.dec_deg is not None:
        per_pixel = 10 ** (0.4 * (camera.zero_point_mag - scene.sky_mag)) * camera.scale_arcsec**2
        electrons += per_pixel * scene.exposure_s
        _add_stars(electrons, camera, scene, scene.ra_deg, scene.dec_deg)
    electrons *= _flat(*shape)
    # Gaussian for Poisson: from about ten electrons on nobody can tell, and below it read noise rules.
    noise = _noise(electrons.size, scene.seed).reshape(shape)
    deviation = np.sqrt(np.maximum(electrons, 0) + camera.read_noise_e**2)
    np.minimum(electrons, camera.full_well_e, out=electrons)
    counts = (electrons + noise * deviation) / camera.gain_e_adu + camera.bias_adu
    return np.clip(np.rint(counts), 0, _FULL_ADU).astype(np.uint16)


def saturation_adu(camera: CameraSettings) -> float:
    """Tell at which count a pixel saturates."""
    return min(camera.full_well_e / camera.gain_e_adu + camera.bias_adu, _FULL_ADU)


def sky_brightness_mag(dark_mag: float, sun_altitude_deg: float) -> float:
    """Brighten a dark sky by twilight.

    A parabola that joins the dark sky at a Sun of -18° and is some 16 mag brighter at sunset, roughly as
    Patat et al. 2006 (A&A 455, 385) measured.
    """
    return dark_mag - 0.05 * max(sun_altitude_deg + 18.0, 0.0) ** 2


def _add_stars(electrons: Image, camera: CameraSettings, scene: Scene, ra_deg: float, dec_deg: float) -> None:
    radius_deg = math.hypot(camera.width, camera.height) / 2 * camera.scale_arcsec / 3600
    stars = stars_around(ra_deg, dec_deg, radius_deg)
    x, y, visible = _project(stars, ra_deg, dec_deg, camera)
    mag = stars.nir_mag if camera.band == "nir" else stars.vis_mag
    flux = 10 ** (0.4 * (camera.zero_point_mag - mag)) * scene.exposure_s
    # A star that adds less than a fifth of an electron in all is not worth its stamp.
    use = visible & (flux > 0.2)
    alpha = scene.seeing_arcsec / camera.scale_arcsec / (2 * math.sqrt(2 ** (1 / _BETA) - 1))
    bright = use & (flux > _BRIGHT_ELECTRONS)
    for chosen, half in ((use & ~bright, _SMALL), (bright, _LARGE)):
        if chosen.any():
            _stamp(electrons, x[chosen], y[chosen], flux[chosen], alpha, half)


def _project(
    stars: Stars, ra_deg: float, dec_deg: float, camera: CameraSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Give pixel positions, from 0 (tangential projection; Calabretta & Greisen 2002, A&A 395, 1077)."""
    ra, dec = np.radians(stars.ra_deg - ra_deg), np.radians(stars.dec_deg)
    sin0, cos0 = math.sin(math.radians(dec_deg)), math.cos(math.radians(dec_deg))
    cos_distance = sin0 * np.sin(dec) + cos0 * np.cos(dec) * np.cos(ra)
    front = cos_distance > 0.5
    safe = np.where(front, cos_distance, 1.0)
    pixel = math.radians(camera.scale_arcsec / 3600)
    x = (camera.width - 1) / 2 - np.cos(dec) * np.sin(ra) / safe / pixel
    y = (camera.height - 1) / 2 + (np.sin(dec) * cos0 - np.cos(dec) * sin0 * np.cos(ra)) / safe / pixel
    inside = (x > -_SMALL) & (x < camera.width + _SMALL) & (y > -_SMALL) & (y < camera.height + _SMALL)
    return x, y, front & inside


def _stamp(
    electrons: Image,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
    alpha: float,
    half: int,
) -> None:
    """Add Moffat profiles of the given fluxes (Moffat 1969, A&A 3, 455), each cut to a square."""
    height, width = electrons.shape
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    reach = np.arange(-half, half + 1, dtype=np.int32)
    dx2 = ((reach - (x - column)[:, None]) ** 2).astype(np.float32)
    dy2 = ((reach - (y - row)[:, None]) ** 2).astype(np.float32)
    base = 1 + (dx2[:, None, :] + dy2[:, :, None]) / np.float32(alpha**2)
    profile = 1 / (base * base * base)
    profile *= (flux / profile.sum(axis=(1, 2))).astype(np.float32)[:, None, None]
    rows, columns = row[:, None] + reach, column[:, None] + reach
    profile *= ((rows >= 0) & (rows < height))[:, :, None]
    profile *= ((columns >= 0) & (columns < width))[:, None, :]
    index = np.clip(rows, 0, height - 1)[:, :, None] * width + np.clip(columns, 0, width - 1)[:, None, :]
    added = np.bincount(index.ravel(), weights=profile.ravel(), minlength=height * width)
    electrons += added.reshape(height, width).astype(np.float32)


@cache
def _flat(height: int, width: int) -> Image:
    """Make the response of the optics: some per cent less light towards the corners."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return (1 - 0.04 * (x * x + y * y)).astype(np.float32)


@cache
def _pool() -> Image:
    return np.random.Generator(np.random.PCG64(1)).standard_normal(_POOL, dtype=np.float32)


def _noise(size: int, seed: int) -> Image:
    """Take noise from a pool, from a place that the seed chooses: ten times cheaper than new dice."""
    dice = np.random.Generator(np.random.PCG64(seed))
    if size > _POOL:
        return dice.standard_normal(size, dtype=np.float32)
    start = int(dice.integers(0, _POOL))
    noise = _pool()
    return (
        noise[start : start + size]
        if start + size <= _POOL
        else np.concatenate((noise[start:], noise[: start + size - _POOL]))
    )
