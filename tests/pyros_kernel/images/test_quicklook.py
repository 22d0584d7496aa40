"""The quick-look finds what was planted, and names a camera that makes no sense."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture

from pyros_kernel.images.quicklook import preview_png, quick_look


def starfield(
    fwhm_px: float,
    count: int = 40,
    seed: int = 0,
    size: int = 512,
    profile: Literal["gaussian", "moffat"] = "gaussian",
    sky: float = 800.0,
) -> NDArray[np.uint16]:
    """Plant stars of known width on a grid with jitter, so that none touches another."""
    rng = np.random.default_rng(seed)
    image = np.full((size, size), sky)
    cells = [(r, c) for r in range(8) for c in range(8)]
    step = size / 8
    yy, xx = np.mgrid[0:size, 0:size]
    for index in rng.permutation(len(cells))[:count]:
        y, x = ((np.array(cells[index]) + 0.5) * step + rng.uniform(-12, 12, 2)).tolist()
        peak = 10 ** rng.uniform(2.6, 4.2)
        box = np.s_[max(0, int(y) - 40) : int(y) + 40, max(0, int(x) - 40) : int(x) + 40]
        r2 = (yy[box] - y) ** 2 + (xx[box] - x) ** 2
        if profile == "gaussian":
            image[box] += peak * np.exp(-4 * np.log(2) * r2 / fwhm_px**2)
        else:
            alpha = fwhm_px / 2 / np.sqrt(2 ** (1 / 3.5) - 1)
            image[box] += peak * (1 + r2 / alpha**2) ** -3.5
    noisy = rng.poisson(image) + rng.normal(0, 6, image.shape)
    return np.clip(np.rint(noisy), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("profile", ["gaussian", "moffat"])
@pytest.mark.parametrize("fwhm_px", [2.2, 3.5, 5.0, 7.5])
def test_planted_stars_are_counted_and_measured(fwhm_px: float, profile: Literal["gaussian", "moffat"]) -> None:
    found = quick_look(starfield(fwhm_px, profile=profile))
    assert found.stars == pytest.approx(40, rel=0.1)
    assert found.fwhm_px == pytest.approx(fwhm_px, rel=0.1)
    assert found.median == pytest.approx(800, rel=0.01)
    assert found.noise == pytest.approx(np.hypot(np.sqrt(800), 6), rel=0.15)
    assert found.flags == ()


@pytest.mark.parametrize("count", [0, 3, 15, 60])
def test_the_count_follows_the_stars(count: int) -> None:
    found = quick_look(starfield(3.0, count=count, seed=count))
    assert abs(found.stars - count) <= max(1, 0.1 * count)
    assert ("no_stars" in found.flags) == (found.stars == 0)


def test_hot_pixels_are_no_stars() -> None:
    image = starfield(3.0, count=0)
    rng = np.random.default_rng(5)
    image[rng.integers(5, 500, 30), rng.integers(5, 500, 30)] = 9000
    assert quick_look(image).stars <= 1


@pytest.mark.parametrize(
    ("image", "flags"),
    [
        (np.full((64, 64), 500, np.uint16), {"constant", "no_stars"}),
        (np.zeros((64, 64), np.uint16), {"black", "constant", "no_stars"}),
        (np.full((64, 64), 65535, np.uint16), {"constant", "saturated", "no_stars"}),
    ],
)
def test_a_camera_that_makes_no_sense_is_named(image: NDArray[np.uint16], flags: set[str]) -> None:
    assert set(quick_look(image).flags) == flags


def test_the_same_frame_twice_is_named() -> None:
    image = starfield(3.0)
    first = quick_look(image)
    assert "duplicate" in quick_look(image.copy(), previous_digest=first.digest).flags
    image[0, 0] += 1
    assert "duplicate" not in quick_look(image, previous_digest=first.digest).flags


def test_saturated_pixels_are_counted() -> None:
    image = starfield(3.0)
    image[100:103, 200:204] = 65535
    assert quick_look(image).saturated == 12


def test_a_bias_is_not_asked_for_stars() -> None:
    found = quick_look(starfield(3.0, count=0), expect_stars=False)
    assert (found.stars, found.fwhm_px, found.flags) == (0, None, ())


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (4, 700), (300, 2)])
def test_odd_shapes_are_looked_at_and_drawn(shape: tuple[int, int]) -> None:
    image = np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape)
    assert quick_look(image).stars == 0
    assert Picture.open(io.BytesIO(preview_png(image))).size[0] >= 1


def test_the_preview_shows_the_stars_the_right_way_up() -> None:
    image = starfield(3.0, count=0)
    image[460:475, 30:45] += 20000  # top left when the first row is at the bottom
    picture = Picture.open(io.BytesIO(preview_png(image, size=320)))
    assert (picture.mode, picture.size) == ("L", (320, 320))
    pixels = np.asarray(picture)
    assert pixels[24:31, 20:27].min() > 200
    assert pixels[200:].max() < 200
