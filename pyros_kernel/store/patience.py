"""Wait for a store that is away for a while: a database that restarts, a full disk, a lock held too long."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from pyros_kernel.store.errors import StoreError

R = TypeVar("R")

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError, StoreError)
LONGEST_REAL_S = 15.0  # a database that restarts is back by then; who waits longer keeps a stop from ending
_PAUSE_REAL_S = (0.1, 2.0)


def patiently(what: str, work: Callable[[], R], longest_real_s: float = LONGEST_REAL_S) -> R:
    """Do something with the store, again and again while it is away.

    No cancellation ends it: what was done must be written down, and whoever was cancelled still has that to do.

    :param what: what is done, for the log
    :param work: whole in one session, and right when done twice: a commit may succeed and its answer be lost
    :param longest_real_s: after so long it is given up
    :raises OperationalError: if the store is still away at the end; :class:`InterfaceError` likewise
    :raises StoreError: if it could not even be opened
    """
    end_s, (pause_s, longest_s) = time.monotonic() + longest_real_s, _PAUSE_REAL_S
    while True:
        try:
            return work()
        except AWAY as error:
            if time.monotonic() + pause_s > end_s:
                raise
            why = error.orig if isinstance(error, DBAPIError) else error  # without the statement and its values
            logger.warning("%s has to wait, the store is away: %s", what, why)
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, longest_s)
