"""kill -9 of servers and of drivers: seen in time, nothing reported done that wasn't, and everything works again."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from astropy import units as u

from instruments import Camera, Dome, InstrumentError, NotConnected, OperationState, Telescope, Timeout
from instruments.reconnect import Reconnector
from tests.instruments.back_ends import BackEnd, running

SEEN_S = 2.0


@pytest.fixture(params=("pyros", "indi", "alpaca"))
def server(request: pytest.FixtureRequest) -> Iterator[BackEnd]:
    with running(str(request.param)) as it:
        yield it


@pytest.fixture
def indi() -> Iterator[BackEnd]:
    with running("indi") as it:
        yield it


def test_a_killed_server_is_seen_and_its_devices_come_back_with_it(server: BackEnd) -> None:
    telescope, dome, camera = (server.device(kind) for kind in ("telescope", "dome", "camera_vis"))
    devices = (telescope, dome, camera)
    try:
        for device in devices:
            device.connect()
        assert isinstance(telescope, Telescope) and isinstance(dome, Dome) and isinstance(camera, Camera)
        telescope.unpark()
        running_ = [
            telescope.slew_to(server.target(60, 250)),
            dome.move_to(180 * u.deg),
            camera.expose(300 * u.s),
        ]
        server.kill()
        _wait_until(lambda: not any(device.connected for device in devices), SEEN_S)
        for operation in running_:
            with pytest.raises(InstrumentError):
                operation.wait(SEEN_S)
            assert operation.state is OperationState.UNKNOWN
        for device in devices:
            with pytest.raises(NotConnected):
                device.state()
        with Reconnector(devices):
            server.start()
            _wait_until(lambda: all(device.connected for device in devices), 20)
        for device in devices:
            device.state(5)
        assert all(operation.state is OperationState.UNKNOWN for operation in running_)
        assert dome.move_to(90 * u.deg).wait(20).azimuth.value == pytest.approx(90, abs=1.5)
        assert camera.expose(1 * u.s).wait(20).data.size > 0
    finally:
        for device in devices:
            device.disconnect()


def test_a_killed_indi_driver_is_seen_and_works_again_when_the_server_has_restarted_it(indi: BackEnd) -> None:
    with indi.device("camera_vis") as camera, indi.device("dome") as dome:
        assert isinstance(camera, Camera)
        camera.set_cooling(-10 * u.deg_C)
        exposure = camera.expose(300 * u.s)
        os.kill(_driver(indi, "indi_simulator_ccd").pid, signal.SIGKILL)
        _wait_until(lambda: not camera.connected, SEEN_S)
        with pytest.raises(NotConnected, match="the driver is gone"):
            exposure.wait(SEEN_S)
        assert exposure.state is OperationState.UNKNOWN
        assert dome.connected
        _wait_until(lambda: _connects(camera), 10)
        # What it was told before it died it was told again: it cools, and sends its images to us.
        _wait_until(lambda: camera.state().temperature.value < -1, 10)
        assert camera.expose(1 * u.s).wait(20).data.shape == (1024, 1280)


def test_an_indi_driver_that_hangs_times_out_and_goes_on_when_it_wakes(indi: BackEnd) -> None:
    with indi.device("dome") as dome:
        assert isinstance(dome, Dome)
        turn = dome.move_to(180 * u.deg)
        driver = _driver(indi, "indi_simulator_dome")
        driver.suspend()
        try:
            with pytest.raises(Timeout, match=r"dome: read its state: no answer within 1 s .*ABS_DOME_POSITION"):
                dome.state(timeout_s=1)
            assert turn.state is OperationState.RUNNING
            with pytest.raises(Timeout, match="neither took nor refused"):
                dome.open()
        finally:
            driver.resume()
        assert turn.wait(20).azimuth.value == pytest.approx(180, abs=1.5)


def test_an_indi_server_that_hangs_is_hung_up(indi: BackEnd) -> None:
    with indi.device("dome") as dome:
        assert isinstance(dome, Dome)
        turn = dome.move_to(180 * u.deg)
        assert indi.process is not None
        server = psutil.Process(indi.process.pid)
        server.suspend()
        try:
            _wait_until(lambda: not dome.connected, SEEN_S + 0.5)
            with pytest.raises(NotConnected, match="silent for"):
                turn.wait(1)
        finally:
            server.resume()
        dome.connect()
        dome.state()


def test_a_device_that_somebody_else_disconnects_is_lost(indi: BackEnd) -> None:
    with indi.device("focuser") as focuser, socket.create_connection(("127.0.0.1", indi.port("focuser")), 5) as other:
        other.sendall(
            b"<newSwitchVector device='Focuser Simulator' name='CONNECTION'>"
            b"<oneSwitch name='CONNECT'>Off</oneSwitch><oneSwitch name='DISCONNECT'>On</oneSwitch></newSwitchVector>"
        )
        _wait_until(lambda: not focuser.connected, SEEN_S)
        with pytest.raises(NotConnected, match="disconnected from its driver"):
            focuser.state()
        focuser.connect()
        focuser.state()


def _driver(server: BackEnd, name: str) -> psutil.Process:
    assert server.process is not None
    found = [p for p in psutil.Process(server.process.pid).children() if p.name() == name]
    assert len(found) == 1, found
    return found[0]


def _connects(device: Any) -> bool:
    try:
        device.connect(2)
    except InstrumentError:
        return False
    return True


def _wait_until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)
