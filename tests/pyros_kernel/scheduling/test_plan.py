"""The planner's answers: right places, right refusals, right words."""

from __future__ import annotations

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time

from pyros_kernel.scheduling import Block, Plan, Sky, Transition, observable, plan, plan_as_table

FREE = Transition(slew_rate_deg_s=None, settle_s=0.0, filter_change_s=0.0)
HOUR = 3600.0


def _plan(sky: Sky, *blocks: Block, transition: Transition = FREE, **kwargs: object) -> Plan:
    night = sky.night
    limits = {"start_unix_s": night.dusk_unix_s, "end_unix_s": night.dawn_unix_s} | kwargs
    return plan(blocks, sky, transition, **limits)  # type: ignore[arg-type]


def _overhead(sky: Sky, hours: float) -> tuple[float, float]:
    """Give the direction that stands in the zenith some hours after midnight."""
    when = Time(sky.midnight_unix_s + hours * HOUR, format="unix")
    zenith = SkyCoord(AltAz(az=0 * u.deg, alt=90 * u.deg, obstime=when, location=sky.location)).icrs
    return float(zenith.ra.deg), float(zenith.dec.deg)


def _reason(made: Plan) -> str:
    assert not made.placed
    (rejected,) = made.rejected
    return rejected.reason


def test_nothing_to_do(spm: Sky) -> None:
    made = _plan(spm)
    assert made == Plan(spm.night.dusk_unix_s, spm.night.dawn_unix_s)


def test_starts_exactly_when_the_target_has_risen(spm: Sky) -> None:
    ra, dec = _overhead(spm, 3.0)
    (placed,) = _plan(spm, Block(1, ra, dec, HOUR, min_altitude_deg=40.0)).placed
    assert observable(Block(1, ra, dec, 60.0, min_altitude_deg=40.0), spm, placed.start_unix_s).ok
    when = Time(placed.start_unix_s, format="unix")
    altitude = SkyCoord(ra, dec, unit="deg").transform_to(AltAz(obstime=when, location=spm.location)).alt.deg
    assert altitude == pytest.approx(40.0, abs=0.0005)
    assert "altitude 40.0°" in placed.why


def test_starts_exactly_when_the_sun_is_low_enough(spm: Sky) -> None:
    ra, dec = _overhead(spm, -6.0)
    block = Block(1, ra, dec, HOUR, max_sun_altitude_deg=-12.0)
    (placed,) = _plan(spm, block, start_unix_s=spm.night.sunset_unix_s).placed
    when = Time(placed.start_unix_s, format="unix")
    sun = get_body("sun", when, spm.location).transform_to(AltAz(obstime=when, location=spm.location))
    assert sun.alt.deg == pytest.approx(-12.0, abs=0.0005)


def test_keeps_away_from_the_moon_to_the_second(spm: Sky) -> None:
    first = spm.moon(spm.night.dusk_unix_s)
    moons = [first, spm.moon(spm.night.dawn_unix_s)]
    # Where the Moon stands at dusk is far enough from it only later in the night.
    away = 0.5 * float(
        SkyCoord(moons[0].ra_deg, moons[0].dec_deg, unit="deg")
        .separation(SkyCoord(moons[1].ra_deg, moons[1].dec_deg, unit="deg"))
        .deg
    )
    block = Block(1, first.ra_deg, first.dec_deg, 600.0, min_moon_separation_deg=away, min_altitude_deg=0.0)
    (placed,) = _plan(spm, block).placed
    assert placed.start_unix_s > spm.night.dusk_unix_s + HOUR
    when = Time(placed.start_unix_s, format="unix")
    moon = get_body("moon", when, spm.location)
    target = SkyCoord(first.ra_deg, first.dec_deg, unit="deg")
    assert moon.separation(target, origin_mismatch="ignore").deg == pytest.approx(away, abs=0.001)
    assert not observable(block, spm, placed.start_unix_s - 5.0).ok


