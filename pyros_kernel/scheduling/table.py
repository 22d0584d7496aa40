"""A plan as an astropy table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import QTable
from astropy.time import Time

from pyros_kernel.scheduling.earth import Floats
from pyros_kernel.scheduling.outcome import Plan


def plan_as_table(plan: Plan) -> QTable:
    """Write a plan as a table: placed blocks in order of time, then the rejected ones.

    Columns: id, placed, start and end (Time, UTC, masked where rejected), duration (s), reason.
    """
    starts = [p.start_unix_s for p in plan.placed] + [0.0] * len(plan.rejected)
    ends = [p.end_unix_s for p in plan.placed] + [0.0] * len(plan.rejected)
    placed = np.array([True] * len(plan.placed) + [False] * len(plan.rejected), dtype=bool)
    return QTable(
        {
            "id": np.array([str(e.id) for e in (*plan.placed, *plan.rejected)], dtype=str),
            "placed": placed,
            "start": masked_times(starts, placed),
            "end": masked_times(ends, placed),
            "duration": (np.array(ends) - np.array(starts)) * u.s,
            "reason": np.array([p.why for p in plan.placed] + [r.reason for r in plan.rejected], dtype=str),
        }
    )


def masked_times(unix_s: Sequence[float] | Floats, there: Any) -> Time:
    """Give times (UTC), masked where there is none."""
    times = Time(np.where(there, unix_s, 0.0), format="unix", scale="utc")
    times.format = "iso"
    times[~there] = np.ma.masked
    return times
