"""Find stars and measure how sharp they are, with numpy alone and in milliseconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_HALF = 12  # half the side of the window around a star, pixels: holds stars up to 10 pixels wide
_MEASURED = 60  # so many stars are enough for a median width
_FWHM_PER_SIGMA = 2.3548


class Stars(NamedTuple):
    """Stars found in an image: rows and columns of their peaks, brightest first."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


def find_stars(sky_free: Floats, noise: float, threshold: float = 6.0) -> Stars:
    """Find local maxima above ``threshold`` times the noise.

    A peak without bright neighbours is a hot pixel or a cosmic ray; a peak near a much brighter one is noise
    in its wings.  Both are left out.

    :param sky_free: image with the sky taken off, shape (rows, columns)
    :param noise: standard deviation of the sky
    """
    if noise <= 0 or min(sky_free.shape) < 5:
        return Stars(np.empty(0, np.intp), np.empty(0, np.intp))
    smooth = _box3(sky_free)
    inner = smooth[1:-1, 1:-1]
    rows, columns = np.nonzero(inner > threshold * noise / 3)  # nine pixels: a third of the noise
    rows, columns = rows + 1, columns + 1
    value = smooth[rows, columns]
    is_peak = np.ones(len(rows), bool)
    for dr, dc in ((-1, -1), (-1, 0), (-1, 1), (0, -1)):
        # Of equal neighbours one is the peak: strict on one side, not on the other.
        is_peak &= (value > smooth[rows + dr, columns + dc]) & (value >= smooth[rows - dr, columns - dc])
    rows, columns, value = rows[is_peak], columns[is_peak], value[is_peak]
    around = np.stack([sky_free[rows + dr, columns + dc] for dr in (-1, 0, 1) for dc in (-1, 0, 1)])
    highest = around.max(axis=0)
    starlike = around.sum(axis=0) - highest > 0.8 * highest
    starlike &= value - _ring(smooth, rows, columns) > threshold / 3 * np.sqrt(noise**2 + np.maximum(value, 0))
    order = np.argsort(-value[starlike], kind="stable")
    rows, columns, value = rows[starlike][order], columns[starlike][order], value[starlike][order]
    return _without_wings(rows, columns, value, noise)


def fwhm_px(sky_free: Floats, stars: Stars, saturation: float) -> float | None:
    """Measure the median full width at half maximum, in pixels; None without a usable star."""
    rows, columns = stars
    shape = sky_free.shape
    usable = (
        (rows >= _HALF) & (rows < shape[0] - _HALF) & (columns >= _HALF) & (columns < shape[1] - _HALF)
        & (sky_free[rows, columns] < 0.8 * saturation)
    )  # fmt: skip
    alone = usable & _isolated(stars)
    chosen = np.flatnonzero(alone if alone.sum() >= 5 else usable)[:_MEASURED]
    if not len(chosen):
        return None
    reach = np.arange(-_HALF, _HALF + 1)
    windows = sky_free[
        rows[chosen, None, None] + reach[None, :, None], columns[chosen, None, None] + reach[None, None, :]
    ].astype(np.float64)
    edge = np.concatenate([windows[:, 0], windows[:, -1], windows[:, :, 0], windows[:, :, -1]], axis=1)
    windows -= np.median(edge, axis=1)[:, None, None]
    offsets = reach.astype(np.float64)
    widths = _core_fwhm(windows, offsets, *_adapted_moments(windows, offsets))
    widths = widths[np.isfinite(widths) & (widths > 0.5) & (widths < 2 * _HALF)]
    return float(np.median(widths)) if len(widths) else None


