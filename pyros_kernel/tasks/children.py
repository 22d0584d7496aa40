"""The children of this process, and what their children leave behind."""

from __future__ import annotations

import ctypes
import logging
import os

logger = logging.getLogger(__name__)

_PR_SET_CHILD_SUBREAPER = 36  # of <sys/prctl.h>


def adopt_orphans() -> None:
    """Become the parent of processes whose parent dies below this one, so that none outlives it unseen."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        logger.warning("processes of a worker that dies are not waited for: %s", os.strerror(ctypes.get_errno()))


def childless() -> bool:
    """Reap what ended, and tell whether nobody is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def ended(pid: int) -> bool:
    """Reap a child if it ended, and tell whether it did."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True
