"""What visitors use alone: lists of requests, the command line, explanations, pictures, astroplan, semesters."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.table import QTable
from astropy.time import Time
from click.testing import CliRunner

from benchmarks.nightbench.evaluate import evaluate
from benchmarks.nightbench.generate import make_problem
from pyros_kernel.scheduling import Block, Search, Sky, Transition, plan
from pyros_kernel.scheduling.cli import schedule
from pyros_kernel.scheduling.plot import PlannedNight
from pyros_kernel.scheduling.requests import BadRequests, read_requests
from pyros_kernel.scheduling.semester import Telescope, Weather, simulate
from pyros_kernel.settings import ROOT


def _run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(schedule, [str(a) for a in arguments])
    return result.exit_code, result.output


def test_a_problem_is_answered_as_the_judge_reads_it(tmp_path: Path) -> None:
    problem = make_problem(50, "SPM", "2026-11-22", seed=7)
    (tmp_path / "p.json").write_text(problem.dumps())
    code, output = _run("--problem", tmp_path / "p.json", "--out", tmp_path / "o.json", "--iterations", "8")
    assert (code, "proven gap" in output) == (0, True)
    answer = json.loads((tmp_path / "o.json").read_text())
    report = evaluate(problem, answer["schedule"], step=120.0)
    assert report.violations == []
    assert report.score == pytest.approx(answer["score"])
    assert answer["score"] <= answer["bound"]
    assert answer["seconds"] > 0
    (tmp_path / "bad.json").write_text('{"site": {}}')
    code, output = _run("--problem", tmp_path / "bad.json", "--out", tmp_path / "o.json")
    assert (code, "not a night's problem" in output) == (1, True)


def test_bad_rows_are_refused_with_line_and_reason(tmp_path: Path, spm: Sky) -> None:
    (tmp_path / "r.csv").write_text(
        "id,ra,dec,duration_s,max_airmass,twilight,mandatory\n"
        "A,04:00:00,+30:00:00,600,2,nautical,yes\n"
        "B,10,99,600,,,\n"
        "C,xx,9,600,,,\n"
        "D,10,40,,,,\n"
        "E,10,40,600,2,late,\n"
        "A,10,40,600,,,\n"
        "F,10,40,600,,,maybe\n"
        "G,10,40,600,0.5,,\n"
    )
    read = read_requests(tmp_path / "r.csv", spm)
    (block,) = read.blocks
    assert (block.id, block.ra_deg, block.max_sun_altitude_deg, block.mandatory) == (
        "A",
        pytest.approx(60.0),
        -12.0,
        True,
    )
    assert block.min_altitude_deg == pytest.approx(30.0)
    assert [r.line for r in read.refused] == [3, 4, 5, 6, 7, 8, 9]
    words = ["dec: '99'", "ra: 'xx'", "duration_s is missing", "no twilight", "used twice", "mandatory", "max_airmass"]
    for refused, word in zip(read.refused, words, strict=True):
        assert word in refused.reason
    code, output = _run(
        "--requests", tmp_path / "r.csv", "--site", "SPM", "--night", "2026-11-22", "--out", tmp_path / "o.json"
    )
    assert code == 0
    assert "r.csv:3: refused: dec: '99' lies outside -90° to 90°" in output
    with pytest.raises(BadRequests, match=r"is \.csv, \.ecsv or \.json"):
        read_requests(tmp_path / "r.xls", spm)


def test_the_same_list_in_every_format(tmp_path: Path, spm: Sky) -> None:
    row = {"id": "A", "ra": 60.0, "dec": 30.0, "duration_s": 600.0}
    (tmp_path / "r.json").write_text(json.dumps([row]))
    table = QTable({"id": ["A"], "ra": [4.0] * u.hourangle, "dec": [30.0] * u.deg, "duration_s": [10.0] * u.min})
    table.write(tmp_path / "r.ecsv")
    (one,), (other,) = (read_requests(tmp_path / name, spm).blocks for name in ("r.json", "r.ecsv"))
    assert (one.id, one.duration_s, one.dec_deg) == (other.id, other.duration_s, other.dec_deg)
    assert one.ra_deg == pytest.approx(other.ra_deg)
    fixture = read_requests(ROOT / "fixtures" / "night_2022-09-29.json", spm)
    assert len(fixture.blocks) > 40
    assert fixture.refused == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --problem"),
        (("--site", "Mars", "--night", "2026-11-22"), "no site 'Mars'"),
        (("--site", "SPM", "--night", "soon"), "is no date"),
        (("--site", "0,89,0", "--night", "2026-06-21"), "the Sun never sets"),
    ],
)
def test_what_can_t_be_is_said(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "r.csv").write_text("id,ra,dec,duration_s\nA,60,30,600\n")
    more = ("--requests", tmp_path / "r.csv") if arguments else ()
    code, output = _run(*arguments, *more, "--out", tmp_path / "o.json")
    assert code != 0
    assert words in output


def _night(sky: Sky) -> PlannedNight:
    dusk = sky.night.dusk_unix_s
    blocks = [
        Block(1, 60.0, 30.0, 3000.0, priority=5, programme="A", window=(dusk + 7200.0, dusk + 10300.0)),
        Block(2, 60.0, 30.0, 600.0, priority=1, programme="B", window=(dusk + 8000.0, dusk + 9000.0)),
        Block(3, 60.0, -26.0, 600.0, min_altitude_deg=33.5),
        Block(4, 60.0, -85.0, 600.0),
    ]
    limits = {"start_unix_s": sky.night.sunset_unix_s, "end_unix_s": sky.night.sunrise_unix_s}
    return PlannedNight(blocks, sky, Transition(), plan(blocks, sky, Transition(), **limits))


def test_each_block_is_explained(spm: Sky) -> None:
    night = _night(spm)
    assert night.explain(1).placed
    assert "earliest free place" in night.explain(1).reason
    outbid = night.explain(2)
    assert (outbid.placed, outbid.rivals) == (False, (1,))
    assert outbid.change == "without its window it would fit"
    low = night.explain(3)
    assert "never above 33.5°" in low.reason
    assert low.change == "allowed 2° lower, down to 31.5°, it would fit"
    assert night.explain(4).change == ""
    with pytest.raises(KeyError):
        night.explain(9)


def test_the_night_s_use_is_told_and_drawn(spm: Sky) -> None:
    night = _night(spm)
    use = night.use()
    assert use.observing_s == pytest.approx(3000.0)
    assert use.by_programme == {"A": pytest.approx(3000.0)}
    idle = sum(i.end_unix_s - i.start_unix_s for i in use.idle)
    assert use.observing_s + use.transitions_s + idle == pytest.approx(use.dark_s, abs=1.0)
    assert all(i.reason for i in use.idle)
    assert night.programmes()["time"][0] == 3000.0 * u.s
    figure = night.plot()
    assert [a.get_ylabel() for a in figure.axes] == ["altitude (°)", "plan"]
    assert len(figure.axes[0].get_lines()) == 3  # the Moon, one target, and its planned part
    assert night._repr_png_().startswith(b"\x89PNG")


def test_astroplan_s_objects_in_and_out(spm: Sky) -> None:
    import astroplan

    from pyros_kernel.scheduling.convention import NotUnderstood, blocks_of, schedule_of

    dusk, dawn = spm.night.dusk, spm.night.dawn
    target = astroplan.FixedTarget(SkyCoord(60 * u.deg, 30 * u.deg), name="star")
    window = astroplan.TimeConstraint(dusk, Time(dusk.unix + 7200, format="unix"))
    asked = [
        astroplan.ObservingBlock(target, 10 * u.min, 1, configuration={"filter": "r"}, constraints=[window]),
        astroplan.ObservingBlock(target, 20 * u.min, 2, configuration={"filter": "g"}),
    ]
    everywhere = [astroplan.AirmassConstraint(2), astroplan.AtNightConstraint.twilight_astronomical()]
    blocks = blocks_of(asked, everywhere)
    assert [b.priority for b in blocks] == [2.0, 1.0]
    assert blocks[0].min_altitude_deg == pytest.approx(30.0)
    assert blocks[1].max_sun_altitude_deg == -18.0
    made = plan(blocks, spm, Transition(), start_unix_s=float(dusk.unix), end_unix_s=float(dawn.unix))
    schedule = schedule_of(made, blocks)
    assert [b.target.name for b in schedule.observing_blocks] == ["star", "star"]
    assert schedule.observing_blocks[1].start_time.unix == pytest.approx(made.placed[1].start_unix_s)
    with pytest.raises(NotUnderstood, match="no constraint"):
        blocks_of(asked, ["early"])


def test_any_constraint_of_astroplan_holds(spm: Sky) -> None:
    import astroplan

    from pyros_kernel.scheduling.convention import blocks_of

    target = astroplan.FixedTarget(SkyCoord(60 * u.deg, 30 * u.deg), name="star")
    night = spm.night
    middle = (night.dusk_unix_s + night.dawn_unix_s) / 2
    event = astroplan.PeriodicEvent(epoch=Time(middle, format="unix"), period=30 * u.hour)
    galaxy = astroplan.GalacticLatitudeConstraint(min=10 * u.deg), astroplan.GalacticLatitudeConstraint(min=30 * u.deg)
    asked = [
        astroplan.ObservingBlock(target, 100 * u.min, 1, name=name, constraints=list(constraints))
        for name, constraints in {
            "phase": [astroplan.PhaseConstraint(event, min=0.0, max=0.1)],
            "high": [astroplan.AltitudeConstraint(min=20 * u.deg, max=70 * u.deg)],
            "galaxy": galaxy[:1],
            "no galaxy": galaxy[1:],
        }.items()
    ]
    made = plan(blocks_of(asked), spm, Transition(), start_unix_s=night.dusk_unix_s, end_unix_s=night.dawn_unix_s)
    placed = {str(p.id): p for p in made.placed}
    assert set(placed) == {"phase", "high", "galaxy"}  # the star is 17 degrees from the plane
    assert placed["phase"].start_unix_s >= middle - 0.1
    assert placed["phase"].end_unix_s <= middle + 3 * 3600 + 0.1
    ends = np.array([placed["high"].start_unix_s, placed["high"].end_unix_s])
    heights = spm.altitudes_deg(spm.directions(60.0, 30.0), np.linspace(*ends, 50))
    assert heights.max() <= 70.001
    assert "astroplan's GalacticLatitudeConstraint" in {str(r.id): r.reason for r in made.rejected}["no galaxy"]


def test_a_semester_ends_with_what_every_programme_got() -> None:
    ohp = EarthLocation.from_geodetic(5.7133 * u.deg, 43.9308 * u.deg, 650 * u.m)
    spm = EarthLocation.from_geodetic(-115.4637 * u.deg, 31.0443 * u.deg, 2800 * u.m)
    telescopes = [
        Telescope("T1", ohp, Transition(), Weather(0.5, 0.3)),
        Telescope("T2", spm, Transition(), Weather(0.9, 0.05)),
    ]
    blocks = [
        Block(f"{p}{k}", (k * 31.0) % 360, 20.0, 3600.0, priority=2 if p == "A" else 1, programme=p)
        for p in "AB"
        for k in range(30)
    ]
    visits = [
        Block(f"m{k}", 60.0, 30.0, 600.0, after=f"m{k - 1}" if k else None, gap_s=(80_000.0, 3e5)) for k in range(4)
    ]
    made = simulate([*blocks, *visits], telescopes, "2026-11-20", 5, quotas_percent={"A": 20.0}, seed=3)
    again = simulate([*blocks, *visits], telescopes, "2026-11-20", 5, quotas_percent={"A": 20.0}, seed=3)
    assert made == again
    by_name = {c.programme: c for c in made.programmes}
    limited = by_name["A"]
    assert limited.quota_s == pytest.approx(0.2 * made.dark_s)
    assert 0 < limited.done_s <= 0.2 * made.dark_s
    assert list(limited.by_night) == sorted(limited.by_night)
    assert {where for _, where in made.done.values()} == {"T1", "T2"}
    nights = [made.done[f"m{k}"][0] for k in range(4) if f"m{k}" in made.done]
    assert nights == sorted(set(nights))
    assert 0 < made.lost_s < made.dark_s
    with pytest.raises(ValueError, match="together 1 at most"):
        Weather(0.8, 0.4)


def test_ten_thousand_requests(spm: Sky) -> None:
    blocks = [Block(k, (k * 7.31) % 360, -30.0 + (k * 0.37) % 90, 600.0, priority=k % 7) for k in range(10_000)]
    night = spm.night
    made = plan(blocks, spm, Transition(), start_unix_s=night.dusk_unix_s, end_unix_s=night.dawn_unix_s)
    assert len(made.placed) + len(made.rejected) == 10_000
    assert len(made.placed) > 40
    assert plan([], spm, Transition(), start_unix_s=night.dusk_unix_s, end_unix_s=night.dawn_unix_s).placed == ()
    assert Search().iterations > 0


def test_a_list_on_the_command_line_alone(tmp_path: Path) -> None:
    """In a process of its own: nothing else has told astropy to leave the network alone."""
    (tmp_path / "l.csv").write_text(
        "name,id,ra,dec,duration_s,repeats,min_gap_s,max_gap_s,hour_angle_h,phase,local_time,body,first_night\n"
        "V1,V1,04:00:00,+30:00:00,300,3,1800,3600,-3 3,,,,\n"
        "T,T,04:20:00,+25:00:00,600,,,,,86400 2026-11-23T08:00:00 0.95 0.05,,,\n"
        "L,L,05:00:00,+25:00:00,600,,,,,,22:00 23:00 America/Tijuana,,\n"
        "S,S,,,600,,,,,,,saturn,\n"
        "Bad,Bad,05:00:00,+25:00:00,600,,,,9,,,,\n"
        "Later,Later,05:00:00,+25:00:00,600,,,,,,,,2026-12-24\n"
    )
    own = "from pyros_kernel.scheduling.cli import schedule; schedule()"
    asked = ["--site", "SPM", "--night", "2026-11-22", "--requests", str(tmp_path / "l.csv"), "--iterations", "4"]
    ran = subprocess.run(
        [sys.executable, "-c", own, *asked, "--out", str(tmp_path / "o.json")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert [line.split(":")[1] for line in ran.stderr.splitlines()] == ["6", "7"]
    answer = json.loads((tmp_path / "o.json").read_text())
    assert {p["id"] for p in answer["placed"]} == {"V1", "V1/2", "V1/3", "T", "L", "S"}
    at = {p["id"]: p["start_unix_s"] for p in answer["placed"]}
    assert 1800.0 <= at["V1/2"] - at["V1"] <= 3600.0
    assert datetime.fromtimestamp(at["L"], ZoneInfo("America/Tijuana")).hour == 22
