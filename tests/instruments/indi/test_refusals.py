"""What drivers answer to a command, in all the forms that were met; and what they must not get away with."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.time import Time

from instruments import (
    Failed,
    FocuserState,
    NotConnected,
    Operation,
    OperationAborted,
    OperationState,
    ProtocolError,
    Rejected,
    Timeout,
)
from instruments.clock import Clock
from instruments.indi import IndiCamera, IndiFocuser, IndiSafetyMonitor, IndiWeatherStation
from instruments.indi.element import Element
from tests.instruments.indi.conftest import Driver, number
from tests.waiting import until

Serve = Callable[[Driver], Driver]
POSITION = "ABS_FOCUS_POSITION"
FAST = 300.0


def at(prefix: str, state: str, value: float | str) -> str:
    return number(prefix, POSITION, state, FOCUS_ABSOLUTE_POSITION=value)


def focuser(serve: Serve, answer: Callable[[Element], str | None], defines: str = "") -> tuple[IndiFocuser, Driver]:
    driver = serve(Driver(defines or at("def", "Ok", 50), answer))
    return IndiFocuser("F1", driver.address, Clock(Time("2026-11-23T04:00:00"), FAST)), driver


def test_an_alert_is_a_refusal_with_the_drivers_words_even_behind_a_stale_ok(serve: Serve) -> None:
    said = at("set", "Ok", 50) + "<message device='D' message='[ERROR] at the stop'/>" + at("set", "Alert", 50)
    device, _ = focuser(serve, lambda _: said)
    with device, pytest.raises(Rejected, match=r"F1: move_to 60: \[ERROR\] at the stop \(last known state: .*Ok"):
        device.move_to(60)


def test_a_warning_without_motion_is_a_refusal(serve: Serve) -> None:
    said = at("set", "Idle", 50) + "<message device='D' message='[WARNING] Please unpark'/>"
    device, _ = focuser(serve, lambda _: said)
    with device, pytest.raises(Rejected, match="Please unpark"):
        device.move_to(60)


def test_a_warning_with_motion_is_none(serve: Serve) -> None:
    said = "<message device='D' message='[WARNING] low battery'/>" + at("set", "Busy", 50)
    device, driver = focuser(serve, lambda _: said)
    with device:
        move = device.move_to(60)
        driver.say(at("set", "Ok", 60))
        assert move.wait(5).position.value == 60


def test_silence_is_a_timeout_within_its_deadline(serve: Serve) -> None:
    device, driver = focuser(serve, lambda _: "")
    with device:
        with pytest.raises(Timeout, match=r"neither took nor refused it within 1\.8 s"):
            device.move_to(60)
        assert [e.tag for e in driver.heard] == ["newNumberVector"]  # never sent again


def test_a_move_that_never_ends_is_unknown(serve: Serve) -> None:
    device, _ = focuser(serve, lambda _: at("set", "Busy", 50))
    with device:
        move = device.move_to(60)
        with pytest.raises(Timeout, match="outcome is unknown"):
            move.wait(10)
        assert move.state is OperationState.UNKNOWN


def test_an_arrival_that_is_a_lie_is_a_failure(serve: Serve) -> None:
    device, _ = focuser(serve, lambda _: at("set", "Busy", 50) + at("set", "Ok", 55))
    with device:
        move = device.move_to(60)
        with pytest.raises(Failed, match="says that it arrived, but it is at FOCUS_ABSOLUTE_POSITION 55"):
            move.wait(5)
        assert move.state is OperationState.FAILED


def test_an_alert_on_the_way_is_a_failure_and_an_idle_is_somebody_else(serve: Serve) -> None:
    device, driver = focuser(serve, lambda _: at("set", "Busy", 50))
    with device:
        move = device.move_to(60)
        driver.say("<message device='D' message='[ERROR] stalled'/>" + at("set", "Alert", 52))
        with pytest.raises(Failed, match="stalled"):
            move.wait(5)
        move = device.move_to(60)
        driver.say(at("set", "Idle", 53))
        with pytest.raises(OperationAborted, match="somebody else stopped it"):
            move.wait(5)


@pytest.mark.parametrize(
    "nonsense", ["<<<", at("set", "Ok", "nan of course"), "<setWhatVector device='D' name='X'/>", "<!DOCTYPE a>"]
)
def test_nonsense_hangs_up_and_leaves_the_outcome_unknown(serve: Serve, nonsense: str) -> None:
    device, driver = focuser(serve, lambda _: at("set", "Busy", 50))
    with device:
        move = device.move_to(60)
        driver.say(nonsense)
        with pytest.raises(NotConnected, match="talks nonsense"):
            move.wait(5)
        assert move.state is OperationState.UNKNOWN
        assert not device.connected
        device.connect()
        assert device.state().position.value == 50


def test_a_server_that_answers_pings_and_falls_silent_is_hung_up(serve: Serve) -> None:
    device, driver = focuser(serve, lambda _: "")
    with device:
        device.state()
        driver.deaf = True
        end = time.monotonic() + 3
        while device.connected and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(NotConnected, match="silent for"):
            device.state()


def test_a_server_that_knows_no_pings_is_not_hung_up(serve: Serve) -> None:
    driver = serve(Driver(at("def", "Ok", 50), pings=False))
    with IndiFocuser("F1", driver.address, Clock()) as device:
        time.sleep(2.5)
        assert device.connected
        device.state()


def test_what_is_not_there_is_named(serve: Serve) -> None:
    driver = serve(Driver(number("def", "OTHER", "Ok", X=1)))
    with pytest.raises(NotConnected, match=f"'D' has no {POSITION}"):
        IndiFocuser("F1", driver.address, Clock()).connect(1)
    with pytest.raises(NotConnected, match="no device 'E' is there; there are: D"):
        IndiFocuser("F1", driver.address[:-1] + "E", Clock()).connect(2)


@pytest.mark.parametrize("value", ["nan", "inf", "-NaN"])
def test_a_number_that_is_none_is_never_a_state_nor_an_arrival(serve: Serve, value: str) -> None:
    device, driver = focuser(serve, lambda _: at("set", "Busy", 50))
    with device:
        assert device.state().position.value == 50
        move = device.move_to(60)
        driver.say(at("set", "Ok", value))
        with pytest.raises(ProtocolError, match=f"FOCUS_ABSOLUTE_POSITION is {float(value)}"):
            move.wait(5)
        driver.defines = at("def", "Ok", value)
        with pytest.raises(ProtocolError, match=f"FOCUS_ABSOLUTE_POSITION is {float(value)}"):
            device.state()
        assert device.last_state is not None
        assert device.last_state.position.value == 50
        driver.defines = at("def", "Ok", 51)
        assert device.state().position.value == 51


def test_a_number_that_is_none_is_no_answer_to_a_command(serve: Serve) -> None:
    device, _ = focuser(serve, lambda _: at("set", "Ok", "nan"))
    with device, pytest.raises(ProtocolError, match="FOCUS_ABSOLUTE_POSITION is nan"):
        device.move_to(60)


def test_a_broken_sensor_is_no_reading(serve: Serve) -> None:
    values = {"WEATHER_TEMPERATURE": 7, "WEATHER_WIND_SPEED": "nan", "WEATHER_RAIN_HOUR": "nan"}
    driver = serve(Driver(number("def", "WEATHER_PARAMETERS", "Ok", **values)))
    with IndiWeatherStation("W1", driver.address, Clock()) as station:
        assert set(station.state().readings()) == {"temperature"}


def test_whoever_reads_the_link_may_be_the_one_who_closes_it(serve: Serve) -> None:
    device, driver = focuser(serve, lambda _: at("set", "Busy", 50))
    with device:
        move = device.move_to(60)
        ended: list[OperationState] = []

        def end(operation: Operation[FocuserState]) -> None:
            device.disconnect()
            ended.append(operation.state)

        move.add_done_callback(end)
        driver.defines = "<delProperty device='D'/>"  # the answer to who asks for its state: it is gone
        with pytest.raises(NotConnected, match="the driver is gone"):
            device.state()
        # Where the link's own thread read that first, it tells the operation a moment after whoever asked is told.
        until(lambda: ended == [OperationState.UNKNOWN], "the move ends as unknown")


def test_answers_reach_all_who_wait_at_once(serve: Serve) -> None:
    device, driver = focuser(serve, lambda _: "")
    seen: list[float] = []

    def ask() -> None:
        for _ in range(100):
            seen.append(device.state(20).position.value)

    with device:
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for value in range(40):
            driver.say(at("set", "Ok", value))
        for thread in threads:
            thread.join(60)
        assert len(seen) == 400
        assert not [thread for thread in threads if thread.is_alive()]


def test_memory_is_bounded(serve: Serve) -> None:
    device, driver = focuser(serve, lambda _: "")
    with device:
        driver.say("".join(number("def", f"P{n}", "Ok", X=1) for n in range(2100)))
        end = time.monotonic() + 5
        while device.connected and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(NotConnected, match="more than 2000 properties"):
            device.state()


def test_a_frozen_weather_driver_looks_as_old_as_it_is(serve: Serve) -> None:
    lights = (
        "<{}LightVector device='D' name='WEATHER_STATUS' state='{}'><{}Light name='WIND'>{}</{}Light></{}LightVector>"
    )
    values = {"WEATHER_TEMPERATURE": 7, "WEATHER_WIND_SPEED": 36, "WEATHER_RAIN_HOUR": 0}
    defines = number("def", "WEATHER_PARAMETERS", "Ok", **values) + lights.format(
        *["def", "Ok", "def", "Ok", "def", "def"]
    )
    driver = serve(Driver(defines))
    clock = Clock(Time("2026-11-23T04:00:00"), FAST)
    with (
        IndiWeatherStation("W1", driver.address, clock) as station,
        IndiSafetyMonitor("S1", serve(Driver(defines)).address, clock) as monitor,
    ):
        state = station.state()
        assert state.wind_speed is not None and state.temperature is not None and state.rain is not None
        assert state.wind_speed.value == pytest.approx(10)
        assert state.rain.value is False
        assert set(state.readings()) == {"temperature", "wind_speed", "rain"}
        clock.wait(30)
        again = station.state()  # the driver answers, with what it measured long ago
        assert again.temperature is not None
        assert again.temperature.age_s(clock.now()) > 29
        driver.say(number("set", "WEATHER_PARAMETERS", "Ok", **values))  # the same values, measured anew
        end = time.monotonic() + 5
        while station.state().time == state.time and time.monotonic() < end:
            time.sleep(0.01)
        fresh = station.state().temperature
        assert fresh is not None
        assert (fresh.time - again.temperature.time).to_value(u.s) > 29
        assert monitor.state().safe.value is True


@pytest.mark.parametrize(("state", "light"), [("Busy", "Busy"), ("Alert", "Alert"), ("Idle", "Idle"), ("Ok", "Alert")])
def test_only_green_is_safe(serve: Serve, state: str, light: str) -> None:
    status = (
        f"<defLightVector device='D' name='WEATHER_STATUS' state='{state}'>"
        f"<defLight name='WIND'>{light}</defLight></defLightVector>"
    )
    driver = serve(Driver(number("def", "WEATHER_PARAMETERS", "Ok", X=1) + status))
    with IndiSafetyMonitor("S1", driver.address, Clock()) as monitor:
        assert monitor.state().safe.value is False
        assert monitor.state().reason


def _camera(serve: Serve, image: Callable[[], str]) -> IndiCamera:
    kinds = "".join(f"<defSwitch name='FRAME_{k}'>Off</defSwitch>" for k in ("LIGHT", "BIAS", "DARK", "FLAT"))
    defines = (
        number("def", "CCD_EXPOSURE", "Idle", CCD_EXPOSURE_VALUE=1)
        + f"<defSwitchVector device='D' name='CCD_FRAME_TYPE' state='Idle' perm='rw'>{kinds}</defSwitchVector>"
        + "<defBLOBVector device='D' name='CCD1' state='Idle' perm='ro'><defBLOB name='CCD1'/></defBLOBVector>"
    )

    def answer(element: Element) -> str:
        if element.attributes.get("name") != "CCD_EXPOSURE":
            return ""
        busy = number("set", "CCD_EXPOSURE", "Busy", CCD_EXPOSURE_VALUE=1)
        return busy + image() + number("set", "CCD_EXPOSURE", "Ok", CCD_EXPOSURE_VALUE=0)

    return IndiCamera("C1", serve(Driver(defines, answer)).address, Clock(Time("2026-11-23T04:00:00"), FAST))


def _blob(payload: bytes, form: str, length: int) -> str:
    one = f"<oneBLOB name='CCD1' format='{form}' size='{length}' len='{length}'>{base64.b64encode(payload).decode()}"
    return f"<setBLOBVector device='D' name='CCD1' state='Ok'>{one}</oneBLOB></setBLOBVector>"


def _fits(compressed: bool = False) -> bytes:
    data = np.arange(12, dtype=np.uint16).reshape(3, 4)
    hdu = fits.CompImageHDU(data) if compressed else fits.ImageHDU(data)
    file = io.BytesIO()
    hdus = fits.HDUList([fits.PrimaryHDU(), hdu]) if compressed else fits.HDUList([fits.PrimaryHDU(data)])
    hdus.writeto(file)
    return file.getvalue()


@pytest.mark.parametrize(("compressed", "form", "padding"), [(False, ".fits", 0), (True, ".fits.fz", 5000)])
def test_images_plain_and_compressed(serve: Serve, compressed: bool, form: str, padding: int) -> None:
    payload = _fits(compressed)
    with _camera(serve, lambda: _blob(payload + b"\0" * padding, form, len(payload))) as camera:
        frame = camera.expose(1 * u.s).wait(5)
        assert np.array_equal(frame.data, np.arange(12).reshape(3, 4))
        assert "NAXIS" not in frame.header


@pytest.mark.parametrize(
    "image", [_blob(b"no fits at all", ".fits", 14), _blob(b"", ".fits", 0), _blob(b"xx", ".z", 2)]
)
def test_an_image_that_is_none_is_a_protocol_error(serve: Serve, image: str) -> None:
    with _camera(serve, lambda: image.replace("><", ">!!!!<") if "></oneBLOB" in image else image) as camera:
        exposure = camera.expose(1 * u.s)
        with pytest.raises(ProtocolError, match="not the FITS file it should be"):
            exposure.wait(5)


def test_a_camera_that_says_done_and_sends_nothing_has_failed(serve: Serve) -> None:
    with _camera(serve, lambda: "") as camera:
        exposure = camera.expose(1 * u.s)
        with pytest.raises((Failed, Timeout), match=r"no image|outcome is unknown"):
            exposure.wait(10)
        assert exposure.state is not OperationState.DONE


def test_connections_are_given_back_when_many_connect(serve: Serve) -> None:
    device, _ = focuser(serve, lambda _: "")
    for _ in range(5):
        device.connect()
        device.disconnect()
    assert not [t for t in threading.enumerate() if t.name == "pyros-indi-F1"]
