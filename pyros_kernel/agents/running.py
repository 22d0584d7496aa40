"""The one sequence that runs, in a thread of its own, and how an alert takes its place."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor

from instruments import Operation, TelescopeState
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.recipes.of_night import carry_out
from pyros_kernel.services import Services
from pyros_kernel.signs import sign
from pyros_kernel.store import SequenceStatus
from pyros_kernel.store.patience import AWAY

logger = logging.getLogger(__name__)

_LOOK_REAL_S = 0.1


class Running:
    """A sequence under way.

    :param on_end: called in its thread when it has ended
    """

    def __init__(
        self,
        sequence_id: int,
        services: Services,
        analysis: Executor,
        on_end: Callable[[], None],
        slew: Operation[TelescopeState] | None = None,
    ) -> None:
        self.sequence_id = sequence_id
        self.is_alert = slew is not None
        self.cancelled = Cancellation()
        self.outcome: SequenceStatus | None = None
        self.left_open = False
        """Whether the store was away for so long that its row may say that it executes still."""
        self._thread = threading.Thread(
            target=self._run,
            args=(services, analysis, on_end, slew),
            name=f"pyros-sequence-{sequence_id}",
            daemon=True,
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

    def _run(
        self,
        services: Services,
        analysis: Executor,
        on_end: Callable[[], None],
        slew: Operation[TelescopeState] | None,
    ) -> None:
        try:
            self.outcome = carry_out(self.sequence_id, services, self.cancelled, analysis, slew)
        except AWAY:
            logger.exception("sequence %d ended while the store was away", self.sequence_id)
            self.outcome, self.left_open = SequenceStatus.INTERRUPTED, True
        except Exception:  # a defect in one sequence must not end the night; the log has it
            logger.exception("sequence %d ended by a defect", self.sequence_id)
        finally:
            on_end()
