"""Connect many instruments at once, and tell what failed as one tree."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from instruments.errors import InstrumentError, NotConnected
from instruments.instrument import Instrument


class NotAllConnected(NotConnected):
    """Some instruments could not be connected; its text is a tree of all, those that could be too.

    :param outcome: instrument → None if it is connected, else why not
    """

    def __init__(self, outcome: dict[Instrument[Any], InstrumentError | None]) -> None:
        self.outcome = outcome
        self.errors = {one.name: error for one, error in outcome.items() if error is not None}
        super().__init__("observatory", "connect", f"{len(self.errors)} of {len(outcome)} devices can't be reached")

    def __str__(self) -> str:
        return tree(f"{self.what}:", self.outcome)


def tree(head: str, outcome: Mapping[Instrument[Any], InstrumentError | None]) -> str:
    """Write instruments as a tree: each with its address, and whether it is connected or why it is not.

    :param head: the first line
    """
    lines = [head]
    for number, (one, error) in enumerate(outcome.items(), 1):
        last = number == len(outcome)
        mark = "connected" if error is None else f"{type(error).__name__}: {error.what}"
        lines.append(f"{'└─' if last else '├─'} {one.name}  {one.address}  {mark}")
        if error is not None and error.last_state != "no state was ever read":
            lines.append(f"{'  ' if last else '│ '}    last known state: {error.last_state}")
    return "\n".join(lines)


def connect_all(instruments: Iterable[Instrument[Any]], timeout_s: float = 5.0) -> None:
    """Connect instruments side by side; those that can be are, whatever the others do.

    :param timeout_s: for all together, real seconds
    :raises NotAllConnected: if one could not be
    """
    outcome: dict[Instrument[Any], InstrumentError | None] = {one: None for one in instruments}

    def connect(one: Instrument[Any]) -> None:
        try:
            one.connect(timeout_s)
        except InstrumentError as error:
            outcome[one] = error

    threads = [threading.Thread(target=connect, args=(one,), name=f"pyros-connect-{one.name}") for one in outcome]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if any(outcome.values()):
        raise NotAllConnected(outcome)
