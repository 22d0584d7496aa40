"""Frames: stars where the telescope points, the same at each visit, and a detector's noise."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from instruments.horizon import separation_deg
from simulators.detector import NIR, CameraSettings, saturation_adu
from simulators.fitsfile import fits_bytes
from simulators.frame import Scene, render
from simulators.sky import stars_around
from simulators.view import sky_brightness_mag

VIS = CameraSettings()
FIELD = Scene(83.2, 22.0, False, 60.0, 2.6, 20.8, 0.01, 7)
DARK = replace(FIELD, ra_deg=None, dec_deg=None)


def _wcs(scene: Scene, camera: CameraSettings) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [scene.ra_deg, scene.dec_deg]
    wcs.wcs.crpix = [(camera.width + 1) / 2, (camera.height + 1) / 2]
    wcs.wcs.cdelt = [-camera.scale_arcsec / 3600, camera.scale_arcsec / 3600]
    return wcs


@pytest.mark.parametrize(("camera", "dec"), [(VIS, 22.0), (VIS, -89.95), (VIS, 89.0), (NIR, -45.0)])
def test_stars_stand_where_the_pointing_says(camera: CameraSettings, dec: float) -> None:
    scene = replace(FIELD, dec_deg=dec, seeing_arcsec=2 * camera.scale_arcsec, sky_mag=camera.sky_mag, exposure_s=10.0)
    data = render(camera, scene).astype(float)
    stars = stars_around(83.2, dec, 0.3)
    mag = stars.nir_mag if camera is NIR else stars.vis_mag
    x, y = _wcs(scene, camera).all_world2pix(stars.ra_deg, stars.dec_deg, 0)
    seen = 0
    for i in np.argsort(mag)[:4000]:
        inside = 10 < x[i] < camera.width - 11 and 10 < y[i] < camera.height - 11
        alone = np.sum((np.hypot(x - x[i], y - y[i]) < 12) & (mag < mag[i] + 3)) == 1
        if not (inside and alone):
            continue
        column, row = round(x[i]), round(y[i])
        box = data[row - 3 : row + 4, column - 3 : column + 4]
        if box.max() > 0.9 * saturation_adu(camera):
            continue
        signal = np.clip(box - np.median(data), 0, None)
        off = np.arange(-3, 4)
        assert (signal.sum(0) @ off) / signal.sum() + column == pytest.approx(x[i], abs=0.4)
        assert (signal.sum(1) @ off) / signal.sum() + row == pytest.approx(y[i], abs=0.4)
        seen += 1
        if seen == 12:
            break
    assert seen >= 5


def test_the_same_field_shows_the_same_stars_at_each_visit() -> None:
    first, second = (render(VIS, replace(FIELD, seed=seed)).astype(float) for seed in (1, 2))
    assert (first != second).mean() > 0.5
    bright = first > np.median(first) + 300
    assert bright.sum() > 100
    assert np.corrcoef(first[bright], second[bright])[0, 1] > 0.99
    elsewhere = render(VIS, replace(FIELD, dec_deg=24.0)).astype(float)
    assert np.corrcoef(first.ravel(), elsewhere.ravel())[0, 1] < 0.2
    assert (render(VIS, FIELD) == render(VIS, FIELD)).all()


def test_a_dark_frame_has_no_stars_and_the_right_noise() -> None:
    bias = render(VIS, replace(DARK, exposure_s=0.0)).astype(float)
    assert bias.mean() == pytest.approx(VIS.bias_adu, abs=0.2)
    noise_e = np.hypot(VIS.read_noise_e, VIS.bias_pattern_e)
    assert bias.std() == pytest.approx(np.hypot(noise_e / VIS.gain_e_adu, np.sqrt(1 / 12)), rel=0.02)
    dark = render(VIS, replace(DARK, dark_e_s=20.0, exposure_s=100.0)).astype(float)
    assert np.median(dark) - VIS.bias_adu == pytest.approx(2000 / VIS.gain_e_adu, rel=0.03)
    middle = np.percentile(dark, (16, 84))
    assert (middle[1] - middle[0]) / 2 < 6 * np.sqrt(2000) / VIS.gain_e_adu
    hot = (dark - VIS.bias_adu) * VIS.gain_e_adu > 20_000
    assert 10 < hot.sum() < 200


def test_light_adds_up_and_saturates() -> None:
    short, long = (render(VIS, replace(FIELD, exposure_s=s)).astype(float) for s in (60.0, 300.0))
    assert np.median(long) - VIS.bias_adu == pytest.approx(5 * (np.median(short) - VIS.bias_adu), rel=0.03)
    bright = render(VIS, replace(FIELD, exposure_s=3600.0, sky_mag=15.0))
    assert bright.max() <= 65535
    assert np.median(bright) == pytest.approx(saturation_adu(VIS), rel=0.01)


def test_vis_and_nir_differ() -> None:
    vis, nir = render(VIS, FIELD), render(NIR, replace(FIELD, sky_mag=NIR.sky_mag))
    assert np.median(nir) > 10 * np.median(vis)
    stars = stars_around(10, 10, 0.2)
    assert np.std(stars.vis_mag - stars.nir_mag) > 0.3


def test_a_flat_is_even_and_falls_off_towards_the_corners() -> None:
    flat = render(VIS, replace(DARK, lamp=True, exposure_s=5.0)).astype(float)
    centre, corner = np.median(flat[236:276, 236:276]), np.median(flat[:40, :40])
    assert 0.88 < (corner - VIS.bias_adu) / (centre - VIS.bias_adu) < 0.97


def test_twilight_brightens_the_sky() -> None:
    levels = [sky_brightness_mag(20.8, altitude) for altitude in (-40, -18, -15, -12, -6, 0)]
    assert levels[0] == levels[1] == 20.8
    assert levels[1:] == sorted(levels[1:], reverse=True)
    assert 2 < levels[-1] < 8


@given(st.floats(0, 360), st.floats(-90, 90), st.floats(0.01, 0.5))
def test_a_field_holds_all_its_stars(ra: float, dec: float, radius: float) -> None:
    field, wide = stars_around(ra, dec, radius), stars_around(ra, dec, min(radius * 2, 0.9))

    def inside(stars: Any) -> set[tuple[float, float]]:
        near = np.flatnonzero(np.abs(stars.dec_deg - dec) < radius)
        return {
            (float(stars.ra_deg[i]), float(stars.dec_deg[i]))
            for i in near[::20]
            if separation_deg(ra, dec, stars.ra_deg[i], stars.dec_deg[i]) < radius
        }

    assert inside(wide) <= {(float(a), float(d)) for a, d in zip(field.ra_deg, field.dec_deg, strict=True)}


def test_counts_follow_the_magnitudes() -> None:
    mag = np.concatenate([stars_around(ra, 0.5, 0.4).vis_mag for ra in range(0, 60, 3)])
    slope = np.log10(np.sum(mag < 17) / np.sum(mag < 14)) / 3
    assert slope == pytest.approx(0.35, abs=0.03)


def test_the_file_is_fits() -> None:
    data = np.arange(6 * 4, dtype=np.uint16).reshape(4, 6) * 2730
    with fits.open(io.BytesIO(fits_bytes(data, {"EXPTIME": (1.5, "[s] time")}))) as hdus:
        hdus.verify("exception")
        assert (hdus[0].data == data).all()
        assert hdus[0].data.dtype == np.uint16
        assert hdus[0].header["EXPTIME"] == 1.5
