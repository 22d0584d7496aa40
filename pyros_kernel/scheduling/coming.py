"""The nights to come: what each would be like if it were clear, and what was planned before it was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from astropy.table import QTable
from sqlalchemy.orm import Session

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.following import linked
from pyros_kernel.scheduling.night import NoNight
from pyros_kernel.scheduling.outcome import Plan, Rejection, Search
from pyros_kernel.scheduling.planner import plan
from pyros_kernel.scheduling.sequences import Overheads, asked_in, candidates, images_taken, whole_requests
from pyros_kernel.scheduling.situation import Situation
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.table import masked_times
from pyros_kernel.store import Night


@dataclass(frozen=True, slots=True)
class ComingNight:
    """One night as it would be; ``blocks`` are what was still asked for."""

    name: str
    plan: Plan
    blocks: tuple[Block, ...]


def coming_nights(
    session: Session, situation: Situation, nights: int, search: Search | None
) -> tuple[ComingNight, ...]:
    """Plan the nights after tonight; what tonight's schedule has is taken as done.

    :param situation: of tonight
    :param nights: how many; one without a sunset or a sunrise is passed over
    """
    night = session.get_one(Night, situation.night_id)
    sequences = candidates(session)
    by_id = {s.id: s for s in sequences}
    overheads, taken = Overheads.from_devices(session), images_taken(session, sequences)
    begun = {} if situation.standing is None else {int(p.id): p.start_unix_s for p in situation.standing.placed}
    quotas = dict(situation.quotas)
    _spend(quotas, [b for b in situation.blocks if int(b.id) in begun])
    out: list[ComingNight] = []
    for k in range(1, nights + 1):
        sky = Sky(night.site, (date.fromisoformat(night.name) + timedelta(days=k)).isoformat())
        try:
            times = sky.night
        except NoNight:
            continue
        blocks: list[Block] = []
        refused: list[Rejection] = []
        for sequence in (s for s in sequences if s.id not in begun):
            made = asked_in(sky, sequence, night.site, overheads, taken, first_night=night.name)
            (blocks if isinstance(made, Block) else refused).append(made)  # type: ignore[arg-type]
        start, end = times.sunset_unix_s, times.sunrise_unix_s
        wanted, early = linked(whole_requests(sequences, blocks), by_id, frozenset(), start, end, begun)
        made = plan(
            wanted,
            sky,
            overheads.transition,
            start_unix_s=start,
            end_unix_s=end,
            search=search,
            quotas=quotas,
        )
        made = replace(made, rejected=(*made.rejected, *refused, *early))
        begun |= {int(p.id): p.start_unix_s for p in made.placed}
        _spend(quotas, [b for b in wanted if int(b.id) in begun])
        out.append(ComingNight(sky.name, made, tuple(wanted)))
    return tuple(out)


def nights_as_table(nights: Sequence[ComingNight], names: Mapping[int, str]) -> QTable:
    """Give the nights as one table: what is placed in order of time, then what has no place in any of them.

    :param names: of sequences, by id
    """
    programme = {b.id: b.programme for night in nights for b in night.blocks}
    rows = [(n.name, p.id, p.start_unix_s, p.end_unix_s, p.why) for n in nights for p in n.plan.placed]
    placed = {row[1] for row in rows}
    left = nights[-1].plan.rejected if nights else ()
    rows += [("", r.id, np.nan, np.nan, r.reason) for r in left if r.id not in placed]
    there = np.array([bool(row[0]) for row in rows], dtype=bool)
    return QTable(
        {
            "night": np.array([row[0] for row in rows], dtype=str),
            "id": np.array([int(row[1]) for row in rows], dtype=int),
            "name": np.array([names.get(int(row[1]), str(row[1])) for row in rows], dtype=str),
            "programme": np.array([programme.get(row[1], "") for row in rows], dtype=str),
            "placed": there,
            "start": masked_times([row[2] for row in rows], there),
            "end": masked_times([row[3] for row in rows], there),
            "reason": np.array([row[4] for row in rows], dtype=str),
        }
    )


def _spend(quotas: dict[str, float], blocks: list[Block]) -> None:
    for block in blocks:
        if block.programme in quotas:
            quotas[block.programme] = max(0.0, quotas[block.programme] - block.duration_s)
