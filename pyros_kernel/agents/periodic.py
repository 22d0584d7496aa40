"""A helper thread that does one thing again and again, and outlives every error of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from pyros_kernel.agents.identity import Identity
from pyros_kernel.beat import to_next
from pyros_kernel.store.outage import Outage
from pyros_kernel.store.patience import AWAY


class Periodic:
    """Call a function at once and then at each beat of a period (:mod:`pyros_kernel.beat`), until ``stopping`` is set.

    :param identity: the agent it works for
    :param seconds_real: period in real seconds; a beat that a longer call misses is not made up for
    :param failed: is told of each exception
    :raises ValueError: if the period is not positive
    """

    def __init__(
        self,
        identity: Identity,
        name: str,
        seconds_real: float,
        function: Callable[[], object],
        stopping: threading.Event,
        failed: Callable[[BaseException], None],
    ) -> None:
        if not seconds_real > 0:
            raise ValueError(f"{name}: the period must be positive, got {seconds_real} s")
        self._identity, self._name, self._period_s = identity, name, seconds_real
        self._function, self._stopping, self._failed = function, stopping, failed
        self._logger = logging.getLogger(f"pyros_kernel.agents.{identity.name}")
        self._outage = Outage(self._logger, name)
        self._thread = threading.Thread(target=self._run, name=f"pyros-{identity.name}-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for its end, real seconds at most; it counts as ended for a call from itself."""
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join(timeout_s)
            return not self._thread.is_alive()
        return True

    def __str__(self) -> str:
        return self._name

    def _run(self) -> None:
        self._identity.assume()
        while not self._stopping.is_set():
            try:
                self._function()
                self._outage.over()
            except (Exception, SystemExit) as error:  # a helper that dies would leave its agent blind
                if self._identity.abandoned.is_set():
                    return
                if isinstance(error, AWAY):
                    self._outage.lasts(error)
                else:
                    self._logger.exception("%s failed; again in %g s", self._name, self._period_s)
                self._failed(error)
            self._stopping.wait(to_next(self._period_s))
