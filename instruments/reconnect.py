"""Links that come back: try again with growing pauses, and look after instruments that stand alone.

In an observatory, Monitoring asks each device how it is and connects it where there is no link; a script or a
notebook that holds instruments of its own puts them under a :class:`Reconnector`.  Connecting reads everything anew
and puts back what the device was told (its cooler, its site, that it shall send images): each back end keeps that.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from instruments.errors import InstrumentError
from instruments.instrument import Instrument

logger = logging.getLogger(__name__)

_LOOK_S = 0.1
_CONNECT_S = 3.0


class Backoff:
    """Say when to try again: soon after the first failure, ever later after more.

    :param first_s: pause after the first failure, real seconds
    :param longest_s: longest pause
    :param now_s: tells a time that never jumps
    """

    def __init__(
        self, first_s: float = 0.2, longest_s: float = 10.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_s, self._longest_s, self._now_s = first_s, longest_s, now_s
        self._pause_s = self._next_s = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to try."""
        return self._now_s() >= self._next_s

    def failed(self) -> None:
        """Note a failure: the next pause is twice as long."""
        self._pause_s = min(max(self._pause_s * 2, self._first_s), self._longest_s)
        self._next_s = self._now_s() + self._pause_s

    def worked(self) -> None:
        """Note a success: the next failure is a first one again."""
        self._pause_s = self._next_s = 0.0


class Reconnector:
    """Keep instruments connected, each from a thread of its own, until :meth:`stop`.

    Nothing is commanded but to connect: what ran when a link broke stays unknown.

    :param instruments: to look after
    :param on_change: called with the instrument, and None when it is there again or the error when it can't be reached
    """

    def __init__(
        self,
        instruments: Iterable[Instrument[Any]],
        on_change: Callable[[Instrument[Any], InstrumentError | None], None] | None = None,
    ) -> None:
        self._instruments, self._on_change = tuple(instruments), on_change
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin; a second time is once."""
        if self._threads:
            return
        self._stopped.clear()
        for one in self._instruments:
            name = f"pyros-reconnect-{one.name}"
            self._threads.append(threading.Thread(target=self._look_after, args=(one,), name=name, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; links stay as they are."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(_CONNECT_S + 1)
        self._threads = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _look_after(self, instrument: Instrument[Any]) -> None:
        backoff, told = Backoff(), ""
        while not self._stopped.wait(_LOOK_S):
            if instrument.connected or not backoff.due:
                continue
            try:
                instrument.connect(_CONNECT_S)
            except InstrumentError as error:
                backoff.failed()
                if error.what != told:
                    told = error.what
                    logger.warning("%s", error)
                    self._tell(instrument, error)
            else:
                backoff.worked()
                told = ""
                logger.info("%s answers at %s", instrument.name, instrument.address)
                self._tell(instrument, None)

    def _tell(self, instrument: Instrument[Any], error: InstrumentError | None) -> None:
        if self._on_change is not None:
            self._on_change(instrument, error)
