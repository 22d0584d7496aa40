"""Analyses of images in an archive on a real disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from numpy.typing import NDArray
from PIL import Image as Picture
from sqlalchemy import select

from instruments import Frame, FrameKind
from pyros_kernel.images import ImageArchive, ImageContext
from pyros_kernel.settings import Settings
from pyros_kernel.store import Image, Night, Site, Store
from pyros_kernel.tasks.analysis import analyse_image

NIGHT = "2026-11-21"


@dataclass
class Services:
    store: Store
    settings: Settings
    archive: ImageArchive


@pytest.fixture
def services(store: Store, tmp_path: Path) -> Services:
    with store.session() as session:
        hours = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (0, 1, 13, 14))
        sunset, dusk, dawn, sunrise = hours
        site = session.scalars(select(Site)).first()
        assert site is not None
        session.add(Night(name=NIGHT, site=site, sunset=sunset, dusk=dusk, dawn=dawn, sunrise=sunrise))
    settings = Settings.from_environment(tmp_path)
    return Services(store, settings, ImageArchive(tmp_path))


def saved(services: Services, data: NDArray[np.uint16], second: int) -> int:
    start = Time("2026-11-22T05:00:00") + second * u.s
    frame = Frame(data, {}, start, 10 * u.s, FrameKind.LIGHT, "r", "camera_vis")
    return services.archive.save(frame, ImageContext(night=NIGHT), services.store).id


def sky(seed: int = 0) -> NDArray[np.uint16]:
    y, x = np.mgrid[0:128, 0:128]
    star = 5000 * np.exp(-4 * np.log(2) * ((y - 60) ** 2 + (x - 70) ** 2) / 3.0**2)
    return np.random.default_rng(seed).poisson(500 + star).astype(np.uint16)


def test_an_analysis_fills_the_row_and_draws_the_thumbnail(services: Services) -> None:
    image_id = saved(services, sky(), 0)
    figures = analyse_image(image_id, services=services)
    assert figures["stars"] == 1
    assert figures["fwhm_px"] == pytest.approx(3.0, rel=0.1)
    with services.store.session(read_only=True) as session:
        row = session.get_one(Image, image_id)
        assert row.quicklook == figures
        png = (services.settings.data / row.path).with_suffix(".png")
    with Picture.open(png) as picture:
        assert picture.size == (320, 320)
    assert not list(png.parent.glob("*.part"))


def test_a_camera_that_repeats_itself_is_flagged(services: Services) -> None:
    first, second, third = saved(services, sky(), 0), saved(services, sky(), 20), saved(services, sky(1), 20)
    assert analyse_image(first, services=services)["flags"] == []
    assert analyse_image(second, services=services)["flags"] == ["duplicate"]
    assert analyse_image(third, services=services)["flags"] == ["same_time"]


def test_an_image_that_is_gone_is_named(services: Services) -> None:
    image_id = saved(services, sky(), 0)
    for path in services.settings.data.rglob("*.fits"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="camera-vis"):
        analyse_image(image_id, services=services)
