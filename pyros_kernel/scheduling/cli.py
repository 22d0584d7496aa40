"""``pyros schedule``: plan a list of requests, or a night's problem, without an observatory."""

from __future__ import annotations

import json
import time
from pathlib import Path

import astropy.units as u
import click
from astropy.coordinates import EarthLocation

from pyros_kernel.scheduling.block import Transition
from pyros_kernel.scheduling.night import NoNight
from pyros_kernel.scheduling.outcome import Plan, Search
from pyros_kernel.scheduling.planner import plan
from pyros_kernel.scheduling.problem import BadProblem, read_problem
from pyros_kernel.scheduling.requests import BadRequests, read_requests
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.table import plan_as_table

SITES = {"OHP": (5.7133, 43.9308, 650.0), "SPM": (-115.4637, 31.0443, 2800.0)}
_UNBOUNDED = 1_000_000  # steps: more than any budget of seconds lets it make


@click.command()
@click.option("--problem", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A night as JSON.")
@click.option("--requests", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="CSV, ECSV or JSON.")
@click.option("--site", help="OHP, SPM, or longitude,latitude,metres (degrees, east positive).")
@click.option("--night", help="Evening date, YYYY-MM-DD.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="JSON, or .ecsv, .csv.")
@click.option("--seconds", type=click.FloatRange(min=0), default=1.0, show_default=True, help="CPU time of the search.")
@click.option("--iterations", type=click.IntRange(min=0), default=None, help="Steps instead of seconds: reproducible.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--quality", is_flag=True, help="Let worth depend on airmass and Moon.")
@click.option("--strict-priority", is_flag=True, help="A more important request is never left out for others.")
def schedule(
    problem: Path | None,
    requests: Path | None,
    site: str | None,
    night: str | None,
    out: Path,
    seconds: float,
    iterations: int | None,
    seed: int,
    quality: bool,
    strict_priority: bool,
) -> None:
    """Plan a night: of --site and --night for --requests, or a --problem that says everything itself."""
    search = None
    if not strict_priority:
        steps = (_UNBOUNDED if seconds else 0) if iterations is None else iterations
        search = Search(steps, seed, cpu_s=seconds if iterations is None else float("inf"), quality=quality)
    try:
        if problem is not None:
            _problem(problem, out, search)
        elif requests is not None and site and night:
            _requests(requests, site, night, out, search)
        else:
            raise click.UsageError("give --problem, or --site, --night and --requests")
    except (BadProblem, BadRequests, NoNight, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _problem(path: Path, out: Path, search: Search | None) -> None:
    asked = read_problem(path)
    began, began_cpu = time.perf_counter(), time.process_time()
    made = asked.plan(search)
    spent = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - began_cpu}
    answer = {"schedule": asked.rows(made), "score": made.value, "bound": made.bound, "gap": made.gap, **spent}
    rejected = {str(r.id): r.reason for r in made.rejected}
    out.write_text(json.dumps({**answer, "rejected": rejected}, indent=1) + "\n")
    click.echo(_summary(made))


def _requests(path: Path, site: str, night: str, out: Path, search: Search | None) -> None:
    sky = Sky(_place(site), night)
    asked = read_requests(path, sky)
    for refused in asked.refused:
        click.echo(f"{path}:{refused.line}: refused: {refused.reason}", err=True)
    if asked.refused and not asked.blocks:
        raise click.ClickException(f"{path}: no request can be planned")
    times = sky.night
    made = plan(
        asked.blocks,
        sky,
        Transition(),
        start_unix_s=times.sunset_unix_s,
        end_unix_s=times.sunrise_unix_s,
        search=search,
    )
    table = plan_as_table(made)
    if out.suffix in (".ecsv", ".csv"):
        table.write(out, format="ascii.ecsv" if out.suffix == ".ecsv" else "ascii.csv", overwrite=True)
    else:
        placed = [
            {"id": str(p.id), "start_unix_s": p.start_unix_s, "end_unix_s": p.end_unix_s, "why": p.why}
            for p in made.placed
        ]
        rejected = [{"id": str(r.id), "reason": r.reason} for r in made.rejected]
        refused = [{"line": r.line, "reason": r.reason} for r in asked.refused]
        answer = {"placed": placed, "rejected": rejected, "refused": refused, "value": made.value, "bound": made.bound}
        out.write_text(json.dumps(answer, indent=1) + "\n")
    click.echo(_summary(made))


def _place(text: str) -> EarthLocation:
    try:
        longitude, latitude, height = SITES.get(text.upper()) or (float(part) for part in text.split(","))
        return EarthLocation.from_geodetic(longitude * u.deg, latitude * u.deg, height * u.m)
    except ValueError:
        raise ValueError(f"no site {text!r}: {', '.join(SITES)}, or longitude,latitude,metres") from None


def _summary(made: Plan) -> str:
    text = f"{len(made.placed)} placed, {len(made.rejected)} not, value {made.value:.0f}"
    return text if made.gap is None else f"{text} of at most {made.bound:.0f}: proven gap {100 * made.gap:.2f} %"