def test_constraints_hold_to_the_end(spm: Sky) -> None:
    ra, dec = _overhead(spm, -5.0)  # sets early: only the start would be fine an hour later
    block = Block(1, ra, dec, HOUR, min_altitude_deg=30.0)
    (placed,) = _plan(spm, block).placed
    longer = _plan(spm, replace(block, duration_s=6 * HOUR), start_unix_s=spm.night.sunset_unix_s)
    assert _reason(longer).startswith("needs 21600 s, longest observable stretch is 1")
    assert _reason(longer).endswith("limited by the Sun at -18.0° and altitude 30.0°)")
    for t in np.linspace(placed.start_unix_s, placed.end_unix_s, 50):
        assert observable(block, spm, float(t)).ok


def test_more_important_first_and_the_loser_is_told(spm: Sky) -> None:
    ra, dec = _overhead(spm, 0.0)
    night_s = spm.night.dawn_unix_s - spm.night.dusk_unix_s
    window = (spm.midnight_unix_s - HOUR, spm.midnight_unix_s + HOUR)
    low = Block(1, ra, dec, 1.5 * HOUR, priority=10, window=window, name="M 31")
    high = Block(2, ra, dec, 1.5 * HOUR, priority=90, window=window, name="GRB 221009A")
    made = _plan(spm, low, high)
    assert [p.id for p in made.placed] == [2]
    assert made.rejected[0].id == 1
    assert "competes with GRB 221009A (priority 90)" in made.rejected[0].reason
    assert made.placed[0].start_unix_s == window[0]
    assert night_s > 0


def test_gaps_are_filled_and_transitions_kept_on_both_sides(spm: Sky) -> None:
    t = spm.midnight_unix_s
    ra, dec = _overhead(spm, 0.0)
    transition = Transition(slew_rate_deg_s=1.0, settle_s=7.0, filter_change_s=20.0)
    first = Block("a", ra, dec, 600.0, priority=9, window=(t - 600.0, t), filters=("r",))
    last = Block("c", ra, dec, 600.0, priority=9, window=(t + 1000.0, t + 1600.0), filters=("g", "i"))
    direction = SkyCoord(ra, dec, unit="deg").directional_offset_by(90 * u.deg, 10 * u.deg)

    def between(duration_s: float) -> Block:
        target = SkyCoord(direction.ra, direction.dec)
        return Block.make("b", target, duration_s, window=(_t(t), _t(t + 1000.0)), filters=("r", "z"))

    # 1000 s less 10° of slew and 7 s twice, and a filter change (z to g) behind.
    room = 1000.0 - 2 * 17.0 - 20.0
    fits = _plan(spm, first, last, between(room - 0.1), transition=transition)
    assert [p.id for p in fits.placed] == ["a", "b", "c"]
    assert fits.placed[1].start_unix_s == pytest.approx(t + 17.0, abs=0.05)
    assert [p.transition_s for p in fits.placed] == pytest.approx([0.0, 17.0, 37.0], abs=0.05)
    too_long = _plan(spm, first, last, between(room + 0.1), transition=transition)
    assert [p.id for p in too_long.placed] == ["a", "c"]
    assert "no room left" in too_long.rejected[0].reason


def test_what_runs_stays(spm: Sky) -> None:
    t = spm.midnight_unix_s
    ra, dec = _overhead(spm, 0.0)
    running = Block(1, ra, -80.0, HOUR, priority=0, fixed_start_unix_s=t - 600.0)
    other = Block(2, ra, dec, 600.0, priority=99)
    made = _plan(spm, other, running, start_unix_s=t)
    assert [(p.id, p.start_unix_s) for p in made.placed] == [(1, t - 600.0), (2, t + HOUR - 600.0)]
    assert made.placed[0].why.startswith("already running")
    with pytest.raises(ValueError, match="can't both be running"):
        _plan(spm, running, Block(3, ra, dec, 600.0, fixed_start_unix_s=t), start_unix_s=t)


def test_blocked_times_stay_free(spm: Sky) -> None:
    t = spm.midnight_unix_s
    ra, dec = _overhead(spm, 0.0)
    block = Block(1, ra, dec, 1800.0, window=(t - HOUR, t + HOUR))
    made = _plan(spm, block, blocked=[(t - 100.0, t + 200.0), (t - 2 * HOUR, t - 1900.0)])
    assert made.placed[0].start_unix_s == t - 1900.0
    made = _plan(spm, block, blocked=[(t - 2000.0, t + 1900.0)])
    assert "needs 1800 s, longest observable stretch is 1700 s" in _reason(made)
    assert "the plan's own time" in _reason(made)


