"""The handle of a night under way: wait for it, await it, look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.services import Services
from pyros_kernel.store import Night, StoreError

_LOOK_REAL_S = 0.1


class NightRun:
    """Follow a night; nothing of it ends when this handle does."""

    def __init__(self, wishes: Wishes, services: Services) -> None:
        self._wishes, self._services = wishes, services
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
        return self._wishes.ended.is_set()

    def wait(self, timeout_s: float | None = None) -> str:
        """Wait for the end; Kernel › Interrupt ends the wait, and not the night.

        :param timeout_s: real seconds
        :return: where the night stands then
        :raises TimeoutError: if it still goes on after that
        """
        if not self._wishes.ended.wait(timeout_s):
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
