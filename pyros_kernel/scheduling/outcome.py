"""What is asked of the planner's search, and what a plan is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pyros_kernel.scheduling.block import Id


@dataclass(frozen=True, slots=True)
class Search:
    """Ask for the plan of most value, in place of strict priority.

    The same seed and iterations give the same plan, on any machine.

    :param iterations: steps of the search, some milliseconds each; 0 for the first plan
    :param gap: stop searching when no better plan can be better by more than this share
    :param cpu_s: CPU seconds of this thread after which to end, first plan and bound included; then the same seed
        gives the same plan only if the iterations end first
    :param quality: let worth depend on airmass, Moon and preferred time; without it they only decide between
        plans of the same value
    :param stop: asked before each step whether to end early
    """

    iterations: int = 300
    seed: int = 0
    gap: float = 0.0
    cpu_s: float = float("inf")
    quality: bool = False
    stop: Callable[[], bool] = lambda: False

    def over(self, began_s: float) -> bool:
        """Tell whether to end a search that began when this thread had used so many CPU seconds."""
        return time.thread_time() - began_s > self.cpu_s or self.stop()


@dataclass(frozen=True, slots=True)
class Placement:
    """A block that found its place.

    :param why: why it lies there, in words
    :param transition_s: time kept free before its start for getting there from the block before
    """

    id: Id
    start_unix_s: float
    end_unix_s: float
    why: str
    transition_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """A block that found none, and the reason in words with numbers."""

    id: Id
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: ``placed`` in order of time, ``rejected`` in order of priority.

    :param bound: the value that no plan can exceed; None where it was made by strict priority
    """

    start_unix_s: float
    end_unix_s: float
    placed: tuple[Placement, ...] = field(default=())
    rejected: tuple[Rejection, ...] = field(default=())
    value: float = 0.0
    bound: float | None = None

    @property
    def gap(self) -> float | None:
        """By what share of its bound the plan may be short of the best one at most; None without a bound."""
        if self.bound is None:
            return None
        return 0.0 if self.bound <= 0 else max(0.0, 1.0 - self.value / self.bound)
