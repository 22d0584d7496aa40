"""Ending work early, with the reason as data."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from instruments import InstrumentError

logger = logging.getLogger(__name__)


class WorkCancelled(Exception):
    """The work was told to end; its text is the reason."""


class Cancellation:
    """Tell running work to end, and why.

    A :class:`pyros_kernel.clock.Clock` can wait on it.  Callbacks stop what the work waits for; each runs in a
    thread of its own, so that neither a mute device nor another callback delays the one who cancels.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []
        self._at_once: list[Callable[[], object]] = []

    def set(self, reason: str) -> None:
        """Cancel; only the first reason counts."""
        with self._lock:
            if self._event.is_set():
                return
            self.reason = reason
            self._event.set()
            callbacks, at_once = list(self._callbacks), list(self._at_once)
        for callback in at_once:
            callback()
        for callback in callbacks:
            self._call(callback)

    def is_set(self) -> bool:
        """Tell whether the work must end."""
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait ``timeout`` real seconds at most, and tell whether it is set."""
        return self._event.wait(timeout)

    def check(self) -> None:
        """End the work here if it was cancelled.

        :raises WorkCancelled: if it was
        """
        if self._event.is_set():
            raise WorkCancelled(self.reason)

    @contextmanager
    def calling(self, callback: Callable[[], object]) -> Generator[None]:
        """Call ``callback`` if the work is cancelled within the block, or was before."""
        with self._lock:
            self._callbacks.append(callback)
            already = self._event.is_set()
        if already:
            self._call(callback)
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)

    @contextmanager
    def telling(self, callback: Callable[[], object]) -> Generator[None]:
        """As :meth:`calling`, but in the thread of whoever cancels, before :meth:`set` returns.

        :param callback: returns at once and can't fail
        """
        with self._lock:
            self._at_once.append(callback)
            already = self._event.is_set()
        if already:
            callback()
        try:
            yield
        finally:
            with self._lock:
                self._at_once.remove(callback)

    def _call(self, callback: Callable[[], object]) -> None:
        def run() -> None:
            try:
                callback()
            except InstrumentError as error:  # an instrument that is gone can't be told
                logger.warning("stopping work that was cancelled (%s): %s", self.reason, error)
            except Exception:  # whatever it is, the others must be called too, and the log has it
                logger.exception("stopping work that was cancelled (%s) failed", self.reason)

        threading.Thread(target=run, name="pyros-cancel", daemon=True).start()
