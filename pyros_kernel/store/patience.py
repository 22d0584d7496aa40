"""Wait for a store that is away for a while: a database that restarts, a full disk, a link that is cut for minutes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError

from pyros_kernel.store.errors import StoreClosed, StoreError
from pyros_kernel.store.outage import Outage

R = TypeVar("R")

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError, StoreError)
LONGEST_REAL_S = 300.0  # nothing that was done is lost by a link that is cut for minutes
LAST_REAL_S = 5.0  # but nobody's end has to wait for that
_PAUSE_REAL_S = (0.1, 2.0)


class Ending(Protocol):
    """Tells that there is no time left: an event, or a cancellation."""

    def is_set(self) -> bool: ...  # noqa: D102
    def wait(self, timeout: float, /) -> object: ...  # noqa: D102


def patiently(
    what: str, work: Callable[[], R], ending: Ending | None = None, longest_real_s: float = LONGEST_REAL_S
) -> R:
    """Do something with the store, again and again while it is away.

    What was done must be written down, so whoever was cancelled still has that to do; what has not begun may end with
    its cancellation.  Either way it is tried for some seconds more.

    :param what: what is done, for the log
    :param work: whole in one session, and right when done twice: a commit may succeed and its answer be lost
    :param ending: set when the observatory goes down (:attr:`Store.ending`), or when a beginning is not wanted any more
    :param longest_real_s: after so long it is given up
    :raises OperationalError: if the store is still away at the end; :class:`InterfaceError` likewise
    :raises StoreError: if it could not even be opened, or was closed
    """
    end_s, (pause_s, longest_s) = time.monotonic() + longest_real_s, _PAUSE_REAL_S
    ending, hurries = ending or threading.Event(), False
    outage = Outage(logger, what)
    while True:
        try:
            done = work()
        except StoreClosed:
            raise
        except AWAY as error:
            if ending.is_set() and not hurries:
                hurries, end_s = True, min(end_s, time.monotonic() + LAST_REAL_S)
            if time.monotonic() + pause_s > end_s:
                raise
            outage.lasts(error)
        else:
            outage.over()
            return done
        if hurries:
            time.sleep(pause_s)
        else:
            ending.wait(pause_s)
        pause_s = min(2 * pause_s, longest_s)
