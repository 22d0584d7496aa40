"""Focuser, rotator, filter wheel, weather station and safety as functions of the clock's time."""

from __future__ import annotations

from typing import Any

import pytest
from astropy.time import Time

from instruments.clock import ManualClock
from instruments.pyros import parse_command
from simulators.config import Site
from simulators.device import Refusal, SimulatedDevice
from simulators.focuser import SimulatedFocuser
from simulators.plc import SimulatedPlc, SimulatedWeatherStation
from simulators.rotator import SimulatedRotator
from simulators.weather import Climate, Weather
from simulators.wheel import SimulatedFilterWheel

SITE = Site()


def say(device: SimulatedDevice, line: str) -> Any:
    asked = parse_command(line.encode())
    return device.handlers[asked.action, asked.operation](asked.values).values


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(Time("2026-11-23T04:00:00"))


@pytest.fixture
def weather() -> Weather:
    return Weather(SITE, Climate(), 1)


def test_a_focuser_moves_stops_and_knows_its_end(clock: ManualClock, weather: Weather) -> None:
    focuser = SimulatedFocuser(clock, {"position": 1000.0, "max_position": 5000.0}, weather)
    with pytest.raises(Refusal, match="SET POSITION first"):
        say(focuser, "FOCUSER DO GOTO")
    say(focuser, "FOCUSER SET POSITION 5000")
    assert say(focuser, "FOCUSER DO GOTO")["eta"] == 2
    clock.advance(1)
    status = say(focuser, "FOCUSER GET STATUS")
    assert (status["position"], status["moving"], status["max_position"]) == (3000, True, 5000)
    say(focuser, "FOCUSER DO ABORT")
    clock.advance(10)
    assert say(focuser, "FOCUSER GET STATUS")["position"] == 3000
    with pytest.raises(Refusal, match="reaches from 0 to 5000"):
        say(focuser, "FOCUSER SET POSITION 5001")
    with pytest.raises(Refusal, match="SET POSITION first"):
        say(focuser, "FOCUSER DO GOTO")


def test_the_best_focus_drifts_with_the_temperature(clock: ManualClock, weather: Weather) -> None:
    focuser, now = SimulatedFocuser(clock, {}, weather), clock.unix_s()
    weather.force("temperature", 5.0, now)
    assert focuser.blur_arcsec_at(now) == pytest.approx(0)
    weather.force("temperature", -5.0, now)
    assert focuser.best_position_at(now) == 36700 + 400
    assert focuser.blur_arcsec_at(now) == pytest.approx(0.8)


def test_a_rotator_takes_the_short_way(clock: ManualClock) -> None:
    rotator = SimulatedRotator(clock, {"angle_deg": 350.0})
    with pytest.raises(Refusal, match="SET ANGLE first"):
        say(rotator, "ROTATOR DO GOTO")
    say(rotator, "ROTATOR SET ANGLE 20")
    assert say(rotator, "ROTATOR DO GOTO")["eta"] == 3
    clock.advance(1)
    assert say(rotator, "ROTATOR GET STATUS")["angle"] == pytest.approx(0)
    say(rotator, "ROTATOR DO ABORT")
    clock.advance(5)
    assert say(rotator, "ROTATOR GET STATUS") | {"time": ""} == {"time": "", "angle": 0, "moving": False, "eta": 0}


def test_a_wheel_shows_the_old_filter_until_the_new_one_is_in(clock: ManualClock) -> None:
    wheel = SimulatedFilterWheel(clock, {})
    say(wheel, "FILTER_WHEEL SET FILTER i")
    assert say(wheel, "FILTER_WHEEL DO FILTER")["eta"] == 3
    status = say(wheel, "FILTER_WHEEL GET STATUS")
    assert (status["filter"], status["moving"]) == ("g", True)
    clock.advance(3)
    assert say(wheel, "FILTER_WHEEL GET STATUS")["filter"] == "i"
    say(wheel, "FILTER_WHEEL SET FILTER z")
    say(wheel, "FILTER_WHEEL DO FILTER")
    say(wheel, "FILTER_WHEEL DO ABORT")
    status = say(wheel, "FILTER_WHEEL GET STATUS")
    assert (status["filter"], status["moving"]) == ("i", False)
    with pytest.raises(Refusal, match="no filter 'u'; there are g, r"):
        say(wheel, "FILTER_WHEEL SET FILTER u")
    with pytest.raises(ValueError, match="at least one filter"):
        SimulatedFilterWheel(clock, {"filters": []})


def test_station_and_plc_measure_the_same_weather(clock: ManualClock, weather: Weather) -> None:
    plc, station = SimulatedPlc(clock, SITE, {}, 1, weather), SimulatedWeatherStation(clock, {}, weather)
    weather.force("wind_gust", 22.0, clock.unix_s() - 100)
    for reading in (say(plc, "PLC GET WEATHER"), say(station, "WEATHER_STATION GET WEATHER")):
        assert reading["wind_gust"]["value"] == 22
    assert "mains" not in say(station, "WEATHER_STATION GET WEATHER")


def test_a_plc_says_why_it_is_not_safe(clock: ManualClock, weather: Weather) -> None:
    plc = SimulatedPlc(clock, SITE, {}, 1, weather)
    assert say(plc, "PLC GET SAFETY")["safe"] is True
    for name, value in (("rain", True), ("mains", False)):
        weather.force(name, value, clock.unix_s() - 100)
    unsafe = say(plc, "PLC GET SAFETY")
    assert (unsafe["safe"], unsafe["reasons"]) == (False, ["rain", "no mains power"])
