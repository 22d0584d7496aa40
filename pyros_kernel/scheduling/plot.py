"""A plan as notebooks look at it: a figure, tables, and words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.table import QTable

from pyros_kernel.scheduling.block import Block, Id, Transition
from pyros_kernel.scheduling.explaining import Explainer, Explanation, NightUse
from pyros_kernel.scheduling.outcome import Plan
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.table import plan_as_table
from pyros_kernel.scheduling.target_view import TargetView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS = 150
_SHOWN = 12  # targets with a name in the legend


class PlannedNight:
    """A plan with the blocks and the sky it was made for.

    :param blocks: all that were asked for
    :param how: ``blocked`` and ``quotas``, as for :func:`plan`
    """

    def __init__(self, blocks: Sequence[Block], sky: Sky, transition: Transition, made: Plan, **how: Any) -> None:
        self.blocks, self.sky, self.plan = tuple(blocks), sky, made
        self._explainer = Explainer(blocks, sky, transition, made, **how)

    def explain(self, block_id: Id) -> Explanation:
        """Tell why a block is where it is, or has no place."""
        return self._explainer.explain(block_id)

    def use(self) -> NightUse:
        """Tell how the dark time is used."""
        return self._explainer.night()

    def table(self) -> QTable:
        """Give the plan as a table."""
        return plan_as_table(self.plan)

    def programmes(self) -> QTable:
        """Give the planned time of each programme, and its share of the dark time."""
        use = self.use()
        names, seconds = list(use.by_programme), np.array(list(use.by_programme.values()))
        share = seconds / use.dark_s if use.dark_s else np.zeros(len(seconds))
        return QTable({"programme": np.array(names, dtype=str), "time": seconds * u.s, "share": share * u.one})

    def plot(self) -> Figure:
        """Draw altitude against time, with the planned part of each target bold, and below it the plan's timeline."""
        # Heavy, and not needed for observing: a kernel that starts again must be quick.
        from matplotlib.dates import DateFormatter
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
        start, end = self.plan.start_unix_s, self.plan.end_unix_s
        grid = np.linspace(start, end, _POINTS)
        above.plot(_dates(grid), self.sky.moon_altitude_deg(grid), color="0.5", ls="--", lw=1, label="Moon")
        by_id = {block.id: block for block in self.blocks}
        for number, p in enumerate(self.plan.placed):
            block = by_id.get(p.id)
            if block is None:
                continue
            colour = f"C{number % 10}"
            view = TargetView(self.sky, self.sky.directions(block.ra_deg, block.dec_deg)[0], block.moving)
            own = np.linspace(p.start_unix_s, p.end_unix_s, 20)
            above.plot(_dates(grid), view.altitude_deg(grid), color=colour, lw=0.5, alpha=0.4)
            above.plot(_dates(own), view.altitude_deg(own), color=colour, lw=3, label=self._label(number, block))
            first, last = _dates(np.array([p.start_unix_s, p.end_unix_s]))
            below.axvspan(first, last, color=colour, alpha=0.8)
        self._shade(above)
        above.set(ylim=(0, 90), ylabel="altitude (°)", title=f"{self.sky.name}: {self._headline()}")
        above.legend(fontsize="x-small", ncols=2, loc="upper right")
        below.set(yticks=[], ylabel="plan", xlabel="UTC", xlim=_dates(np.array([start, end])))
        below.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))
        return figure

    @staticmethod
    def _label(number: int, block: Block) -> str:
        return block.label if number < _SHOWN else "_" + block.label

    def _shade(self, axes: Any) -> None:
        times = self.sky.night
        for begin, end in ((times.sunset_unix_s, times.dusk_unix_s), (times.dawn_unix_s, times.sunrise_unix_s)):
            if begin < end:
                axes.axvspan(*_dates(np.array([begin, end])), color="orange", alpha=0.12, lw=0)

    def _headline(self) -> str:
        made = self.plan
        text = f"{len(made.placed)} planned, {len(made.rejected)} not"
        return text if made.gap is None else f"{text}, at most {100 * made.gap:.1f} % from the best plan"

    def _repr_png_(self) -> bytes:
        from io import BytesIO

        out = BytesIO()
        self.plot().savefig(out, format="png")
        return out.getvalue()


def _dates(unix_s: Any) -> list[datetime]:
    return [datetime.fromtimestamp(float(t), UTC) for t in unix_s]
