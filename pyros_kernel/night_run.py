"""The handle of a night under way: wait for it, await it, look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from pyros_kernel.agents.wishes import Wishes
from pyros_kernel.view import View

_LOOK_REAL_S = 0.1


class NightRun:
    """Follow a night; nothing of it ends when this handle does."""

    def __init__(self, wishes: Wishes, view: View) -> None:
        self._wishes, self._view = wishes, view

    @property
    def status(self) -> str:
        """Where the night stands."""
        night = self._view.snapshot().night
        return night.status if night else "unknown"

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
        night = self._view.snapshot().night
        return f"<Night {night.name}: {night.status}>" if night else "<Night>"
