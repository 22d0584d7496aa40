"""The whole way: faces of the instruments, the wire, and simulators in a child process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK5, AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from instruments import (
    Camera,
    CameraActivity,
    Dome,
    FrameKind,
    Motion,
    OperationAborted,
    OperationState,
    Plc,
    Rejected,
    Shutter,
    Telescope,
)
from instruments.connect import open_instrument

if TYPE_CHECKING:
    from tests.instruments.conftest import Simulators

WAIT_S = 15


@pytest.fixture
def telescope(simulators: Simulators) -> Iterator[Telescope]:
    with simulators.device("telescope") as device:
        assert isinstance(device, Telescope)
        device.unpark()
        yield device
        device.abort()


@pytest.fixture
def dome(simulators: Simulators) -> Iterator[Dome]:
    with simulators.device("dome") as device:
        assert isinstance(device, Dome)
        yield device


@pytest.fixture
def vis(simulators: Simulators) -> Iterator[Camera]:
    with simulators.device("vis") as device:
        assert isinstance(device, Camera)
        yield device


def test_a_slew_ends_on_target_and_tracks(telescope: Telescope, simulators: Simulators) -> None:
    target = simulators.target()
    before = time.monotonic()
    slew = telescope.slew_to(target)
    assert slew.sent_monotonic_s is not None
    assert before < slew.sent_monotonic_s < time.monotonic()
    assert 0 < slew.eta_s < 20
    state = slew.wait(WAIT_S)
    assert slew.state is OperationState.DONE
    assert slew.progress == 1
    assert state.motion.value is Motion.TRACKING
    assert state.position.value.separation(target) < 1 * u.arcsec
    assert state.motion.is_fresh(simulators.clock.now(), 60)
    # It follows the sky: an hour later it still points there, at another altitude.
    simulators.clock.wait(600)
    later = telescope.state()
    assert later.position.value.separation(target) < 1 * u.arcsec
    assert abs(later.altitude.value - state.altitude.value) > 0.5


def test_any_frame_is_a_target(telescope: Telescope, simulators: Simulators) -> None:
    icrs = simulators.target(50, 200)
    now = simulators.clock.now()
    place = EarthLocation.from_geodetic(-115.4637, 31.0443, 2800)
    for target in (
        icrs.transform_to(FK5(equinox=Time("J1975"))),
        icrs.galactic,
        icrs.transform_to(AltAz(obstime=now, location=place)),
    ):
        assert telescope.slew_to(target).wait(WAIT_S).position.value.separation(icrs) < 1 * u.arcsec


def test_a_target_below_the_limit_is_refused_and_nothing_moves(telescope: Telescope, simulators: Simulators) -> None:
    telescope.slew_to(simulators.target(70, 90)).wait(WAIT_S)
    with pytest.raises(Rejected, match=r"telescope: slew_to .*below the limit of 10.0°.*last known state: motion"):
        telescope.slew_to(simulators.target(-20, 90))
    # Within the margin of the local check the device itself says no.
    with pytest.raises(Rejected, match="refused: the target stands at altitude"):
        telescope.slew_to(simulators.target(9.8, 180))
    assert telescope.state().motion.value is Motion.TRACKING


def test_a_list_of_targets_is_refused(telescope: Telescope) -> None:
    with pytest.raises(ValueError, match="one position"):
        telescope.slew_to(SkyCoord([1, 2], [3, 4], unit="deg"))


def test_a_newer_slew_replaces_one_under_way(telescope: Telescope, simulators: Simulators) -> None:
    telescope.slew_to(simulators.target(60, 30)).wait(WAIT_S)
    old = telescope.slew_to(simulators.target(60, 200))
    target = simulators.target(70, 320)
    new = telescope.slew_to(target)
    with pytest.raises(OperationAborted, match="replaced by slew_to"):
        old.wait(WAIT_S)
    assert new.wait(WAIT_S).position.value.separation(target) < 1 * u.arcsec


def test_abort_and_cancel_stop_the_mount(telescope: Telescope, simulators: Simulators) -> None:
    for stop in ("abort", "cancel"):
        telescope.slew_to(simulators.target(60, 30)).wait(WAIT_S)
        slew = telescope.slew_to(simulators.target(60, 200))
        telescope.abort("by the test") if stop == "abort" else slew.cancel()
        with pytest.raises(OperationAborted, match=r"by the test|was cancelled"):
            slew.wait(WAIT_S)
        assert slew.state is OperationState.ABORTED
        assert telescope.state().motion.value is Motion.IDLE


def test_a_slew_that_somebody_else_stops_is_aborted_not_done(telescope: Telescope, simulators: Simulators) -> None:
    with simulators.device("telescope") as other:
        telescope.slew_to(simulators.target(60, 30)).wait(WAIT_S)
        slew = telescope.slew_to(simulators.target(60, 200))
        other.abort()
        with pytest.raises(OperationAborted, match="somebody else stopped the mount: it is idle"):
            slew.wait(WAIT_S)


def test_a_parked_mount_refuses_until_unparked(telescope: Telescope, simulators: Simulators) -> None:
    assert telescope.park().wait(WAIT_S).motion.value is Motion.PARKED
    assert telescope.park().wait(WAIT_S).motion.value is Motion.PARKED
    with pytest.raises(Rejected, match="parked; use TELESCOPE DO UNPARK first"):
        telescope.slew_to(simulators.target())
    telescope.unpark()
    assert telescope.slew_to(simulators.target()).wait(WAIT_S).motion.value is Motion.TRACKING


def test_tracking_is_switched_and_the_mount_synchronised(telescope: Telescope, simulators: Simulators) -> None:
    target = simulators.target()
    telescope.slew_to(target).wait(WAIT_S)
    telescope.track(False)
    assert telescope.state().motion.value is Motion.IDLE
    telescope.track(True)
    assert telescope.state().motion.value is Motion.TRACKING
    moved = target.spherical_offsets_by(0.2 * u.deg, 0.1 * u.deg)
    telescope.sync(moved)
    assert telescope.state().position.value.separation(moved) < 1 * u.arcsec


def test_an_operation_can_be_awaited(telescope: Telescope, simulators: Simulators) -> None:
    async def go() -> Motion:
        return (await telescope.slew_to(simulators.target())).motion.value

    assert asyncio.run(go()) is Motion.TRACKING


def test_the_dome_opens_turns_and_closes(dome: Dome) -> None:
    assert dome.state().shutter.value is Shutter.CLOSED
    opening = dome.open()
    assert dome.state().shutter.value in (Shutter.OPENING, Shutter.OPEN)
    assert opening.wait(WAIT_S).shutter.value is Shutter.OPEN
    turned = dome.move_to(190 * u.deg).wait(WAIT_S)
    assert turned.azimuth.value == pytest.approx(190, abs=0.1)
    assert not turned.moving.value
    assert dome.close().wait(WAIT_S).shutter.value is Shutter.CLOSED
    assert dome.close().wait(WAIT_S).shutter.value is Shutter.CLOSED


def test_closing_replaces_opening_and_an_aborted_shutter_is_unknown(dome: Dome) -> None:
    opening = dome.open()
    closing = dome.close()
    with pytest.raises(OperationAborted, match="replaced by close"):
        opening.wait(WAIT_S)
    assert closing.wait(WAIT_S).shutter.value is Shutter.CLOSED
    opening = dome.open()
    dome.abort("halfway")
    with pytest.raises(OperationAborted, match="halfway"):
        opening.wait(WAIT_S)
    assert dome.state().shutter.value in (Shutter.UNKNOWN, Shutter.OPEN)
    dome.close().wait(WAIT_S)


def test_a_frame_comes_back_whole(vis: Camera, simulators: Simulators) -> None:
    before = simulators.clock.unix_s()
    exposure = vis.expose(20 * u.s)
    frame = exposure.wait(WAIT_S)
    assert frame.data.shape == (200, 256)
    assert frame.data.dtype == np.uint16
    assert frame.kind is FrameKind.LIGHT
    assert (frame.camera, frame.filter, frame.exposure_time) == ("vis", "g", 20 * u.s)
    assert before <= frame.start.unix <= simulators.clock.unix_s() - 20
    assert {"DATE-OBS", "EXPTIME", "FILTER", "GAIN", "RDNOISE", "CCD-TEMP", "INSTRUME", "SIM_SEE"} <= set(frame.header)
    assert "NAXIS1" not in frame.header
    assert frame.header["EXPTIME"] == (20.0, "[s] open-shutter time")
    assert vis.state().activity.value is CameraActivity.IDLE


def test_a_busy_camera_refuses_and_abort_discards(vis: Camera) -> None:
    exposure = vis.expose(3000 * u.s)
    assert vis.state().activity.value is CameraActivity.EXPOSING
    assert vis.state().remaining.value > 1000
    with pytest.raises(Rejected, match=r"busy: frame . is being taken"):
        vis.expose(1 * u.s)
    with pytest.raises(Rejected, match="busy"):
        vis.set_filter("r")
    vis.abort("clouds")
    with pytest.raises(OperationAborted, match="clouds"):
        exposure.wait(WAIT_S)
    assert vis.expose(0 * u.s, FrameKind.BIAS).wait(WAIT_S).kind is FrameKind.BIAS


def test_filters_and_cooler(vis: Camera, simulators: Simulators) -> None:
    assert vis.state().filters == ("g", "r")
    assert vis.set_filter("r").wait(WAIT_S).filter.value == "r"
    with pytest.raises(Rejected, match="no filter 'u'; there are g, r"):
        vis.set_filter("u")
    with pytest.raises(Rejected, match="time must lie within 0 to 3600 s"):
        vis.expose(2 * u.h)
    vis.set_cooling(None)
    simulators.clock.wait(30)
    assert vis.state().temperature.value > -55
    vis.set_cooling(-60 * u.deg_C)
    simulators.clock.wait(60)
    assert vis.state().temperature.value == pytest.approx(-60)


def test_the_plc_reads_weather_with_a_time_each(simulators: Simulators) -> None:
    with simulators.device("plc") as plc, simulators.control() as control:
        assert isinstance(plc, Plc)
        state = plc.state()
        readings = state.readings()
        now = simulators.clock.now()
        assert all(r.is_fresh(now, 60) for r in readings.values())
        assert len({r.time.unix for r in readings.values()}) > 1
        assert (state.rain.value, state.mains.value, state.emergency_stop.value) == (False, True, False)
        assert state.humidity.value < 80
        control.set_weather("rain", True)
        control.set_weather("humidity", 97)
        assert (plc.state().rain.value, plc.state().humidity.value) == (True, 97)
        control.set_weather("rain", None)
        control.set_weather("humidity", None)
        assert (plc.state().rain.value, plc.state().humidity.value < 80) == (False, True)
        with pytest.raises(Rejected, match="rain takes true or false"):
            control.set_weather("rain", 5.0)
        control.freeze()
        frozen = plc.state().time.unix
        simulators.clock.wait(60)
        assert plc.state().time.unix == frozen
        assert not plc.state().rain.is_fresh(simulators.clock.now(), 30)
        control.thaw()
        assert plc.state().time.unix > frozen


@pytest.mark.parametrize(
    ("kind", "address", "says"),
    [
        ("telescope", "http://127.0.0.1:1/TELESCOPE", "no back end for"),
        ("balloon", "pyros://127.0.0.1:1/TELESCOPE", "no 'balloon'; it has: telescope"),
        ("telescope", "pyros://127.0.0.1/TELESCOPE", "pyros://host:port/DEVICE"),
        ("telescope", "pyros://127.0.0.1:1/BALLOON", "DEVICE one of TELESCOPE"),
        ("telescope", "pyros://127.0.0.1:99999/TELESCOPE", "no address"),
    ],
)
def test_a_wrong_address_says_what_is_right(kind: str, address: str, says: str, simulators: Simulators) -> None:
    with pytest.raises(ValueError, match=f"^T1: .*{says}"):
        open_instrument(kind, "T1", address, simulators.clock)
