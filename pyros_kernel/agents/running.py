"""The one work that has the telescope, in a thread of its own, and how an alert takes its place."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pyros_kernel.cancellation import Cancellation
from pyros_kernel.signs import sign
from pyros_kernel.store import SequenceStatus
from pyros_kernel.store.patience import AWAY

logger = logging.getLogger(__name__)

_LOOK_REAL_S = 0.1


class Running:
    """A sequence under way, or twilight flats.

    :param what: it, in words
    :param work: does it until it is cancelled; gives a sequence's outcome
    :param on_end: called in its thread when it has ended
    :param sequence_id: None if it is no sequence
    :param is_alert: whether it is an alert's, which gives way to no other
    """

    def __init__(
        self,
        what: str,
        work: Callable[[Cancellation], SequenceStatus | None],
        on_end: Callable[[], None],
        *,
        sequence_id: int | None = None,
        is_alert: bool = False,
    ) -> None:
        self.what, self.sequence_id, self.is_alert = what, sequence_id, is_alert
        self.cancelled = Cancellation()
        self.outcome: SequenceStatus | None = None
        self.left_open = False
        """Whether the store was away for so long that its row may say that it executes still."""
        self._thread = threading.Thread(
            target=self._run, args=(work, on_end), name=f"pyros-{what.replace(' ', '-')}", daemon=True
        )
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def stop(self, reason: str, timeout_s: float, unless: Callable[[], bool] = lambda: False) -> bool:
        """Cancel it and wait.

        :param unless: tells that something else can't wait any longer
        :return: whether it has ended within ``timeout_s`` real seconds
        """
        self.cancelled.set(reason)
        end_s = time.monotonic() + timeout_s
        while not self.ended and time.monotonic() < end_s and not unless():
            sign()
            self._thread.join(_LOOK_REAL_S)
        return self.ended

    def _run(self, work: Callable[[Cancellation], SequenceStatus | None], on_end: Callable[[], None]) -> None:
        try:
            self.outcome = work(self.cancelled)
        except AWAY:
            logger.exception("%s ended while the store was away", self.what)
            self.outcome, self.left_open = SequenceStatus.INTERRUPTED, True
        except Exception:  # a defect in one work must not end the night; the log has it
            logger.exception("%s ended by a defect", self.what)
        finally:
            on_end()
