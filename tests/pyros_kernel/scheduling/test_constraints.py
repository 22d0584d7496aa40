"""Each constraint, exact at its edges and told in words."""

from __future__ import annotations

from datetime import time

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, SkyCoord, get_body
from astropy.time import Time

from pyros_kernel.scheduling import Block, Plan, Sky, Transition, plan
from pyros_kernel.scheduling.conditions import Conditions
from pyros_kernel.scheduling.constraints import (
    AirmassCurve,
    AwayFromMeridian,
    Constraint,
    HorizonMask,
    HourAngle,
    LocalTime,
    MoonAvoidance,
    MoonSeparation,
    PhaseOfPeriod,
    SeeingBelow,
    TransparencyAbove,
    twilight,
)
from pyros_kernel.scheduling.ephemeris import Moving, moving_from_rows
from pyros_kernel.scheduling.target_view import TargetView
from pyros_kernel.scheduling.visibility import Visibilities


def _spans(sky: Sky, block: Block, conditions: Conditions | None = None) -> tuple[tuple[float, float], ...]:
    a, b = sky.night.sunset_unix_s, sky.night.sunrise_unix_s
    return Visibilities(sky, a, b, ((a, b),), conditions=conditions).of([block])[0].together


def _plan(sky: Sky, *blocks: Block, conditions: Conditions | None = None) -> Plan:
    night = sky.night
    return plan(
        blocks,
        sky,
        Transition(),
        start_unix_s=night.sunset_unix_s,
        end_unix_s=night.sunrise_unix_s,
        conditions=conditions,
    )


def _block(*constraints: Constraint, **limits: float) -> Block:
    return Block(1, 60.0, 30.0, 600.0, constraints=constraints, **limits)


@pytest.mark.parametrize(
    "constraint",
    [
        AirmassCurve(((1.0, 1.0), (1.3, 0.5))),
        HorizonMask(((0.0, 20.0), (90.0, 60.0), (180.0, 20.0), (270.0, 50.0))),
        MoonAvoidance(23.0, 7.0),
        MoonSeparation(22.0),
        HourAngle(-1.5, 0.75),
        AwayFromMeridian(12.0),
        PhaseOfPeriod(7200.0, 1_700_000_000.0, 0.9, 0.2),
        LocalTime("America/Tijuana", time(23, 0), time(2, 30)),
    ],
    ids=lambda c: type(c).__name__,
)
def test_the_margin_is_zero_at_every_edge_and_positive_between(spm: Sky, constraint: Constraint) -> None:
    block = _block(constraint)
    view = TargetView(spm, spm.directions(60.0, 30.0)[0], None)
    free, held = _spans(spm, _block()), _spans(spm, block)
    assert held
    assert held != free
    edges = {t for span in free for t in span}
    for a, b in held:
        inside = np.linspace(a, b, 300)
        assert constraint.margin(view, inside).min() >= -1e-5
        for t in {a, b} - edges:
            assert abs(constraint.margin(view, np.array([t]))[0]) < 1e-5


def test_seeing_and_transparency_need_a_forecast(spm: Sky) -> None:
    middle = spm.midnight_unix_s
    bad_early = Conditions((middle - 1, middle + 1), (3.0, 0.8), (0.2, 1.0))
    for constraint in (SeeingBelow(1.5), TransparencyAbove(0.6)):
        assert _spans(spm, _block(constraint)) == _spans(spm, _block())
        assert _spans(spm, _block(constraint), bad_early)[0][0] == pytest.approx(middle, abs=1.0)


def test_what_never_holds_is_told_with_its_margin(spm: Sky) -> None:
    made = _plan(spm, Block(1, 60.0, -10.0, 600.0, constraints=(AirmassCurve(((1.0, 1.0), (1.1, 0.5))),)))
    reason = made.rejected[0].reason
    assert reason.startswith("never airmass below 1.1: misses it by 0.2")
    assert reason.endswith("UTC")


def test_several_windows(spm: Sky) -> None:
    t = spm.midnight_unix_s
    block = Block(1, 60.0, 30.0, 900.0, windows=((t, t + 600.0), (t + 3600.0, t + 4700.0)))
    assert _plan(spm, block).placed[0].start_unix_s == pytest.approx(t + 3600.0)


