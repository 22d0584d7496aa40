"""One thing that is asked for as several blocks: a series, parts of something long, focus runs through a night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

import numpy as np

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.constraints import PhaseOfPeriod
from pyros_kernel.scheduling.sky import Sky


def series(block: Block, count: int, least_s: float, greatest_s: float = float("inf")) -> list[Block]:
    """Ask for a block several times, each some time after the one before, from start to start.

    :param count: the first keeps the id; the others are called ``id/2``, ``id/3`` …
    :raises ValueError: for no repeat at all, or a gap in which the block itself does not fit
    """
    if count < 1 or greatest_s < block.duration_s:
        raise ValueError(f"block {block.id}: no series of {count} at most {greatest_s:g} s apart")
    out = [block]
    for k in range(2, count + 1):
        name = f"{block.name} {k}/{count}" if block.name else ""
        out.append(replace(block, id=f"{block.id}/{k}", after=out[-1].id, gap_s=(least_s, greatest_s), name=name))
    return out


def at_phases(block: Block, period_s: float, epoch_unix_s: float, phases: Sequence[tuple[float, float]]) -> list[Block]:
    """Ask for a block once at each of some phases of something periodic.

    :param epoch_unix_s: a moment of phase 0
    :param phases: first and last phase of each, 0 … 1
    """
    return [
        replace(
            block,
            id=f"{block.id}/{k}",
            constraints=(*block.constraints, PhaseOfPeriod(period_s, epoch_unix_s, first, last)),
        )
        for k, (first, last) in enumerate(phases, 1)
    ]


def in_parts(block: Block, longest_s: float, again_s: float, *, whole: bool = False) -> list[Block]:
    """Split a block into equal parts that may be placed apart.

    :param longest_s: of a part, what is lost with each included
    :param again_s: lost once more with each further part: acquisition
    :param whole: place all parts or none
    :raises ValueError: if a part is no longer than what is lost with it
    """
    if longest_s <= again_s:
        raise ValueError(f"block {block.id}: parts of {longest_s:g} s leave nothing after {again_s:g} s of acquisition")
    if block.duration_s <= longest_s:
        return [block]
    useful_s = block.duration_s - again_s
    count = ceil(useful_s / (longest_s - again_s))
    group = block.id if whole and block.group is None else block.group
    return [
        replace(
            block,
            id=f"{block.id}/{k}",
            duration_s=useful_s / count + again_s,
            value=(max(block.priority, 0.0) * block.duration_s if block.value is None else block.value) / count,
            group=group,
        )
        for k in range(1, count + 1)
    ]


def focus_runs(sky: Sky, start_unix_s: float, end_unix_s: float, every_s: float, duration_s: float) -> list[Block]:
    """Ask for the focus to be found again and again, each time near the zenith, within a half of ``every_s``.

    The same serves for any calibration that must be made so often.
    """
    out: list[Block] = []
    for k, begin in enumerate(np.arange(start_unix_s, end_unix_s - duration_s, every_s).tolist(), 1):
        end = min(begin + max(every_s / 2, duration_s), end_unix_s)
        x, y, z = sky.earth.to_cirs.T @ sky.zenith(begin + duration_s / 2)
        out.append(
            Block(
                f"focus/{k}",
                float(np.degrees(np.arctan2(y, x))) % 360.0,
                float(np.degrees(np.arcsin(z))),
                duration_s,
                min_altitude_deg=0.0,
                max_sun_altitude_deg=90.0,
                window=(begin, end),
                value=0.0,
                mandatory=True,
                name=f"focus run {k}",
            )
        )
    return out


def focus_rows(runs: Sequence[Block], **more: object) -> list[tuple[int, dict[str, object]]]:
    """Give focus runs as rows of a request list.

    :param more: what each row has beside its place and window: programme, filter, exposure_s, exposures …
    """
    rows: list[tuple[int, dict[str, object]]] = []
    for line, run in enumerate(runs, 1):
        assert run.window is not None
        begin, end = (datetime.fromtimestamp(t, UTC).isoformat() for t in run.window)
        place = {"name": run.name, "ra": run.ra_deg, "dec": run.dec_deg, "window_start": begin, "window_end": end}
        rows.append((line, {**place, "max_sun_altitude_deg": -12.0, "mandatory": "yes", "nights": 1, **more}))
    return rows
