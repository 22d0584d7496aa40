"""What cells of notebooks caused: the link from a night's log to its observations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, String, event, insert
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from pyros_kernel.cells import KERNEL, Cell, current_cell
from pyros_kernel.store.base import Base
from pyros_kernel.store.night import Intervention
from pyros_kernel.store.recipe import RecipeRecord
from pyros_kernel.store.request import Request
from pyros_kernel.store.store import Store


class CellEffect(Base):
    """Something that a cell of a notebook caused.

    ``what`` is a table (request, recipe_run, intervention, night, alert), ``targets`` its rows: ids, of alerts IVORNs.
    ``kernel`` is the process whose cell it was, ``number`` what the notebook shows before it.
    """

    __tablename__ = "cell_effect"
    group = "history"

    kernel: Mapped[str] = mapped_column(String(32))
    number: Mapped[int]
    cell: Mapped[str] = mapped_column(String(64), default="")
    source: Mapped[str]
    what: Mapped[str] = mapped_column(String(32))
    targets: Mapped[list[str]]


def note_cell(store: Store, what: str, targets: Iterable[str]) -> None:
    """Write that the cell under way causes something; nothing where none is.

    :param what: and ``targets``: as in :class:`CellEffect`; nothing is taken from them where there is no cell
    """
    if (cell := current_cell()) is not None:
        with store.session() as session:
            session.add(CellEffect(**_values(cell, what, list(targets))))


def _values(cell: Cell, what: str, targets: list[str]) -> dict[str, Any]:
    return {
        "kernel": KERNEL,
        "number": cell.number,
        "cell": cell.id[:64],
        "source": cell.source,
        "what": what,
        "targets": targets,
    }


@event.listens_for(Request, "after_insert")
@event.listens_for(RecipeRecord, "after_insert")
@event.listens_for(Intervention, "after_insert")
def _caused(  # pyright: ignore[reportUnusedFunction]
    _mapper: Mapper[Any], connection: Connection, row: Request | RecipeRecord | Intervention
) -> None:
    """Note the cell in the same transaction, however the row was made."""
    if (cell := current_cell()) is not None:
        connection.execute(insert(CellEffect).values(_values(cell, row.__tablename__, [str(row.id)])))
