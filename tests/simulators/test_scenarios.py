"""Scenarios: what the script says happens, at its time, and to what it says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.time import Time

from instruments.clock import Clock
from instruments.pyros.scenario import Event, Scenario
from simulators import Host, SimulatorConfig, Site
from simulators.__main__ import main
from simulators.plc import SimulatedPlc, SimulatedWeatherStation
from simulators.view import Air
from simulators.weather import Climate, Weather

FOLDER = Path(__file__).parents[2] / "fixtures" / "scenarios"
FILES = sorted(FOLDER.glob("*.json"))
START = Time("2026-11-23T05:00:00")  # about 21:18 by the Sun at the site
SITE = Site()


class FastClock(Clock):
    """A clock that a test moves, while events come at once in their order."""

    def __init__(self) -> None:
        super().__init__(START, 1e6)
        self.at_s = START.unix

    def unix_s(self) -> float:
        return self.at_s


def play(scenario: Scenario, look: Callable[[float, Host], None], until_s: float, step_s: float = 60.0) -> None:
    """Play a scenario, and look at the host every minute of it."""

    async def run() -> None:
        clock = FastClock()
        host = Host(SimulatorConfig.default(), clock, SITE, seed=1)
        # Each event at its moment: the player's own timers would run by the loop's clock.
        now = clock.unix_s()
        events = sorted(((e.delay_s(now, SITE.longitude_deg), e) for e in scenario.events), key=lambda one: one[0])
        with host.running():
            for passed in range(0, int(until_s) + 1, int(step_s)):
                while events and events[0][0] <= passed:
                    delay_s, event = events.pop(0)
                    clock.at_s = now + delay_s
                    host.player.plan(0.0, event.key, event.word, event.ramp_s)
                    await asyncio.sleep(0.001)
                clock.at_s = now + passed
                look(float(passed), host)

    asyncio.run(run())


def device(host: Host, kind: type[Any]) -> Any:
    return next(p.device for p in host.ports.values() if isinstance(p.device, kind))


def plc_of(host: Host) -> dict[str, Any]:
    return dict(device(host, SimulatedPlc).weather())


def station_of(host: Host) -> dict[str, Any]:
    return dict(device(host, SimulatedWeatherStation).sensors.read())


def test_every_scenario_is_of_the_schema_and_about_what_is_here() -> None:
    names = {Scenario.read(path).name for path in FILES}
    assert names == {
        *("clear night", "front at 02:10", "one-minute shower"),
        *("frozen sensor", "silent sensor", "two that disagree"),
    }

    async def run() -> None:
        host = Host(SimulatorConfig.default(), Clock(START, 1.0), SITE, seed=1)
        with host.running():
            for path in FILES:
                scenario = Scenario.read(path)
                host.player.play(scenario)
                assert host.player.left == len(scenario.events)
                host.player.clear()
                assert host.player.left == 0

    asyncio.run(run())


def test_a_front_comes_at_ten_past_two_and_goes() -> None:
    seen: dict[str, dict[str, Any]] = {}

    def look(passed: float, host: Host) -> None:
        local = (START.unix + passed + SITE.longitude_deg / 360 * 86400) % 86400
        seen[f"{int(local // 3600):02d}:{int(local % 3600 // 60):02d}"] = {
            **plc_of(host),
            "transparency": host.air.transparency(START.unix + passed),
        }

    play(Scenario.read(FOLDER / "front.json"), look, 9 * 3600)
    assert seen["01:00"]["wind_speed"]["value"] < 10
    assert not seen["02:08"]["rain"]["value"]
    assert seen["02:12"]["rain"]["value"]
    assert 40 < seen["01:55"]["humidity"]["value"] < 97
    assert seen["02:12"]["humidity"]["value"] == pytest.approx(97)
    assert seen["02:08"]["wind_gust"]["value"] > 20
    assert seen["02:12"]["transparency"] < 0.2 < 0.8 < seen["00:30"]["transparency"]
    assert not seen["03:15"]["rain"]["value"]
    assert seen["04:30"]["wind_speed"]["value"] == pytest.approx(4)


def test_a_shower_lasts_a_minute() -> None:
    wet: list[float] = []
    play(
        Scenario.read(FOLDER / "shower.json"),
        lambda passed, host: wet.append(passed) if plc_of(host)["rain"]["value"] else None,
        3600,
        step_s=10,
    )
    assert wet[0] == pytest.approx(1800, abs=10)
    assert wet[-1] == pytest.approx(1860, abs=10)


def test_a_frozen_sensor_repeats_itself_with_fresh_times() -> None:
    values: list[tuple[float, float, str, float]] = []

    def look(passed: float, host: Host) -> None:
        wind = plc_of(host)["wind_speed"]
        values.append((passed, wind["value"], wind["time"], station_of(host)["wind_speed"]["value"]))

    play(Scenario.read(FOLDER / "frozen_sensor.json"), look, 7000)
    frozen = [v for v in values if v[0] >= 1800]
    assert len({v[1] for v in frozen}) == 1
    assert len({v[2] for v in frozen}) == len(frozen)
    assert frozen[-1][3] > 20 > frozen[-1][1]


def test_a_silent_sensor_grows_old() -> None:
    times: list[tuple[float, str, str]] = []

    def look(passed: float, host: Host) -> None:
        plc = plc_of(host)
        times.append((passed, plc["rain"]["time"], plc["wind_speed"]["time"]))

    play(Scenario.read(FOLDER / "silent_sensor.json"), look, 6000)
    silent = [t for t in times if 1860 <= t[0] < 5340]
    assert len({t[1] for t in silent}) == 1
    assert len({t[2] for t in silent}) == len(silent)
    assert times[-1][1] > silent[-1][1]


def test_two_stations_disagree_until_they_agree_again() -> None:
    apart: list[tuple[float, float]] = []

    def look(passed: float, host: Host) -> None:
        difference = station_of(host)["humidity"]["value"] - plc_of(host)["humidity"]["value"]
        apart.append((passed, abs(difference)))

    play(Scenario.read(FOLDER / "two_disagree.json"), look, 6000)
    assert max(d for t, d in apart if t < 1790) < 2
    assert min(d for t, d in apart if 1900 < t < 5390) > 30
    assert max(d for t, d in apart if t > 5500) < 2


def test_seeing_and_faults_are_events_too() -> None:
    events = (
        Event(60, "sky.seeing", 5.0, 60),
        Event(120, "dome.fault", "stick"),
        Event(300, "dome.fault", None),
        Event(300, "sky.seeing", None),
    )
    seen: dict[float, tuple[float, list[str]]] = {}
    play(
        Scenario("x", "y", events),
        lambda passed, host: seen.update(
            {passed: (host.air.seeing_arcsec(START.unix + passed), host.ports["dome"].faults.names)}
        ),
        360,
    )
    assert seen[180.0] == (5.0, ["stick"])
    assert seen[360.0][0] < 3
    assert seen[360.0][1] == []


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{", "not JSON"),
        ('{"name": "a", "about": "b"}', "must contain"),
        ([{"at": "25:00", "key": "weather.rain", "value": True}], r"events\[0\].at"),
        ([{"at": 0, "key": "rain", "value": True}], r"events\[0\].key"),
        ([{"at": 0, "key": "weather.rain", "value": True, "rmap": 3}], r"events\[0\]"),
        ([{"at": 0, "key": "weather.rain", "value": 3}], "rain takes true or false, or auto, not 3"),
        ([{"at": 0, "key": "weather.snow", "value": True}], "the weather has no 'snow'"),
        ([{"at": 0, "key": "balloon.fault", "value": "mute"}], "no device 'balloon' is simulated here"),
        ([{"at": 0, "key": "dome.fault", "value": "sulk"}], "no fault 'sulk'; there are refuse"),
        ([{"at": 0, "key": "dome.rain", "value": True}], "dome measures no 'rain'"),
        ([{"at": 0, "key": "plc.rain.sensor", "value": "broken"}], "a sensor is frozen or silent"),
        ([{"at": 0, "key": "sky.seeing", "value": -1}], "sky.seeing must lie within"),
    ],
)
def test_a_wrong_scenario_is_refused_at_the_start(
    tmp_path: Path, document: str | list[Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.json"
    text = document if isinstance(document, str) else json.dumps({"name": "a", "about": "b", "events": document})
    path.write_text(text)
    assert main(["--scenario", str(path)]) == 2
    assert re.search(says, capsys.readouterr().err)


def test_a_ramp_is_even_and_starts_from_what_was() -> None:
    weather, now = Weather(SITE, Climate(), 1), START.unix
    weather.force("humidity", 50.0, now)
    weather.force("humidity", 90.0, now + 10, ramp_s=100.0)
    assert [weather.at(now + 10 + s)["humidity"] for s in (0, 25, 100, 999)] == pytest.approx([50, 60, 90, 90])
    weather.force("humidity", 60.0, now + 60, ramp_s=10.0)
    assert weather.at(now + 60)["humidity"] == pytest.approx(70)
    weather.forced.free("humidity")
    assert weather.at(now + 80)["humidity"] < 60
    assert Air(weather, 1).seeing_arcsec(now) > 0.5
