"""Frames that look like the sky: stars where the telescope really points, on a detector with its noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulators.detector import FULL_ADU, CameraSettings
from simulators.starlight import Image, add_stars

_POOL = 1 << 21


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
        add_stars(electrons, camera, scene.ra_deg, scene.dec_deg, scene.exposure_s, scene.seeing_arcsec)
    electrons *= _flat(*shape)
    # Gaussian for Poisson: from about ten electrons on nobody can tell, and below it read noise rules.
    noise = _noise(electrons.size, scene.seed).reshape(shape)
    deviation = np.sqrt(np.maximum(electrons, 0) + camera.read_noise_e**2)
    np.minimum(electrons, camera.full_well_e, out=electrons)
    counts = (electrons + noise * deviation) / camera.gain_e_adu + camera.bias_adu
    return np.clip(np.rint(counts), 0, FULL_ADU).astype(np.uint16)


def sky_brightness_mag(dark_mag: float, sun_altitude_deg: float) -> float:
    """Brighten a dark sky by twilight.

    A parabola that joins the dark sky at a Sun of -18° and is some 16 mag brighter at sunset, roughly as
    Patat et al. 2006 (A&A 455, 385) measured.
    """
    return dark_mag - 0.05 * max(sun_altitude_deg + 18.0, 0.0) ** 2


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