def test_circumpolar_and_pole(spm: Sky) -> None:
    made = _plan(spm, Block(1, 123.0, 90.0, HOUR, min_altitude_deg=31.0), Block(2, 5.0, 89.0, HOUR))
    assert [p.id for p in made.placed] == [2, 1]
    assert made.placed[0].start_unix_s == pytest.approx(spm.night.dusk_unix_s, abs=1e-3)
    assert "never above 32.0° in this plan (highest 31" in _reason(
        _plan(spm, Block(1, 123.0, 90.0, HOUR, min_altitude_deg=32.0))
    )


@pytest.mark.parametrize("lat", [90.0, -90.0])
def test_at_the_pole_of_the_earth(lat: float) -> None:
    sky = Sky(EarthLocation.from_geodetic(0 * u.deg, lat * u.deg, 0 * u.m), "2026-07-01")
    t = sky.midnight_unix_s
    up = np.sign(lat) * 45.0
    blocks = [Block(1, 10.0, up, HOUR, max_sun_altitude_deg=90.0), Block(2, 10.0, -up, HOUR, max_sun_altitude_deg=90.0)]
    made = plan(blocks, sky, FREE, start_unix_s=t, end_unix_s=t + 3 * HOUR)
    assert [p.id for p in made.placed] == [1]
    assert "never above 30.0°" in made.rejected[0].reason


def test_never_rising_and_too_low(spm: Sky) -> None:
    assert "never above 30.0° in this plan (highest -" in _reason(_plan(spm, Block(1, 0.0, -85.0, HOUR)))
    ra, dec = _overhead(spm, 12.0)
    reason = _reason(_plan(spm, Block(1, ra, dec, HOUR, min_altitude_deg=60.0)))
    assert "never above 60.0°" in reason
    assert f"{spm.night.dusk.strftime('%H:%M')} UTC" in reason


def test_windows(spm: Sky) -> None:
    t = spm.midnight_unix_s
    ra, dec = _overhead(spm, 0.0)
    across = Block(1, ra, dec, HOUR, window=(t - 1800.0, t + 1800.0))
    assert [(p.start_unix_s, p.end_unix_s) for p in _plan(spm, across).placed] == [(t - 1800.0, t + 1800.0)]
    other_day = Block(1, ra, dec, HOUR, window=(t + 8 * 86400, t + 9 * 86400))
    assert "window 2026-12-01 07:41 to 2026-12-02 07:41 UTC lies outside the plan" in _reason(_plan(spm, other_day))
    short = Block(1, ra, dec, HOUR, window=(t, t + 1800.0))
    assert _reason(_plan(spm, short)) == "needs 3600 s, its window is only 1800 s long"
    open_ended = Block(1, ra, dec, HOUR, window=(t, float("inf")))
    assert _plan(spm, open_ended).placed[0].start_unix_s == t
    too_early = Block(1, ra, dec, HOUR, window=(float("-inf"), spm.night.dusk_unix_s))
    assert "window … to" in _reason(_plan(spm, too_early))


def test_reasons_by_sun_and_moon(spm: Sky) -> None:
    ra, dec = _overhead(spm, 0.0)
    assert "the Sun is never below -80.0°" in _reason(_plan(spm, Block(1, ra, dec, HOUR, max_sun_altitude_deg=-80.0)))
    moon = spm.moon(spm.midnight_unix_s)
    near = Block(1, moon.ra_deg, moon.dec_deg, HOUR, min_moon_separation_deg=30.0)
    assert "the Moon is too near or too bright throughout (Moon 30.0° away)" in _reason(_plan(spm, near))
    # Full Moon: up nearly all night, so dark time is only where it is down.
    dark = Block(1, ra, dec, 4 * HOUR, max_moon_illumination=0.3)
    assert "Moon" in _reason(_plan(spm, dark))


def test_equal_right_ascensions_are_all_placed(spm: Sky) -> None:
    ra, _ = _overhead(spm, 0.0)
    blocks = [Block(i, ra, -20.0 + 5 * i, 900.0, priority=1) for i in range(12)]
    made = _plan(spm, *blocks, transition=Transition())
    assert len(made.placed) == 12
    assert _plan(spm, *reversed(blocks), transition=Transition()) == made


