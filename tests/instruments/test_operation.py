"""An operation ends exactly once, however many try to end it, and tells everyone who waits."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments import NotConnected, Operation, OperationAborted, OperationState, Rejected

Ending = Callable[[Operation[int]], None]
ENDINGS: dict[OperationState, Ending] = {
    OperationState.DONE: lambda op: op.finish(7),
    OperationState.FAILED: lambda op: op.fail(Rejected("dome", "DO OPEN", "motor hot")),
    OperationState.UNKNOWN: lambda op: op.lose(NotConnected("dome", "DO OPEN", "the link broke")),
    OperationState.ABORTED: lambda op: op.abort_with("rain"),
}


@given(st.lists(st.sampled_from(list(ENDINGS)), min_size=1))
def test_the_first_ending_counts(order: list[OperationState]) -> None:
    operation, told = Operation[int]("dome", "DO OPEN"), list[OperationState]()
    operation.add_done_callback(lambda op: told.append(op.state))
    for state in order:
        ENDINGS[state](operation)
    assert operation.state is order[0]
    assert told == [order[0]]
    operation.add_done_callback(lambda op: told.append(op.state))
    assert told == [order[0], order[0]]


@pytest.mark.parametrize("how", ["by its state", "by being called"])
def test_who_learns_that_it_ended_has_its_result_at_once(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(threading.Event):
        def set(self) -> None:
            ending.set()
            time.sleep(0.1)  # as for a thread that loses the interpreter just here
            super().set()

    ending, found = threading.Event(), list[int]()
    operation = Operation[int]("dome", "DO OPEN")
    monkeypatch.setattr(operation, "_ended", Slow())
    thread = threading.Thread(target=operation.finish, args=(7,))
    thread.start()
    assert ending.wait(5)
    if how == "by its state":
        if operation.state is OperationState.DONE:
            found.append(operation.wait(0))
    else:
        operation.add_done_callback(lambda op: found.append(op.wait(0)))
    thread.join(5)
    assert found == [7]


def test_many_threads_end_it_once() -> None:
    operation, told = Operation[int]("dome", "DO OPEN"), list[int]()
    operation.add_done_callback(lambda op: told.append(1))
    start = threading.Barrier(8)

    def end(ending: Ending) -> None:
        start.wait()
        ending(operation)

    threads = [threading.Thread(target=end, args=(e,)) for e in (*ENDINGS.values(), *ENDINGS.values())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [1]


def test_waiting_gives_the_result_or_raises_why_not() -> None:
    done = Operation[int]("dome", "DO OPEN")
    with pytest.raises(TimeoutError, match="still running"):
        done.wait(0.01)
    done.finish(7)
    assert done.wait(1) == 7 and done.progress == 1.0
    aborted = Operation[int]("dome", "DO OPEN")
    aborted.abort_with("rain")
    with pytest.raises(OperationAborted, match="rain"):
        aborted.wait(1)


def test_cancelling_stops_the_hardware_only_while_it_runs() -> None:
    stopped: list[int] = []
    operation = Operation[int]("dome", "DO OPEN", on_cancel=lambda: stopped.append(1))
    operation.cancel()
    operation.finish(7)
    operation.cancel()
    assert stopped == [1]


def test_it_can_be_awaited_and_the_loop_goes_on_meanwhile() -> None:
    async def main() -> tuple[int, int]:
        operation, ticks = Operation[int]("dome", "DO OPEN"), 0
        threading.Timer(0.1, operation.finish, (7,)).start()

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        result = await operation
        ticking.cancel()
        return result, ticks

    result, ticks = asyncio.run(main())
    assert result == 7 and ticks > 2


def test_an_error_names_device_command_and_last_state() -> None:
    error = NotConnected("dome", "DO OPEN", "nobody answers", "closed, 4 s old")
    assert str(error) == "dome: DO OPEN: nobody answers (last known state: closed, 4 s old)"
