"""Lists of requests from CSV, ECSV, JSON and PyROS fixtures; a bad row is refused with its line and the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.request_files import BadRequests, rows_of
from pyros_kernel.scheduling.rows import COLUMNS, blocks_of_row
from pyros_kernel.scheduling.sky import Sky

__all__ = ["COLUMNS", "BadRequests", "Refused", "Requests", "read_requests"]


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was not taken; ``line`` is that of the file for CSV, and the number of the row (from 1) elsewhere."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Requests:
    """What a list of requests holds."""

    blocks: tuple[Block, ...]
    refused: tuple[Refused, ...]


def read_requests(path: Path, sky: Sky) -> Requests:
    """Read a list of requests; the kind of file is told by its name.

    :param sky: of the night they are for; needed by Solar-system bodies
    :raises BadRequests: if nothing in the file can be read
    """
    try:
        rows = list(rows_of(path))
    except (OSError, ValueError, KeyError) as error:
        raise BadRequests(f"{path}: {error}") from error
    blocks: dict[str, Block] = {}
    lines: dict[str, int] = {}
    refused: list[Refused] = []
    for line, row in rows:
        try:
            for block in blocks_of_row(row, line, sky):
                if str(block.id) in blocks:
                    raise ValueError(f"the id {block.id} is used twice")
                blocks[str(block.id)] = block
                lines[str(block.id)] = line
        except (TypeError, ValueError) as error:
            refused.append(Refused(line, str(error)))
    while lost := [key for key, block in blocks.items() if block.after is not None and str(block.after) not in blocks]:
        for key in lost:
            refused.append(Refused(lines[key], f"after: there is no {blocks[key].after} that it could follow"))
            del blocks[key]
    bound = [b if b.after is None else replace(b, after=blocks[str(b.after)].id) for b in blocks.values()]
    return Requests(tuple(bound), tuple(sorted(refused, key=lambda r: r.line)))
