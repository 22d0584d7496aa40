"""Planning beside a notebook: how long the interpreter is held, by the longest pause of a thread that only wakes up.

The same thread is timed with nothing beside it, in the same run: what the machine itself keeps it waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.nightbench.adapter import blocks_of, plan_of, sky_of
from benchmarks.nightbench.generate import make_problem
from pyros_kernel.scheduling import Search

_WAKE_S = 0.001


def run() -> Iterator[tuple[str, str]]:
    """Watch the pauses of a second thread."""
    yield "pauses of a thread that wakes every ms, alone", _words(_pauses(lambda: time.sleep(3.0)))
    for n in (100, 400):
        problem = make_problem(n)
        sky, blocks = sky_of(problem), blocks_of(problem)
        planned = partial(plan_of, problem, sky, blocks, Search(1_000_000, cpu_s=3.0))
        yield f"the same while a night of {n} is planned for 3 CPU s", _words(_pauses(planned))


def _pauses(work: Callable[[], object]) -> np.ndarray:
    """Give how much later than asked the thread woke each time, in seconds."""
    late: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            began = time.perf_counter()
            time.sleep(_WAKE_S)
            late.append(time.perf_counter() - began - _WAKE_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return np.array(late)


def _words(late: np.ndarray) -> str:
    half, most, worst = (1e3 * float(np.quantile(late, q)) for q in (0.5, 0.99, 1.0))
    return f"{half:.2f} ms, 99 % below {most:.1f} ms, longest {worst:.1f} ms, of {len(late)}"
