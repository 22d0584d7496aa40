"""Frames that look like the sky: stars where the telescope really points, on a detector with its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulators.detector import FULL_ADU, CameraSettings
from simulators.pattern import Image, pattern
from simulators.starlight import Beam, add_stars

_POOL = 1 << 21
_COSMIC_RAYS_S_PIXEL = 2.5e-8  # some 1.5 a minute on a megapixel


@dataclass(frozen=True, slots=True)
class Scene:
    """What falls on the detector.

    :param ra_deg: true pointing, ICRS; None where no sky is seen
    :param dec_deg: true pointing, ICRS
    :param lamp: whether the flat-field lamp shines
    :param exposure_s: open-shutter time
    :param seeing_arcsec: full width at half maximum of a star in focus
    :param sky_mag: sky brightness, per square arcsecond
    :param dark_e_s: dark current
    :param seed: of the frame's noise
    :param pattern_seed: of the detector's own pattern
    :param blur_arcsec: what being out of focus adds to the width of a star
    :param focus_steps: where the focuser stands; None without one
    :param best_focus_steps: where it should stand
    :param transparency: of the air, 0 to 1
    :param trail_arcsec: how far stars trail, to the east and to the north
    :param angle_deg: position angle of the camera, from north through east
    """

    ra_deg: float | None
    dec_deg: float | None
    lamp: bool
    exposure_s: float
    seeing_arcsec: float
    sky_mag: float
    dark_e_s: float
    seed: int
    pattern_seed: int = 0
    blur_arcsec: float = 0.0
    focus_steps: float | None = None
    best_focus_steps: float | None = None
    transparency: float = 1.0
    trail_arcsec: tuple[float, float] = (0.0, 0.0)
    angle_deg: float = 0.0

    @property
    def fwhm_arcsec(self) -> float:
        """Full width at half maximum of a star: seeing and focus, added in squares."""
        return math.hypot(self.seeing_arcsec, self.blur_arcsec)


def render(camera: CameraSettings, scene: Scene) -> NDArray[np.uint16]:
    """Make the counts of a frame, shape (height, width); north is up and east left at position angle 0."""
    shape = camera.height, camera.width
    own = pattern(camera, scene.pattern_seed)
    light = np.zeros(shape, dtype=np.float32)
    if scene.lamp:
        light += camera.flat_e_s * scene.exposure_s
    if scene.ra_deg is not None and scene.dec_deg is not None:
        per_pixel = 10 ** (0.4 * (camera.zero_point_mag - scene.sky_mag)) * camera.scale_arcsec**2
        light += per_pixel * scene.exposure_s
        beam = Beam(scene.ra_deg, scene.dec_deg, scene.angle_deg, scene.fwhm_arcsec, scene.trail_arcsec)
        add_stars(light, camera, beam, scene.exposure_s * scene.transparency)
    light *= own.flat
    electrons = light
    if scene.dark_e_s * scene.exposure_s > 0:
        electrons += own.dark * np.float32(scene.dark_e_s * scene.exposure_s)
    _add_cosmic_rays(electrons, camera, scene)
    # Gaussian for Poisson: from about ten electrons on nobody can tell, and below it read noise rules.
    counts = np.maximum(electrons, np.float32(0))
    counts += np.float32(camera.read_noise_e**2)
    np.sqrt(counts, out=counts)
    counts *= _noise(counts.size, scene.seed).reshape(shape)
    np.minimum(electrons, np.float32(camera.full_well_e), out=electrons)
    counts += electrons
    counts += own.bias_e
    counts *= np.float32(1 / camera.gain_e_adu)
    counts += np.float32(camera.bias_adu + 0.5)  # truncated below: rounds to the nearest
    np.clip(counts, 0, FULL_ADU, out=counts)
    return counts.astype(np.uint16)


def cosmic_rays(camera: CameraSettings, scene: Scene) -> int:
    """Tell how many cosmic rays hit a frame."""
    mean = _COSMIC_RAYS_S_PIXEL * camera.width * camera.height * (scene.exposure_s + camera.readout_s)
    return int(_dice_of_rays(scene).poisson(mean))


def _dice_of_rays(scene: Scene) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([scene.seed, 3]))


def _add_cosmic_rays(electrons: Image, camera: CameraSettings, scene: Scene) -> None:
    """Add straight tracks, some pixels long, without a point-spread function: what a filter must find."""
    dice = np.random.Generator(np.random.PCG64([scene.seed, 4]))
    for _ in range(cosmic_rays(camera, scene)):
        x, y = dice.uniform(0, camera.width), dice.uniform(0, camera.height)
        direction, length = dice.uniform(0, math.pi), 1 + dice.exponential(4.0)
        along = np.arange(0, length, 0.5)
        column = (x + along * math.cos(direction)).astype(int)
        row = (y + along * math.sin(direction)).astype(int)
        inside = (column >= 0) & (column < camera.width) & (row < camera.height)
        np.add.at(electrons, (row[inside], column[inside]), np.float32(dice.uniform(300, 2000)))


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
