"""Back-off, the supervisor of instruments that stand alone, and connecting many at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from astropy import units as u

from instruments import Instrument, InstrumentError, NotConnected, Rejected
from instruments.clock import Clock
from instruments.connect import open_instrument
from instruments.reconnect import Backoff, Reconnector
from instruments.together import NotAllConnected, connect_all
from tests.instruments.proxy import Proxy

if TYPE_CHECKING:
    from tests.instruments.conftest import Simulators


def test_pauses_grow_until_the_longest_and_begin_anew_after_a_success() -> None:
    now = [100.0]
    backoff = Backoff(0.2, 1.0, lambda: now[0])
    assert backoff.due
    for pause in (0.2, 0.4, 0.8, 1.0, 1.0):
        backoff.failed()
        now[0] += pause * 0.99
        assert not backoff.due
        now[0] += pause * 0.02
        assert backoff.due
    backoff.worked()
    assert backoff.due
    backoff.failed()
    now[0] += 0.21
    assert backoff.due


def test_a_supervised_instrument_comes_back_and_is_told_its_settings(simulators: Simulators) -> None:
    wire = Proxy(simulators.ports["vis"])
    changes: list[tuple[str, InstrumentError | None]] = []

    def note(one: Instrument[Any], error: InstrumentError | None) -> None:
        changes.append((one.name, error))

    camera: Any = open_instrument("camera_vis", "vis", f"pyros://127.0.0.1:{wire.port}/CAMERA_VIS", simulators.clock)
    try:
        with Reconnector([camera], note):
            _wait_until(lambda: camera.connected)
            camera.set_cooling(-12.0 * u.deg_C)
            wire.cut()
            _wait_until(lambda: any(error is not None for _, error in changes))
            assert not camera.connected
            wire.sent.clear()
            wire.mend()
            _wait_until(lambda: changes[-1][1] is None)
            assert b"SET COOLER -12.0" in wire.sent
            camera.state()
    finally:
        camera.disconnect()
        wire.close()


def test_an_exposure_goes_on_in_a_camera_whose_link_is_cut_and_is_picked_up_once_it_is_back(
    simulators: Simulators,
) -> None:
    wire = Proxy(simulators.ports["vis"])
    camera: Any = open_instrument("camera_vis", "vis", f"pyros://127.0.0.1:{wire.port}/CAMERA_VIS", simulators.clock)
    try:
        camera.connect(3.0)
        lost = camera.expose(300 * u.s)
        wire.cut()
        with pytest.raises(NotConnected, match="its outcome is unknown"):
            lost.wait(10)
        wire.mend()
        _wait_until(lambda: _connects(camera))
        again = camera.pick_up(lost)
        frame = again.wait(20)
        assert frame.exposure_time == 300 * u.s
        assert camera.pick_up(again).wait(20).start == frame.start, "it keeps its last frame"
        with pytest.raises(Rejected, match="another exposure was begun since"):
            camera.pick_up(lost)
    finally:
        camera.disconnect()
        wire.close()


def _connects(camera: Any) -> bool:
    with contextlib.suppress(InstrumentError):
        camera.connect(1.0)
    return camera.connected


def test_what_cannot_be_connected_is_shown_as_one_tree(simulators: Simulators, free_port: int) -> None:
    dome, plc = simulators.device("dome"), simulators.device("plc")
    absent = f"indi://127.0.0.1:{free_port}/Focuser"
    focuser = open_instrument("focuser", "focus", absent, Clock())
    try:
        with pytest.raises(NotAllConnected) as caught:
            connect_all([dome, focuser, plc], 3)
        assert isinstance(caught.value, NotConnected)
        assert list(caught.value.errors) == ["focus"]
        lines = str(caught.value).splitlines()
        assert lines[0] == "1 of 3 devices can't be reached:"
        assert lines[1] == f"├─ dome  {dome.address}  connected"
        assert lines[2].startswith(f"├─ focus  {absent}  NotConnected: nobody answers at 127.0.0.1:{free_port}")
        assert lines[3] == f"└─ plc  {plc.address}  connected"
        assert dome.connected
        connect_all([dome, plc])
    finally:
        for one in (dome, plc, focuser):
            with contextlib.suppress(InstrumentError):
                one.disconnect()


def _wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
