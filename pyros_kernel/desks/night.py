"""The handle of a night under way: wait for it, await it, look at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import Any

from pyros_kernel.clock import Cancelled
from pyros_kernel.services import Services
from pyros_kernel.store import Night, NightStatus, StoreError

_LOOK_REAL_S = 0.1
_BEGIN_REAL_S = 5.0  # the night's machine takes the command within one of its steps


class NightRun:
    """Follow a night; nothing of it ends when this handle does.

    :param over: set once the night has ended and its report is written
    """

    def __init__(self, over: Cancelled, services: Services) -> None:
        self._over, self._services = over, services
        self._last = ""

    @property
    def status(self) -> str:
        """Where the night stands; once the observatory is stopped, where it stood when last asked."""
        try:
            with self._services.store.session(read_only=True) as session:
                self._last = session.get_one(Night, self._services.night_id).status.value
        except StoreError:  # closed with the observatory
            return self._last
        return self._last

    @property
    def ended(self) -> bool:
        """Whether it is over and its report written."""
        return self._over.is_set()

    def wait(self, timeout_s: float | None = None) -> str:
        """Wait for the end; Kernel › Interrupt ends the wait, and not the night.

        :param timeout_s: real seconds
        :return: where the night stands then
        :raises TimeoutError: if it still goes on after that
        """
        if not self._over.wait(timeout_s):
            raise TimeoutError(f"the night goes on after {timeout_s} s: {self!r}")
        return self.status

    def __await__(self) -> Generator[Any, None, str]:
        return self._ended_later().__await__()

    async def _ended_later(self) -> str:
        while not self.ended:
            await asyncio.sleep(_LOOK_REAL_S)
        return self.status

    def __repr__(self) -> str:
        return f"<Night {self._services.night_name}: {self.status}>"


class NightElsewhere:
    """The end of a night that another process observes, as the store tells it.

    It is asked for once that process has taken the command: it waits until the night has begun there.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        end_s = time.monotonic() + _BEGIN_REAL_S
        while self.is_set() and time.monotonic() < end_s:
            time.sleep(_LOOK_REAL_S)

    def is_set(self) -> bool:
        """Tell whether it is over."""
        with self._services.store.session(read_only=True) as session:
            night = session.get_one(Night, self._services.night_id)
        return night.status in (NightStatus.CLOSED, NightStatus.DONE)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait ``timeout`` real seconds at most, and tell whether it is over."""
        end_s = None if timeout is None else time.monotonic() + timeout
        while not (over := self.is_set()) and (end_s is None or time.monotonic() < end_s):
            time.sleep(_LOOK_REAL_S)
        return over