def _adapted_moments(
    windows: NDArray[np.float64], reach: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give standard deviation and centre of each star, by adaptive weighted moments.

    For a Gaussian weight as wide as the star, the variance is twice the weighted one, so iterating
    "weight := found" comes to rest at the star's own (Bernstein & Jarvis 2002, AJ 123, 583).
    """
    count = len(windows)
    x0, y0, variance = np.zeros(count), np.zeros(count), np.full(count, 2.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for _ in range(12):
            dx, dy = reach[None, :] - x0[:, None], reach[None, :] - y0[:, None]
            # The weight is a product, so moments are two sums along one axis each.
            wx = np.exp(-0.5 * dx**2 / variance[:, None])
            wy = np.exp(-0.5 * dy**2 / variance[:, None])
            by_row = np.einsum("nyx,nx->ny", windows, wx)
            by_column = np.einsum("nyx,ny->nx", windows, wy)
            total = (by_row * wy).sum(axis=1)
            mean_x, mean_y = (by_column * wx * dx).sum(axis=1) / total, (by_row * wy * dy).sum(axis=1) / total
            spread = (by_column * wx * dx**2).sum(axis=1) / total + (by_row * wy * dy**2).sum(axis=1) / total
            x0, y0 = x0 + mean_x, y0 + mean_y
            variance = np.clip(spread - mean_x**2 - mean_y**2, 0.05, _HALF**2)
    return np.sqrt(variance), x0, y0


def _core_fwhm(
    windows: NDArray[np.float64],
    reach: NDArray[np.float64],
    sigma: NDArray[np.float64],
    x0: NDArray[np.float64],
    y0: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Fit ln(counts) = a - b r² to the core, which is what the half maximum is about.

    The moments of a star with wings are those of a wider Gaussian, by a tenth for a Moffat profile.
    """
    r2 = (reach[None, None, :] - x0[:, None, None]) ** 2 + (reach[None, :, None] - y0[:, None, None]) ** 2
    radius2 = np.maximum((0.6 * _FWHM_PER_SIGMA * sigma) ** 2, 2.5)[:, None, None]
    positive = np.maximum(windows, 1e-6)
    weight = np.where((r2 < radius2) & (windows > 0), positive**2, 0.0)
    log = np.log(positive)
    total = weight.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_r2, mean_log = ((weight * v).sum(axis=(1, 2)) / total for v in (r2, log))
        slope = (weight * r2 * log).sum(axis=(1, 2)) / total - mean_r2 * mean_log
        slope /= (weight * r2**2).sum(axis=(1, 2)) / total - mean_r2**2
        return 2 * np.sqrt(np.log(2) / -slope)


def _box3(image: Floats) -> Floats:
    """Average over 3 × 3 pixels; the outermost pixels are left at zero."""
    result = np.zeros_like(image)
    lines = image[:-2] + image[1:-1] + image[2:]
    result[1:-1, 1:-1] = (lines[:, :-2] + lines[:, 1:-1] + lines[:, 2:]) / 9
    return result


def _ring(smooth: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """Give the mean level six pixels around each peak: high where the peak is noise on a bright star's slope."""
    angles = np.arange(16) * (np.pi / 8)
    dr, dc = np.rint(6 * np.sin(angles)).astype(np.intp), np.rint(6 * np.cos(angles)).astype(np.intp)
    r = np.clip(rows[:, None] + dr, 1, smooth.shape[0] - 2)
    c = np.clip(columns[:, None] + dc, 1, smooth.shape[1] - 2)
    return smooth[r, c].mean(axis=1)


def _without_wings(rows: NDArray[np.intp], columns: NDArray[np.intp], value: Floats, noise: float) -> Stars:
    """Leave out peaks so close to a brighter one that they are its own noise."""
    kept: list[int] = []
    # The wings of a star of peak p fall to the noise within about this many pixels.
    reach = np.clip(2.5 * np.sqrt(np.log(np.maximum(value / noise, 2.0))), 3.0, 12.0)
    for i in range(len(rows)):
        near = np.asarray(kept, np.intp)
        distance = np.hypot(rows[near] - rows[i], columns[near] - columns[i])
        if not np.any((distance < 3) | ((distance < reach[near]) & (value[i] < 0.05 * value[near]))):
            kept.append(i)
    return Stars(rows[kept], columns[kept])


def _isolated(stars: Stars) -> NDArray[np.bool_]:
    rows, columns = stars
    few = slice(None, 400)
    apart = np.hypot(rows[few, None] - rows[None, :], columns[few, None] - columns[None, :])
    alone = np.zeros(len(rows), bool)
    alone[few] = (apart < _HALF).sum(axis=1) == 1
    return alone
