"""What a fault looks like from this side: the right error, in time, and life goes on after it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from instruments import Motion, NotConnected, OperationState, ProtocolError, Rejected, Telescope, Timeout
from instruments.clock import Clock
from instruments.pyros.plc import PyrosPlc
from instruments.pyros.telescope import PyrosTelescope

if TYPE_CHECKING:
    from tests.instruments.conftest import Simulators

Running = Callable[[float], "AbstractContextManager[Simulators]"]
Scripted = Callable[[Callable[[bytes], bytes | None]], str]

STATUS = (
    b'{"time":"2026-11-23T04:00:00.000","motion":"idle","ra":1.0,"dec":2.0,"altitude":30.0,'
    b'"azimuth":40.0,"rotator":0.0,"eta":0.0}'
)
SITE = b'{"latitude":31.0,"longitude":-115.0,"elevation":2800.0,"min_altitude":-90.0}'


@pytest.fixture(scope="module")
def simulators(running: Running) -> Iterator[Simulators]:
    with running(5) as it:
        yield it


@pytest.fixture
def telescope(simulators: Simulators) -> Iterator[Telescope]:
    with simulators.device("telescope") as device:
        assert isinstance(device, Telescope)
        device.unpark()
        yield device


def _ids(line: bytes) -> bytes:
    return line.split(b" ", 1)[0] + b" "


def _sane(line: bytes) -> bytes:
    body = SITE if b" SITE" in line else STATUS if b" STATUS" in line else b'{"eta":1.0}'
    return _ids(line) + b"OK " + body + b"\n"


def test_nobody_there(free_port: int) -> None:
    plc = PyrosPlc("plc", f"pyros://127.0.0.1:{free_port}/PLC", Clock())
    with pytest.raises(NotConnected, match=r"plc: connect: nobody answers at 127\.0\.0\.1"):
        plc.connect(1)
    with pytest.raises(NotConnected, match=r"no link; connect\(\) first .*no state was ever read"):
        plc.state()
    assert not plc.connected
    assert plc.last_state is None
    plc.disconnect()


def test_a_link_lost_in_mid_slew_leaves_the_slew_unknown(telescope: Telescope, simulators: Simulators) -> None:
    target = simulators.target(60, 200)
    with simulators.control() as control:
        slew = telescope.slew_to(target)
        control.stop("telescope")
        with pytest.raises(NotConnected, match="outcome is unknown"):
            slew.wait(5)
        assert slew.state is OperationState.UNKNOWN
        assert not telescope.connected
        with pytest.raises(NotConnected):
            telescope.state()
        with pytest.raises(NotConnected, match="nobody answers"):
            telescope.connect(1)
        control.start("telescope")
        # No reconnecting behind the caller's back; after connect() everything works, and the slew went on.
        assert not telescope.connected
        telescope.connect()
        assert telescope.state().motion.value in (Motion.SLEWING, Motion.TRACKING)
        assert telescope.slew_to(target).wait(10).motion.value is Motion.TRACKING


def test_a_stopped_device_stops_alone_and_starts_again(simulators: Simulators) -> None:
    with simulators.control() as control, simulators.device("dome") as dome:
        control.stop("plc")
        plc = simulators.device("plc")
        with pytest.raises(NotConnected):
            plc.connect(1)
        dome.state()
        control.start("plc")
        with plc:
            plc.state()
        with pytest.raises(Rejected, match="no device 'balloon' is simulated here; there are: telescope"):
            control.stop("balloon")
        with pytest.raises(Rejected, match="vis is no PLC"):
            control.freeze("vis")


def test_abort_gets_through_while_another_call_waits(telescope: Telescope, simulators: Simulators) -> None:
    with simulators.control() as control:
        slew = telescope.slew_to(simulators.target(60, 30))
        control.mute("telescope")
        caught: list[BaseException] = []

        def wait_long() -> None:
            try:
                telescope.state(timeout_s=30)
            except NotConnected as error:
                caught.append(error)

        waiting = threading.Thread(target=wait_long)
        waiting.start()
        with pytest.raises(Timeout, match=r"TELESCOPE GET STATUS: no answer within 0.2 s .*last known state: motion"):
            telescope.state(timeout_s=0.2)
        control.unmute("telescope")
        telescope.abort("through")
        assert waiting.is_alive()
        assert slew.state is OperationState.ABORTED
        assert telescope.state().motion.value is Motion.IDLE
        telescope.disconnect()
        waiting.join(5)
        assert "closed by this side" in str(caught[0])


def test_a_mute_device_ends_a_slew_as_unknown(running: Running) -> None:
    with running(300) as fast, fast.device("telescope") as telescope, fast.control() as control:
        assert isinstance(telescope, Telescope)
        telescope.unpark()
        slew = telescope.slew_to(fast.target(60, 30))
        control.mute("telescope")
        with pytest.raises(NotConnected, match=r"silent for .* even to a heartbeat; its outcome is unknown"):
            slew.wait(10)
        assert slew.state is OperationState.UNKNOWN
        assert not telescope.connected


def test_disconnect_leaves_what_runs_unknown(simulators: Simulators) -> None:
    with simulators.device("telescope") as telescope:
        assert isinstance(telescope, Telescope)
        slew = telescope.slew_to(simulators.target(60, 300))
    assert slew.state is OperationState.UNKNOWN
    with simulators.device("telescope") as telescope:
        telescope.abort()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"what?\n", "an answer begins with OK or ERROR"),
        (b"\xff\xff\xff\n", "not UTF-8"),
        (b"OK {broken\n", "not JSON"),
        (b"OK [1]\n", "not a JSON object"),
        (b"OK {}\n", "the answer lacks 'time'"),
        (b"OK " + STATUS.replace(b'"idle"', b'"flying"') + b"\n", "'motion' in the answer is not a word"),
        (b"OK " + STATUS.replace(b"1.0", b"NaN") + b"\n", "'ra' in the answer is not a number"),
        (b"OK " + STATUS.replace(b"2026-11", b"2026-99") + b"\n", "'time' in the answer is not a time"),
        (b"OK " + b"x" * 70000, "an answer without end"),
        (b"ERROR unknown no such thing\n", "unknown: no such thing"),
    ],
)
def test_nonsense_is_named_with_device_command_and_state(scripted: Scripted, answer: bytes, says: str) -> None:
    sane = threading.Event()
    sane.set()
    address = scripted(lambda line: _sane(line) if sane.is_set() else answer)
    with PyrosTelescope("T1", f"{address}/TELESCOPE", Clock()) as telescope:
        sane.clear()
        with pytest.raises(ProtocolError) as caught:
            telescope.state()
        assert says in str(caught.value)
        assert str(caught.value).startswith("T1: TELESCOPE GET STATUS: ")
        assert "last known state: motion idle, " in str(caught.value)


def test_an_answer_cut_off_and_a_closed_link(scripted: Scripted) -> None:
    address = scripted(lambda line: _sane(line) if b"SITE" in line or b"STATUS" in line else None)
    with PyrosTelescope("T1", f"{address}/TELESCOPE", Clock()) as telescope:
        with pytest.raises(NotConnected, match="the device closed the link"):
            telescope.unpark()
        assert not telescope.connected


def test_a_device_without_ids_answers_in_order(scripted: Scripted) -> None:
    address = scripted(lambda line: _sane(line).split(b" ", 1)[1])
    with PyrosTelescope("T1", f"{address}/TELESCOPE", Clock()) as telescope:
        assert telescope.state().position.value.ra.deg == 1.0
        telescope.unpark()


def test_a_late_answer_is_not_taken_for_another(scripted: Scripted) -> None:
    held: list[bytes] = []

    def answer(line: bytes) -> bytes:
        if b"STATUS" in line and not held and sane.is_set():
            held.append(_sane(line).replace(b'"ra":1.0', b'"ra":99.0'))
            return b""
        return b"".join(held[:1]) + _sane(line)

    sane = threading.Event()
    with PyrosTelescope("T1", f"{scripted(answer)}/TELESCOPE", Clock()) as telescope:
        sane.set()
        with pytest.raises(Timeout):
            telescope.state(0.1)
        assert telescope.state().position.value.ra.deg == 1.0


def test_a_device_that_lies_about_its_arrival_is_caught(scripted: Scripted) -> None:
    tracking = STATUS.replace(b"idle", b"tracking")
    address = scripted(lambda line: _sane(line).replace(STATUS, tracking))
    with PyrosTelescope("T1", f"{address}/TELESCOPE", Clock(Time("2026-11-23T04:00:00"), 100)) as telescope:
        slew = telescope.slew_to(SkyCoord(1.0, 2.1, unit="deg"))
        with pytest.raises(ProtocolError, match="says that it tracks, but 360 arcsec off"):
            slew.wait(5)
        assert slew.state is OperationState.FAILED
        assert telescope.slew_to(SkyCoord(1.0, 2.001, unit="deg")).wait(5).motion.value is Motion.TRACKING


def test_a_telescope_that_does_not_know_its_site_is_given_back(scripted: Scripted) -> None:
    address = scripted(lambda line: _ids(line) + b"ERROR unknown SITE\n" if b"SITE" in line else _sane(line))
    telescope = PyrosTelescope("T1", f"{address}/TELESCOPE", Clock())
    with pytest.raises(ProtocolError, match="T1: TELESCOPE GET SITE: unknown: SITE"):
        telescope.connect()
    assert not telescope.connected


def test_a_device_that_stays_silent_too_long_is_hung_up(scripted: Scripted) -> None:
    silent = threading.Event()
    address = scripted(lambda line: b"" if silent.is_set() else _sane(line))
    with PyrosTelescope("T1", f"{address}/TELESCOPE", Clock()) as telescope:
        silent.set()
        with pytest.raises(NotConnected, match="commands wait for an answer"):
            for _ in range(2000):
                with contextlib.suppress(Timeout):
                    telescope.state(0)
        silent.clear()
        telescope.connect()
        telescope.state()


def test_connecting_from_many_threads_leaves_one_link(scripted: Scripted) -> None:
    with PyrosTelescope("T1", f"{scripted(_sane)}/TELESCOPE", Clock()) as telescope:
        telescope.disconnect()
        threads = [threading.Thread(target=telescope.connect) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert telescope.connected
        links = [t for t in threading.enumerate() if t.name == "pyros-link-T1"]
        assert len(links) == 1