def test_twilights_by_name() -> None:
    assert [twilight(k) for k in ("civil", "nautical", "astronomical")] == [-6.0, -12.0, -18.0]
    with pytest.raises(ValueError, match="no twilight 'late'"):
        twilight("late")


def test_a_planet_is_where_astropy_sees_it(spm: Sky) -> None:
    moving = Moving.body("jupiter", spm)
    view = TargetView(spm, np.zeros(3), moving)
    t = np.linspace(spm.night.sunset_unix_s, spm.night.sunrise_unix_s, 20)
    when = Time(t, format="unix")
    seen = get_body("jupiter", when, spm.location).transform_to(AltAz(obstime=when, location=spm.location))
    assert np.abs(view.altitude_deg(t) - seen.alt.deg).max() < 0.01
    made = _plan(spm, Block("J", moving.first_deg[0], moving.second_deg[0], 600.0, moving=moving))
    (placed,) = made.placed
    inside = np.linspace(placed.start_unix_s, placed.end_unix_s, 10)
    assert view.altitude_deg(inside).min() >= 30.0 - 1e-4


def test_tables_of_a_satellite_and_of_a_comet(spm: Sky) -> None:
    t = spm.midnight_unix_s
    rows = [(t + 60.0 * k, 90.0 + 9.0 * k, 40.0 + 3.0 * k) for k in range(11)]
    satellite = moving_from_rows(rows, "altaz")
    view = TargetView(spm, np.zeros(3), satellite)
    for row in rows:
        assert view.altitude_deg(np.array([row[0]]))[0] == pytest.approx(row[2], abs=0.01)
        assert view.azimuth_deg(np.array([row[0]]))[0] == pytest.approx(row[1], abs=0.01)
    placed = _plan(spm, Block("S", 0.0, 0.0, 120.0, moving=satellite)).placed[0]
    assert t <= placed.start_unix_s < placed.end_unix_s <= t + 600.0
    when = Time(t + np.arange(5) * 3600.0, format="unix")
    comet = Moving.table(when, SkyCoord(np.linspace(60, 61, 5) * u.deg, np.full(5, 30.0) * u.deg))
    still, seen = _spans(spm, _block()), _spans(spm, Block(1, 60.0, 30.0, 600.0, moving=comet))
    assert seen[0][0] == pytest.approx(t)
    assert abs(seen[-1][1] - min(still[-1][1], t + 4 * 3600.0)) < 300.0


@pytest.mark.parametrize(
    ("rows", "frame", "words"),
    [
        ([(0.0, 1.0, 2.0)], "icrs", "two rows"),
        ([(1.0, 1.0, 2.0), (0.0, 1.0, 2.0)], "icrs", "in order"),
        ([(0.0, 1.0, 2.0), (1.0, 1.0, 2.0)], "galactic", "frame icrs, altaz, hadec"),
    ],
)
def test_a_bad_table_is_refused(rows: list[tuple[float, float, float]], frame: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        moving_from_rows(rows, frame)


def test_an_unknown_body_is_refused(spm: Sky) -> None:
    with pytest.raises(ValueError, match="no body 'vulcan'"):
        Moving.body("vulcan", spm)


def test_hour_angles_of_a_star_lead_to_it(spm: Sky) -> None:
    direction = spm.directions(60.0, 30.0)[0]
    times = spm.midnight_unix_s + np.arange(-7200.0, 7201.0, 300.0)
    view = TargetView(spm, direction, None)
    declination = float(np.degrees(np.arcsin(direction[2])))
    hours_deg = (15.0 * view.hour_angle_h(times)).tolist()
    moving = moving_from_rows([(t, h, declination) for t, h in zip(times.tolist(), hours_deg, strict=True)], "hadec")
    between = times[:-1] + 137.0
    cosine = direction @ moving.directions(spm, between)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.01
    assert moving.icrs_deg(spm, float(between[3])) == (pytest.approx(60.0, abs=0.01), pytest.approx(30.0, abs=0.01))
