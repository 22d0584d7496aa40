"""``pyros report``: a night as one HTML file, from its store alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from pyros_kernel.clock import Clock
from pyros_kernel.report import write_report
from pyros_kernel.scheduling import Sky
from pyros_kernel.settings import Settings
from pyros_kernel.store import Night, Site, Store
from pyros_kernel.tasks.context import read_context


@dataclass(frozen=True, slots=True)
class _Reading:
    """A store that is only read."""

    clock: Clock
    site: Site
    store: Store
    settings: Settings
    sky: Sky
    started: tuple[float, float]


@click.command()
@click.argument("night", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None, help="Where to.")
@click.pass_obj
def report(settings: Settings, night: str | None, output: Path | None) -> None:
    """Write a night (its evening date; the last one if left out) as one HTML file that needs nothing but itself."""
    store = Store.open(settings.database_url)
    try:
        with store.session(read_only=True) as session:
            nights = select(Night).options(joinedload(Night.site)).order_by(Night.name.desc())
            row = session.scalars(nights if night is None else nights.where(Night.name == night)).first()
        if row is None:
            raise click.ClickException(f"the store knows no night{'' if night is None else f' {night}'}")
        context = read_context(settings.data)  # of a running observatory, whose clock may be another night's
        clock = Clock() if context is None else Clock.from_words(context.clock)
        reading = _Reading(
            clock, row.site, store, settings, Sky(row.site, row.name), (clock.unix_s(), time.monotonic())
        )
        click.echo(write_report(row.id, services=reading, path=output))
    finally:
        store.close()
