"""What panels are told of sky and weather."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pyros_kernel.safety import read_rules
from pyros_kernel.scheduling import Sky
from pyros_kernel.store import (
    Device,
    DeviceKind,
    DeviceStatus,
    Request,
    RequestKind,
    Sequence,
    SequenceStatus,
    Site,
    Store,
    Weather,
)
from pyros_kernel.view.exposures import ExposureLook
from pyros_kernel.view.sky import SkyLook
from pyros_kernel.view.weather import WeatherHistory

SITE = Site(name="San Pedro Mártir", latitude_deg=31.0443, longitude_deg=-115.4637, elevation_m=2800.0)
NOON = datetime(2022, 9, 30, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'pyros.sqlite'}")
    yield opened
    opened.close()


def sequence(id: int, ra_deg: float, dec_deg: float, kind: RequestKind = RequestKind.ROUTINE) -> Sequence:
    return Sequence(
        id=id,
        name=f"target {id}",
        status=SequenceStatus.PLANNED,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        request=Request(kind=kind),
    )


def test_the_sky_is_looked_at_when_it_has_moved_or_other_targets_are_wanted() -> None:
    sky = Sky(SITE, "2022-09-29")
    look = SkyLook(sky, 20.0)
    now_s = NOON.timestamp()
    look.follow((sequence(1, 10.68, 41.27), sequence(2, 6.02, -72.08, RequestKind.ALERT)))
    look.look(now_s)
    m31, tucanae = look.now.targets
    assert m31.altitude_deg > 60 and not m31.is_alert
    assert tucanae.altitude_deg < 0 and tucanae.is_alert
    assert abs(look.now.moon.altitude_deg - sky.moon(now_s).altitude_deg) < 0.1
    assert abs(look.sun_altitude_deg - sky.sun_altitude_deg(now_s)) < 1e-9
    first = look.now
    look.look(now_s + 5)
    assert look.now is first
    look.follow((sequence(1, 10.68, 41.27),))
    look.look(now_s + 6)
    assert [s.name for s in look.now.targets] == ["target 1"]


def test_a_curve_runs_from_sunset_to_sunrise_and_is_made_once() -> None:
    sky = Sky(SITE, "2022-09-29")
    look = SkyLook(sky, 20.0)
    curve = look.curve(sequence(1, 10.68, 41.27))
    assert curve is look.curve(sequence(1, 10.68, 41.27))
    assert (curve[0][0], curve[-1][0]) == (sky.night.sunset_unix_s, sky.night.sunrise_unix_s)
    assert max(altitude for _, altitude in curve) == pytest.approx(90 - (41.27 - 31.04), abs=1.0)
    assert len(look.moon_curve) == len(curve)


def test_the_weather_of_the_last_hours_is_read_bit_by_bit(store: Store) -> None:
    def note(hours_ago: float, **readings: object) -> None:
        with store.session() as session:
            session.add(Weather(time=NOON - timedelta(hours=hours_ago), source="plc", readings=readings, safe=True))

    def read() -> dict[str, tuple[tuple[float, float], ...]]:
        with store.session(read_only=True) as session:
            history.read(session, NOON.timestamp())
        return {s.quantity: s.points for s in history.strips}

    history = WeatherHistory(read_rules())
    assert read() == {}
    note(9, humidity=30.0)  # too old
    note(2, humidity=54.321, rain=False, error="x")
    note(1, humidity=55.0, wind_speed=None)
    assert [value for _, value in read()["humidity"]] == [54.32, 55.0]
    before = history.strips
    assert read() and history.strips is before
    note(0.5, temperature=-2.0)
    assert set(read()) == {"humidity", "temperature"}
    limits = {s.quantity: (s.limit, s.upper, s.unit) for s in history.strips}
    assert limits["temperature"] == (-15.0, False, "°C")
    assert limits["humidity"] == (85.0, True, "%")  # where the dome closes, not where it is said


def test_the_length_of_an_exposure_is_read_where_whoever_began_it_wrote_it(store: Store) -> None:
    with store.session() as session:
        camera = Device(
            name="vis",
            kind=DeviceKind.CAMERA_VIS,
            site=Site(name="a hill", latitude_deg=31.0, longitude_deg=-115.0, elevation_m=0.0),
        )
        session.add(camera)
        session.flush()
        device_id = camera.id
    look, ends_s = ExposureLook(), NOON.timestamp() + 40.0

    def note(**state: float) -> None:
        with store.session() as session:
            session.add(DeviceStatus(device_id=device_id, time=NOON, connected=True, state=state))

    def length_s(at_s: float = ends_s) -> float | None:
        with store.session(read_only=True) as session:
            look.read(session, {"vis": device_id})
        return look.length_s("vis", at_s)

    assert length_s() is None, "nobody wrote anything"
    note(remaining=40.0, exposure=60.0)
    assert length_s(ends_s + 0.4) == 60.0
    assert length_s(ends_s + 60.0) is None, "that is the next one"
    assert look.length_s("nir", ends_s) is None
    note(remaining=0.0)
    assert length_s() is None, "it is over"
