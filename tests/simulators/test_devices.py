"""Devices as functions of the clock's time, moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from instruments.clock import ManualClock
from instruments.horizon import Horizon, separation_deg
from instruments.pyros import parse_command
from simulators.camera import SimulatedCamera
from simulators.config import Site
from simulators.device import Refusal, SimulatedDevice
from simulators.dome import SimulatedDome
from simulators.motion import duration_s, fraction
from simulators.plc import SimulatedPlc
from simulators.telescope import SimulatedTelescope
from simulators.view import Around

NIGHT = Time("2026-11-23T04:00:00")
SITE = Site()
HORIZON = Horizon(SITE.latitude_deg, SITE.longitude_deg)


def say(device: SimulatedDevice, line: str) -> Any:
    asked = parse_command(line.encode())
    return device.handlers[asked.action, asked.operation](asked.values).values


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NIGHT)


@pytest.fixture
def mount(clock: ManualClock) -> SimulatedTelescope:
    telescope = SimulatedTelescope(clock, SITE, {}, seed=3)
    say(telescope, "TELESCOPE DO UNPARK")
    return telescope


@given(st.floats(0, 360), st.floats(0.1, 50), st.floats(0.1, 50), st.lists(st.floats(0, 1), min_size=2))
def test_a_move_goes_one_way_and_arrives(
    distance: float, speed: float, acceleration: float, parts: list[float]
) -> None:
    whole_s = duration_s(distance, speed, acceleration)
    if distance > 0:
        done = [fraction(part * whole_s, distance, speed, acceleration) for part in sorted(parts)]
        assert all(0 <= x <= 1 for x in done)
        assert done == sorted(done)
    assert fraction(whole_s, distance, speed, acceleration) == 1


@given(st.floats(10.1, 89), st.floats(0, 360), st.floats(10.1, 89), st.floats(0, 360))
def test_it_points_anywhere_in_twenty_seconds(alt1: float, az1: float, alt2: float, az2: float) -> None:
    clock = ManualClock(NIGHT)
    mount = SimulatedTelescope(clock, SITE, {}, seed=3)
    say(mount, "TELESCOPE DO UNPARK")
    for altitude, azimuth in ((alt1, az1), (alt2, az2)):
        ra, dec = HORIZON.radec_deg(altitude, azimuth, clock.unix_s())
        say(mount, f"TELESCOPE SET COORD_RADEC {ra} {dec} J2000")
        eta = say(mount, "TELESCOPE DO START")["eta"]
        assert eta < 20
        clock.advance(eta / 2)
        assert say(mount, "TELESCOPE GET STATUS")["motion"] == "slewing"
        clock.advance(eta / 2 + 0.01)
        status = say(mount, "TELESCOPE GET STATUS")
        assert status["motion"] == "tracking"
        assert separation_deg(ra, dec, status["ra"], status["dec"]) < 1e-6


def test_the_way_is_steady(mount: SimulatedTelescope, clock: ManualClock) -> None:
    say(mount, "TELESCOPE SET COORD_ALTAZ -170 60")
    clock.advance(say(mount, "TELESCOPE DO START")["eta"] + 1)
    say(mount, "TELESCOPE SET COORD_ALTAZ 90 30")
    left_s = say(mount, "TELESCOPE DO START")["eta"]
    before = say(mount, "TELESCOPE GET STATUS")
    for _ in range(int(left_s / 0.1)):
        clock.advance(0.1)
        now = say(mount, "TELESCOPE GET STATUS")
        step = separation_deg(before["azimuth"], before["altitude"], now["azimuth"], now["altitude"])
        assert step <= 0.1 * 15 * 1.5
        before = now


@pytest.mark.parametrize(
    ("line", "altitude", "azimuth"),
    [
        ("COORD_ALTAZ 0 40", 40, 180),
        ("COORD_ALTAZ 90 40", 40, 270),
        ("COORD_ALTAZ -90 40", 40, 90),
        ("COORD_HADEC 0 0", 90 - 31.0443, 180),
        ("COORD_HADEC 0 80", 31.0443 + 10, 0),
    ],
)
def test_fixed_directions_are_where_they_should_be(
    mount: SimulatedTelescope, clock: ManualClock, line: str, altitude: float, azimuth: float
) -> None:
    say(mount, f"TELESCOPE SET {line}")
    clock.advance(say(mount, "TELESCOPE DO START")["eta"] + 0.01)
    for _ in range(2):
        status = say(mount, "TELESCOPE GET STATUS")
        assert status["motion"] == "idle"
        assert separation_deg(azimuth, altitude, status["azimuth"], status["altitude"]) < 1e-4
        clock.advance(3600)


def test_coordinates_of_date_are_precessed(mount: SimulatedTelescope, clock: ManualClock) -> None:
    ra, dec = HORIZON.radec_deg(60, 100, clock.unix_s())
    say(mount, f"TELESCOPE SET COORD_RADEC {ra} {dec} 2026-11-23T00:00:00")
    clock.advance(say(mount, "TELESCOPE DO START")["eta"] + 0.01)
    status = say(mount, "TELESCOPE GET STATUS")
    assert 0.1 < separation_deg(ra, dec, status["ra"], status["dec"]) < 0.5


def test_drift_rates_move_the_mount(mount: SimulatedTelescope, clock: ManualClock) -> None:
    say(mount, "TELESCOPE SET COORD_HADEC 0 20")
    clock.advance(say(mount, "TELESCOPE DO START")["eta"] + 0.01)
    say(mount, "TELESCOPE DO DRIFT_ON")
    start = say(mount, "TELESCOPE GET STATUS")
    clock.advance(1000)
    assert say(mount, "TELESCOPE GET STATUS")["ra"] == pytest.approx(start["ra"], abs=1e-6)
    say(mount, "TELESCOPE SET DRIFT_HADEC 0 0.001")
    say(mount, "TELESCOPE DO DRIFT_ON")
    clock.advance(100)
    drifted = say(mount, "TELESCOPE GET STATUS")
    assert drifted["dec"] - start["dec"] == pytest.approx(0.1, abs=1e-4)
    assert drifted["ra"] - start["ra"] == pytest.approx(100 * 360.98564736629 / 86400, abs=1e-4)
    say(mount, "TELESCOPE DO DRIFT_OFF")
    assert say(mount, "TELESCOPE GET STATUS")["motion"] == "idle"


def test_the_rotator_turns_and_stops(mount: SimulatedTelescope, clock: ManualClock) -> None:
    with pytest.raises(Refusal, match="ROTATOR_ANGLE first"):
        say(mount, "TELESCOPE DO ROTATOR_GOTO")
    say(mount, "TELESCOPE SET ROTATOR_ANGLE 90")
    assert say(mount, "TELESCOPE DO ROTATOR_GOTO")["eta"] == 9
    clock.advance(3)
    say(mount, "TELESCOPE DO ABORT")
    clock.advance(30)
    assert say(mount, "TELESCOPE GET STATUS")["rotator"] == pytest.approx(30)


def test_true_pointing_is_a_little_off_and_the_same_each_time(clock: ManualClock) -> None:
    def true(seed: int) -> tuple[float, float]:
        mount = SimulatedTelescope(clock, SITE, {}, seed)
        say(mount, "TELESCOPE DO UNPARK")
        ra, dec = HORIZON.radec_deg(60, 100, NIGHT.unix)
        say(mount, f"TELESCOPE SET COORD_RADEC {ra} {dec}")
        clock.advance(say(mount, "TELESCOPE DO START")["eta"] + 0.01)
        status = say(mount, "TELESCOPE GET STATUS")
        at = mount.true_deg(clock.unix_s())
        assert 0 < separation_deg(*at, status["ra"], status["dec"]) * 3600 < 30
        say(mount, "TELESCOPE DO SYNC")
        assert mount.true_deg(clock.unix_s()) == pytest.approx(at, abs=1e-6)
        return at

    first = true(1)
    # The same model; the tracking's own error is another at another time, and small.
    assert true(1) == pytest.approx(first, abs=2e-4)
    assert true(2) != pytest.approx(first, abs=2e-4)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["DO PARK", "DO START"], "busy"),
        (["DO PARK", "DO UNPARK"], "busy"),
        (["DO START"], "refused"),
        (["SET COORD_ALTAZ 0 5", "DO START"], "refused"),
        (["SET COORD_ALTAZ 0 50", "DO SYNC"], "refused"),
        (["SET COORD_ALTAZ 0 50", "DO START", "DO DRIFT_ON"], "busy"),
    ],
)
def test_the_mount_refuses_with_words(mount: SimulatedTelescope, lines: list[str], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        for line in lines:
            say(mount, f"TELESCOPE {line}")
    assert caught.value.code == code
    assert caught.value.text


def test_the_dome_passes_through_its_states(clock: ManualClock) -> None:
    dome = SimulatedDome(clock, {"shutter_s": 20.0})
    seen: list[tuple[str, bool, bool]] = []

    def look() -> None:
        status = say(dome, "DOME GET STATUS")
        seen.append((status["shutter"], status["closed_switch"], status["open_switch"]))

    look()
    for line, wait_s in (("OPEN", 10), ("OPEN", 10), ("CLOSE", 5), ("ABORT", 5), ("CLOSE", 15)):
        say(dome, f"DOME DO {line}")
        look()
        clock.advance(wait_s)
    look()
    assert seen == [
        ("closed", True, False),
        ("opening", False, False),
        ("opening", False, False),
        ("closing", False, False),
        ("unknown", False, False),
        ("closing", False, False),
        ("closed", True, False),
    ]


def test_the_slit_takes_the_short_way(clock: ManualClock) -> None:
    dome = SimulatedDome(clock, {"azimuth_deg": 350.0})
    say(dome, "DOME SET AZIMUTH 20")
    assert say(dome, "DOME DO GOTO")["eta"] == pytest.approx(3)
    clock.advance(1)
    assert say(dome, "DOME GET STATUS")["azimuth"] == pytest.approx(0)
    clock.advance(3)
    status = say(dome, "DOME GET STATUS")
    assert (status["azimuth"], status["moving"]) == (pytest.approx(20), False)


def test_the_weather_is_smooth_seeded_and_safe(clock: ManualClock) -> None:
    plc, twin, other = (SimulatedPlc(clock, SITE, {}, seed) for seed in (1, 1, 2))
    assert plc.weather() == twin.weather()
    assert plc.weather() != other.weather()
    before: Any = plc.weather()
    for _ in range(24 * 60):
        clock.advance(60)
        now: Any = plc.weather()
        assert now["humidity"]["value"] < 80
        assert now["wind_gust"]["value"] < 15
        assert now["cloud"]["value"] < 60
        assert not now["rain"]["value"]
        for name in ("temperature", "humidity", "wind_speed", "cloud"):
            assert abs(now[name]["value"] - before[name]["value"]) < 3
        before = now


@pytest.fixture
def camera(clock: ManualClock) -> Iterator[Callable[..., SimulatedCamera]]:
    with ThreadPoolExecutor(1) as threads:
        around = Around(SITE, None, None, threads)
        yield lambda **settings: SimulatedCamera("cam", "camera_vis", clock, settings, around, 1)


def test_a_camera_exposes_reads_and_keeps_the_frame(camera: Callable[..., SimulatedCamera], clock: ManualClock) -> None:
    it = camera(width=64, height=64)
    for line, code in (("DO EXPOSE", "refused"), ("GET IMAGE", "refused"), ("DO FILTER", "refused")):
        with pytest.raises(Refusal) as caught:
            say(it, f"CAMERA_VIS {line}")
        assert caught.value.code == code
    say(it, "CAMERA_VIS SET EXPOSURE 10 dark")
    accepted = say(it, "CAMERA_VIS DO EXPOSE")
    assert accepted == {"eta": 12.0, "frame": 1}
    clock.advance(5)
    assert say(it, "CAMERA_VIS GET STATUS")["activity"] == "exposing"
    clock.advance(6)
    assert say(it, "CAMERA_VIS GET STATUS")["activity"] == "reading"
    assert say(it, "CAMERA_VIS GET STATUS")["frame"] == 0
    clock.advance(2)
    while say(it, "CAMERA_VIS GET STATUS")["frame"] == 0:
        pass  # the thread that makes the frame may need another moment
    assert say(it, "CAMERA_VIS GET IMAGE")["kind"] == "dark"
    # An aborted exposure leaves the last frame readable.
    say(it, "CAMERA_VIS DO EXPOSE")
    say(it, "CAMERA_VIS DO ABORT")
    clock.advance(100)
    assert say(it, "CAMERA_VIS GET STATUS")["activity"] == "idle"
    assert say(it, "CAMERA_VIS GET IMAGE")["frame"] == 1


def test_a_stopped_exposure_is_read_out_as_a_shorter_one(
    camera: Callable[..., SimulatedCamera], clock: ManualClock
) -> None:
    it = camera(width=64, height=64)
    assert say(it, "CAMERA_VIS DO STOP") == {"eta": 0.0}
    say(it, "CAMERA_VIS SET EXPOSURE 100 light")
    say(it, "CAMERA_VIS DO EXPOSE")
    clock.advance(40)
    assert say(it, "CAMERA_VIS DO STOP") == {"eta": 2.0}
    assert say(it, "CAMERA_VIS GET STATUS")["activity"] == "reading"
    clock.advance(1)
    assert say(it, "CAMERA_VIS DO STOP") == {"eta": 1.0}  # it is read out already
    clock.advance(2)
    while say(it, "CAMERA_VIS GET STATUS")["frame"] == 0:
        pass  # the thread that makes the frame may need another moment
    image = say(it, "CAMERA_VIS GET IMAGE")
    assert (image["frame"], image["exposure"], image["kind"]) == (1, 40.0, "light")


def test_a_refused_filter_clears_the_one_before(camera: Callable[..., SimulatedCamera], clock: ManualClock) -> None:
    it = camera(filters=["g", "r"])
    say(it, "CAMERA_VIS SET FILTER r")
    with pytest.raises(Refusal):
        say(it, "CAMERA_VIS SET FILTER nope")
    with pytest.raises(Refusal):
        say(it, "CAMERA_VIS DO FILTER")
    say(it, "CAMERA_VIS SET FILTER r")
    assert say(it, "CAMERA_VIS DO FILTER")["eta"] == 3
    say(it, "CAMERA_VIS SET EXPOSURE 1")
    with pytest.raises(Refusal, match="the filter r is on its way"):
        say(it, "CAMERA_VIS DO EXPOSE")
    clock.advance(3)
    assert not say(it, "CAMERA_VIS GET STATUS")["filter_moving"]
