"""The night's notebook as its log: shown in it, each cell with what it caused."""

from __future__ import annotations

import html
from dataclasses import dataclass

from pyros_kernel.report.cells import CellFacts, Effect
from pyros_kernel.report.facts import read_night
from pyros_kernel.report.services import ReportServices


@dataclass(frozen=True, slots=True)
class NightCells:
    """The cells that caused something of a night; shown in a notebook, each leads to its cell."""

    cells: tuple[CellFacts, ...]

    @classmethod
    def of(cls, night_id: int, *, services: ReportServices) -> NightCells:
        """Read them as they stand."""
        return cls(read_night(night_id, services).cells)

    def __repr__(self) -> str:
        lines = [
            line
            for cell in self.cells
            for line in (f"[{cell.number}] {_first(cell)}", *(f"    {_words(effect)}" for effect in cell.effects))
        ]
        return "\n".join(lines) or "no cell has caused anything yet"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{_link(cell)}</td><td><code>{html.escape(_first(cell))}</code></td>"
            f"<td>{'<br>'.join(html.escape(_words(effect)) for effect in cell.effects)}</td></tr>"
            for cell in self.cells
        )
        return f"<table><thead><tr><th>Cell</th><th></th><th>caused</th></tr></thead><tbody>{rows}</tbody></table>"


def _first(cell: CellFacts) -> str:
    return next((line for line in cell.source.splitlines() if line.strip() and not line.startswith("#")), "")


def _words(effect: Effect) -> str:
    count = len(effect.paths)
    return effect.text + (f", {count} image{'' if count == 1 else 's'}" if count else "")


def _link(cell: CellFacts) -> str:
    # JupyterLab goes to a cell by this fragment.
    return f'<a href="#cell-id={html.escape(cell.id)}">[{cell.number}]</a>' if cell.id else f"[{cell.number}]"
