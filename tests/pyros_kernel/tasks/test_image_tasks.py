"""Analyses and calibrations, through a camera that is a plain object and an archive on a real disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time
from numpy.typing import NDArray
from PIL import Image as Picture
from sqlalchemy import select

from instruments import Camera, CameraState, Frame, FrameKind, Operation, Rejected
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.clock import ManualClock
from pyros_kernel.images import ImageArchive, ImageContext
from pyros_kernel.settings import Settings
from pyros_kernel.store import Channel, Image, Night, Site, Store
from pyros_kernel.tasks.analysis import analyse_image
from pyros_kernel.tasks.calibration import BIASES, DARKS, take_calibrations

NIGHT = "2026-11-21"


class PlainCamera(Camera):
    """Answers at once, with frames of a known level; may refuse or be cancelled at the n-th."""

    def __init__(self, name: str, level: int = 500, at: Callable[[int], None] | None = None) -> None:
        super().__init__(name, "plain")
        self.level, self.at, self.count = level, at or (lambda _: None), 0

    @property
    def connected(self) -> bool:
        return True

    @property
    def last_state(self) -> CameraState | None:
        return None

    def connect(self, timeout_s: float = 5.0) -> None: ...

    def state(self, timeout_s: float = 2.0) -> CameraState:
        raise NotImplementedError

    def abort(self, reason: str = "") -> None: ...

    def disconnect(self) -> None: ...

    def set_filter(self, name: str) -> Operation[CameraState]:
        raise NotImplementedError

    def set_cooling(self, setpoint: u.Quantity | None) -> None: ...

    def expose(self, exposure_time: u.Quantity, kind: FrameKind = FrameKind.LIGHT) -> Operation[Frame]:
        self.count += 1
        self.at(self.count)
        level = self.level + int(2 * exposure_time.to_value(u.s)) + self.count % 3 - 1
        operation: Operation[Frame] = Operation(self.name, "expose")
        start = Time("2026-11-22T13:30:00") + self.count * u.min
        data = np.full((16, 16), level, np.uint16)
        operation.finish(Frame(data, {}, start, exposure_time, kind, "none", self.name))
        return operation


@dataclass
class Devices:
    cameras: dict[Channel, Camera]


@dataclass
class Services:
    store: Store
    settings: Settings
    archive: ImageArchive
    clock: ManualClock
    devices: Devices


@pytest.fixture
def services(store: Store, tmp_path: Path) -> Iterator[Services]:
    with store.session() as session:
        hours = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (0, 1, 13, 14))
        sunset, dusk, dawn, sunrise = hours
        site = session.scalars(select(Site)).first()
        assert site is not None
        session.add(Night(name=NIGHT, site=site, sunset=sunset, dusk=dusk, dawn=dawn, sunrise=sunrise))
    cameras: dict[Channel, Camera] = {
        Channel.VIS: PlainCamera("camera_vis"),
        Channel.NIR: PlainCamera("camera_nir", level=900),
    }
    settings = Settings.from_environment(tmp_path)
    clock = ManualClock(Time("2026-11-22T13:30:00"))
    yield Services(store, settings, ImageArchive(tmp_path), clock, Devices(cameras))
    assert not [t.name for t in threading.enumerate() if t.name.startswith("pyros-album")]


def night_id(services: Services) -> int:
    with services.store.session(read_only=True) as session:
        return session.scalars(select(Night.id).where(Night.name == NIGHT)).one()


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


def test_calibrations_of_both_cameras_and_their_masters(services: Services) -> None:
    saved(services, sky(), 0)  # 10 s with the VIS camera: its darks will be as long
    took = take_calibrations(night_id(services), services=services, cancelled=Cancellation())
    assert took["notes"] == []
    assert took["frames"] == 2 * (BIASES + DARKS)
    assert took["masters"] == [
        f"{NIGHT}/calibration/master_{kind}_{camera}.fits"
        for camera in ("camera_vis", "camera_nir")
        for kind in ("bias", "dark")
    ]
    with services.store.session(read_only=True) as session:
        images = session.scalars(select(Image).where(Image.kind != "light")).all()
        assert {i.exposure_time_s for i in images if i.kind == "dark"} == {10.0, 30.0}
        assert sum(i.kind == "bias" for i in images) == 2 * BIASES
    with fits.open(services.settings.data / took["masters"][1]) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["NCOMBINE"] == DARKS
        np.testing.assert_array_equal(hdus[0].data, 20.0)
    with fits.open(services.settings.data / took["masters"][2]) as hdus:
        np.testing.assert_array_equal(hdus[0].data, 900.0)


def test_a_missing_camera_is_noted_and_the_rest_goes_on(services: Services) -> None:
    del services.devices.cameras[Channel.VIS]
    took = take_calibrations(night_id(services), services=services, cancelled=Cancellation())
    assert took["notes"] == ["VIS: no camera, no calibrations"]
    assert took["frames"] == BIASES + DARKS


def test_a_camera_that_fails_is_noted_and_the_rest_goes_on(services: Services) -> None:
    def refuse(_count: int) -> None:
        raise Rejected("camera_vis", "expose", "shutter jammed")

    services.devices.cameras[Channel.VIS] = PlainCamera("camera_vis", at=refuse)
    took = take_calibrations(night_id(services), services=services, cancelled=Cancellation())
    assert len(took["notes"]) == 1
    assert "shutter jammed" in took["notes"][0]
    assert took["frames"] == BIASES + DARKS


def test_a_cancelled_calibration_keeps_what_it_took(services: Services) -> None:
    cancelled = Cancellation()
    camera = PlainCamera("camera_vis", at=lambda n: cancelled.set("the observatory goes down") if n == 3 else None)
    services.devices.cameras[Channel.VIS] = camera
    took = take_calibrations(night_id(services), services=services, cancelled=cancelled)
    assert took["notes"] == ["cancelled: the observatory goes down"]
    assert took["masters"] == []
    with services.store.session(read_only=True) as session:
        assert len(session.scalars(select(Image)).all()) == took["frames"] == 3