def test_a_thousand(spm: Sky) -> None:
    rng = np.random.default_rng(3)
    blocks = [
        Block(i, ra, dec, duration, priority=p)
        for i, (ra, dec, duration, p) in enumerate(rng.uniform((0, -90, 60, 1), (360, 90, 3000, 9), (1000, 4)).tolist())
    ]
    made = _plan(spm, *blocks, transition=Transition())
    assert len(made.placed) + len(made.rejected) == 1000
    assert sum(p.end_unix_s - p.start_unix_s for p in made.placed) > 0.8 * (
        spm.night.dawn_unix_s - spm.night.dusk_unix_s
    )


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"duration_s": 0.0}, "block 7: duration"),
        ({"duration_s": float("nan")}, "block 7: duration"),
        ({"dec_deg": 91.0}, "block 7: no direction"),
        ({"ra_deg": float("inf")}, "block 7: no direction"),
        ({"priority": float("nan")}, "block 7: priority"),
        ({"min_altitude_deg": float("nan")}, "block 7: altitude"),
        ({"window": (2.0, 1.0)}, "block 7: its window ends before"),
        ({"window": (float("nan"), 1.0)}, "block 7: its window ends before"),
    ],
)
def test_a_block_that_makes_no_sense_is_refused(bad: dict[str, object], words: str) -> None:
    good: dict[str, object] = {"id": 7, "ra_deg": 1.0, "dec_deg": 2.0, "duration_s": 60.0}
    with pytest.raises(ValueError, match=words):
        Block(**(good | bad))  # type: ignore[arg-type]


def test_a_plan_that_makes_no_sense_is_refused(spm: Sky) -> None:
    t = spm.midnight_unix_s
    with pytest.raises(ValueError, match="two blocks have the id 1"):
        _plan(spm, Block(1, 0.0, 0.0, 60.0), Block(1, 1.0, 0.0, 60.0))
    with pytest.raises(ValueError, match="must end after it starts"):
        _plan(spm, start_unix_s=t, end_unix_s=t)
    with pytest.raises(ValueError, match="within 18 h of its middle"):
        _plan(spm, start_unix_s=t, end_unix_s=t + 86400)


def test_observable_says_why_not(spm: Sky) -> None:
    ra, dec = _overhead(spm, 0.0)
    t = spm.midnight_unix_s
    good = Block(1, ra, dec, 60.0)
    assert observable(good, spm, t) == observable(good, spm, t)
    assert "altitude 9" in observable(good, spm, t).reason or "altitude 8" in observable(good, spm, t).reason
    assert "needs 30.0°" in observable(good, spm, t + 8 * HOUR).reason
    noon = Block(1, *_overhead(spm, 12.0), 60.0)
    assert "must be below -18.0°" in observable(noon, spm, t + 12 * HOUR).reason
    moon = spm.moon(t)
    assert (
        "Moon 0.0° away"
        in observable(Block(1, moon.ra_deg, moon.dec_deg, 60.0, min_moon_separation_deg=20.0), spm, t).reason
    )
    assert "Moon is up and lit 9" in observable(Block(1, ra, dec, 60.0, max_moon_illumination=0.5), spm, t).reason
    assert "outside its window" in observable(Block(1, ra, dec, 60.0, window=(t + 1, t + 2)), spm, t).reason


def test_as_a_table(spm: Sky) -> None:
    ra, dec = _overhead(spm, 0.0)
    made = _plan(spm, Block(1, ra, dec, HOUR), Block("far", 0.0, -85.0, HOUR))
    table = plan_as_table(made)
    assert list(table["id"]) == ["1", "far"]
    assert list(table["placed"]) == [True, False]
    assert table["duration"].to_value(u.s) == pytest.approx([HOUR, 0.0])
    assert float(table["start"][0].unix) == pytest.approx(made.placed[0].start_unix_s, abs=1e-3)
    assert bool(table["start"].mask[1])
    assert "never above" in table["reason"][1]
    assert len(plan_as_table(_plan(spm))) == 0


def _t(unix_s: float) -> Time:
    return Time(unix_s, format="unix")
