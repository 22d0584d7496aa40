"""What every device of every back end must do, and must not."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from astropy import units as u
from astropy.coordinates import FK5, AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from instruments import (
    Camera,
    CameraActivity,
    Dome,
    FilterWheel,
    Focuser,
    FrameKind,
    InstrumentError,
    Motion,
    NotConnected,
    Operation,
    OperationAborted,
    OperationState,
    Rejected,
    Rotator,
    Shutter,
    Telescope,
)
from instruments.pyros.camera import PyrosCamera
from tests.instruments.back_ends import ELEVATION, LATITUDE, LONGITUDE, OURS, BackEnd
from tests.instruments.proxy import Proxy

Make = Callable[[str], tuple[Any, Proxy]]
WAIT_S = 20
MOVERS = ("telescope", "camera_vis", "camera_nir", "filter_wheel", "focuser", "rotator", "dome")
EXPOSES = {"pyros": b"DO EXPOSE", "indi": b"CCD_EXPOSURE", "alpaca": b"Duration="}
# What acts, on each wire; a heartbeat doesn't.
ACTS = (b"<new", b"PUT ", b" SET ", b" DO ")


def begin(back_end: BackEnd, device: Any, far: bool = True) -> Operation[Any]:
    """Begin what takes a while on a device, and moves it between two places."""
    state = device.state()
    match device:
        case Telescope():
            device.unpark()
            here = state.azimuth.value
            return device.slew_to(back_end.target(60, 250 if here < 180 else 100))
        case Camera():
            return device.expose((100 if far else 2) * u.s)
        case FilterWheel():
            first, second = back_end.filters()
            return device.set_filter(second if state.filter.value == first else first)
        case Focuser():
            return device.move_to(20000 if state.position.value > 40000 else 60000)
        case Rotator():
            return device.move_to((200 if state.angle.value < 100 else 20) * u.deg)
        case Dome():
            return device.move_to((200 if state.azimuth.value < 100 else 20) * u.deg)
    raise AssertionError(device)


def acted(wire: Proxy) -> bool:
    """Tell whether a command went over the wire."""
    return any(word in wire.sent for word in ACTS)


@pytest.mark.parametrize("kind", OURS)
def test_a_device_connects_and_tells_its_state_with_ages(back_end: BackEnd, make: Make, kind: str) -> None:
    device, _ = make(kind)
    assert device.connected
    before = back_end.clock.unix_s()
    state = device.state()
    assert device.last_state == state or device.last_state.time == state.time
    age_s = before - float(state.time.unix)
    assert age_s < (120 if kind in ("weather_station", "safety_monitor") else 20)
    device.connect()  # a second time is once
    device.disconnect()
    assert not device.connected
    with pytest.raises(NotConnected) as caught:
        device.state()
    assert caught.value.device == kind
    assert " s ago" in caught.value.last_state


@pytest.mark.parametrize("kind", MOVERS)
def test_an_operation_ends_exactly_once_where_it_was_sent(back_end: BackEnd, make: Make, kind: str) -> None:
    device, _ = make(kind)
    operation = begin(back_end, device, far=False)
    ended: list[OperationState] = []
    operation.add_done_callback(lambda one: ended.append(one.state))
    assert operation.eta_s > 0
    assert operation.sent_monotonic_s is not None
    result = operation.wait(WAIT_S)
    assert operation.state is OperationState.DONE
    assert operation.progress == 1
    with contextlib.suppress(Rejected):  # a focuser may know no way to be stopped
        device.abort()
    operation.lose(RuntimeError("too late"))
    assert ended == [OperationState.DONE]
    match device:
        case Telescope():
            assert result.motion.value is Motion.TRACKING
        case Camera():
            assert result.data.shape[0] >= 200
            assert result.data.dtype == "uint16"
            assert result.exposure_time == 2 * u.s
            assert result.filter in device.state().filters
        case FilterWheel():
            assert result.filter.value in back_end.filters()
            assert not result.moving.value
        case Focuser():
            assert result.position.value in (20000, 60000)
        case Rotator():
            assert min(abs(result.angle.value - one) for one in (20, 200)) < 0.2
        case _:
            assert min(abs(result.azimuth.value - one) for one in (20, 200)) < 1.5


def test_frames_of_every_kind(make: Make) -> None:
    camera, _ = make("camera_vis")
    for kind in FrameKind:
        frame = camera.expose((0 if kind is FrameKind.BIAS else 1) * u.s, kind).wait(WAIT_S)
        assert frame.kind is kind
        assert frame.camera == "camera_vis"
    camera.set_cooling(-10 * u.deg_C)
    camera.set_cooling(None)


def test_a_camera_turns_its_wheel_and_takes_one_frame_at_a_time(back_end: BackEnd, make: Make) -> None:
    camera, _ = make("camera_vis")
    for name in back_end.filters():
        assert camera.set_filter(name).wait(WAIT_S).filter.value == name
        assert camera.expose(0.5 * u.s).wait(WAIT_S).filter == name
    exposure = camera.expose(100 * u.s)
    with pytest.raises(Rejected):
        camera.expose(1 * u.s)
    state = camera.state()
    assert state.activity.value is CameraActivity.EXPOSING
    assert state.exposure is not None and state.exposure.value == 100, "of the one that runs, not of the refused one"
    exposure.cancel()
    with pytest.raises(OperationAborted):
        exposure.wait(WAIT_S)
    state = camera.state()
    assert state.activity.value is CameraActivity.IDLE and state.exposure is None


def test_an_exposure_that_is_stopped_is_read_out_or_else_discarded(make: Make) -> None:
    camera, _ = make("camera_vis")
    exposure = camera.expose(1000 * u.s)
    camera.stop_exposure()
    try:
        frame = exposure.wait(WAIT_S)
    except OperationAborted:
        assert not isinstance(camera, PyrosCamera)  # which can
    else:
        assert 0 <= frame.exposure_time.to_value(u.s) < 1000
    assert camera.state().activity.value is CameraActivity.IDLE
    assert camera.expose(0.5 * u.s).wait(WAIT_S).exposure_time == 0.5 * u.s


@pytest.mark.parametrize("through", [True, False], ids=["begun", "lost"])
def test_an_exposure_whose_command_was_cut_is_taken_up_or_sent_again(
    back_end: BackEnd, make: Make, through: bool
) -> None:
    camera, wire = make("camera_vis")
    took = (100 if through else 3) * u.s  # long enough to be still under way once there is a link again
    wire.cut_at(EXPOSES[back_end.name], through=through)
    with pytest.raises(InstrumentError):
        camera.expose(took)
    _wait_until(lambda: _again(camera))
    begun = camera.take_up()
    assert (begun is not None) is through
    frame = (begun or camera.expose(took)).wait(WAIT_S)
    assert frame.exposure_time == took
    assert camera.state().activity.value is CameraActivity.IDLE
    assert camera.expose(0.5 * u.s).wait(WAIT_S).exposure_time == 0.5 * u.s


def test_an_exposure_whose_link_is_cut_is_picked_up(make: Make) -> None:
    camera, wire = make("camera_vis")
    exposure = camera.expose(100 * u.s)
    wire.cut()
    with pytest.raises(InstrumentError):
        exposure.wait(WAIT_S)
    assert exposure.state is OperationState.UNKNOWN
    wire.mend()
    _wait_until(lambda: _again(camera))
    again = camera.pick_up(exposure)
    assert again is not None
    assert again.wait(WAIT_S).exposure_time == 100 * u.s
    with pytest.raises(Rejected):
        camera.pick_up(exposure)  # it is over, or was picked up already


def test_the_shutter_opens_and_closes(make: Make) -> None:
    dome, _ = make("dome")
    assert dome.open().wait(WAIT_S).shutter.value is Shutter.OPEN
    assert dome.close().wait(WAIT_S).shutter.value is Shutter.CLOSED
    assert dome.close().wait(WAIT_S).shutter.value is Shutter.CLOSED


@pytest.mark.parametrize("kind", [kind for kind in MOVERS if kind != "dome"])  # which turns to any azimuth
def test_what_is_beyond_the_limits_is_refused_before_a_byte_is_sent(back_end: BackEnd, make: Make, kind: str) -> None:
    device, wire = make(kind)
    if isinstance(device, Telescope):
        device.unpark()
    wire.sent.clear()
    with pytest.raises(Rejected) as caught:
        match device:
            case Telescope():
                device.slew_to(back_end.target(-20, 90))
            case Camera():
                device.expose(1e9 * u.s)
            case FilterWheel():
                device.set_filter("of another world")
            case Focuser():
                device.move_to(-5)
            case _:
                device.move_to(1000 * u.deg)
    assert not acted(wire)
    assert caught.value.device == kind
    assert " s ago" in caught.value.last_state


def test_an_unknown_filter_is_refused_and_the_others_are_named(back_end: BackEnd, make: Make) -> None:
    for kind in ("camera_vis", "filter_wheel"):
        device, _ = make(kind)
        with pytest.raises(Rejected, match=back_end.filters()[0]):
            device.set_filter("of another world")


def test_what_is_no_quantity_of_its_unit_is_refused_before_a_byte_is_sent(make: Make) -> None:
    for kind, act in (
        ("dome", "move_to"),
        ("rotator", "move_to"),
        ("camera_vis", "expose"),
        ("camera_vis", "set_cooling"),
    ):
        device, wire = make(kind)
        wire.sent.clear()
        for other, why in ((1 * u.m, "1.0 m is not in a unit like"), (1.0, "1.0 has no unit: give a quantity in")):
            with pytest.raises(u.UnitConversionError, match=why):
                getattr(device, act)(other)
        with pytest.raises(ValueError, match="no finite quantity"):
            getattr(device, act)(float("nan") * {"expose": u.s, "set_cooling": u.deg_C}.get(act, u.deg))
        assert not acted(wire)


@pytest.mark.parametrize("act", ["slew_to", "sync"])
def test_what_is_no_position_is_refused_before_a_byte_is_sent(make: Make, act: str) -> None:
    telescope, wire = make("telescope")
    telescope.unpark()
    wire.sent.clear()
    with pytest.raises(TypeError, match=r"a SkyCoord, such as .*, not at \(10, 41\)"):
        getattr(telescope, act)((10, 41))
    for target, why in (
        (SkyCoord([1, 2], [3, 4], unit="deg"), "one position"),
        (SkyCoord(float("nan"), 3, unit="deg"), "no finite"),
    ):
        with pytest.raises(ValueError, match=why):
            getattr(telescope, act)(target)
    assert not acted(wire)


def test_a_target_in_any_frame(back_end: BackEnd, make: Make) -> None:
    telescope, _ = make("telescope")
    telescope.unpark()
    icrs = back_end.target(55, 200)
    place = EarthLocation.from_geodetic(LONGITUDE, LATITUDE, ELEVATION)
    for target in (
        icrs.transform_to(FK5(equinox=Time("J1975"))),
        icrs.galactic,
        icrs.transform_to(AltAz(obstime=back_end.clock.now(), location=place)),
    ):
        state = telescope.slew_to(target).wait(WAIT_S)
        assert state.position.value.separation(icrs) < 30 * u.arcsec
        assert state.altitude.value == pytest.approx(55, abs=1.5)


def test_a_later_slew_replaces_the_one_under_way(back_end: BackEnd, make: Make) -> None:
    telescope, _ = make("telescope")
    begin(back_end, telescope).wait(WAIT_S)
    old = begin(back_end, telescope)
    target = back_end.target(70, 320)
    new = telescope.slew_to(target)
    with pytest.raises(OperationAborted, match="replaced by slew_to"):
        old.wait(WAIT_S)
    assert new.wait(WAIT_S).position.value.separation(target) < 30 * u.arcsec


def test_a_parked_mount_refuses_until_it_is_unparked(back_end: BackEnd, make: Make) -> None:
    telescope, _ = make("telescope")
    assert telescope.park().wait(WAIT_S).motion.value is Motion.PARKED
    with pytest.raises(Rejected, match="parked"):
        telescope.slew_to(back_end.target())
    telescope.unpark()
    telescope.track(True)
    assert telescope.state().motion.value is Motion.TRACKING
    telescope.track(False)
    assert telescope.state().motion.value is Motion.IDLE


@pytest.mark.parametrize("kind", ["telescope", "camera_vis", "camera_nir", "dome"])
def test_abort_gets_through_while_other_calls_wait(back_end: BackEnd, make: Make, kind: str) -> None:
    device, _ = make(kind)
    operation = begin(back_end, device)
    caught: list[BaseException] = []
    stop = threading.Event()

    def wait() -> None:
        try:
            operation.wait(WAIT_S)
        except OperationAborted as error:
            caught.append(error)

    def ask() -> None:
        while not stop.is_set():
            device.state()

    threads = [threading.Thread(target=wait), threading.Thread(target=ask), threading.Thread(target=ask)]
    for thread in threads:
        thread.start()
    device.abort("through")
    stop.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert operation.state is OperationState.ABORTED
    assert "through" in str(caught[0])


@pytest.mark.parametrize("kind", ["telescope", "camera_vis", "camera_nir", "dome"])
def test_a_link_that_breaks_leaves_the_outcome_unknown_and_comes_back(back_end: BackEnd, make: Make, kind: str) -> None:
    device, wire = make(kind)
    operation = begin(back_end, device)
    wire.cut()
    with pytest.raises(InstrumentError):
        operation.wait(5)
    assert operation.state is OperationState.UNKNOWN
    _wait_until(lambda: not device.connected)
    with pytest.raises(NotConnected):
        device.state()
    with pytest.raises(NotConnected):
        device.connect(1)
    wire.mend()
    device.connect()
    device.state()
    with contextlib.suppress(Rejected):
        device.abort()
    assert operation.state is OperationState.UNKNOWN


@pytest.mark.parametrize("kind", ["telescope", "camera_vis", "camera_nir", "dome"])
def test_a_device_that_falls_silent_is_seen_in_time(back_end: BackEnd, make: Make, kind: str) -> None:
    device, wire = make(kind)
    operation = begin(back_end, device)
    wire.hold()
    with pytest.raises(InstrumentError):
        device.state(timeout_s=1.0)
    assert operation.state is not OperationState.DONE
    wire.mend()
    if back_end.name == "pyros":
        device.state(5)  # a PyROS line waits for its answers
    else:
        _wait_until(lambda: _again(device))
    with contextlib.suppress(InstrumentError):
        device.abort()
    assert operation.state is not OperationState.RUNNING


def test_connecting_from_many_threads_leaves_one_link(make: Make) -> None:
    device, _ = make("telescope")
    device.disconnect()
    threads = [threading.Thread(target=device.connect) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert device.connected
    device.state()
    named = [t.name for t in threading.enumerate() if t.name.startswith("pyros-") and t.name.endswith("-telescope")]
    assert len(named) == 1, named


def _again(device: Any) -> bool:
    try:
        device.connect(2)
        device.state()
    except InstrumentError:
        return False
    return True


def _wait_until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
