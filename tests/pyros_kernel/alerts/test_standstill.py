"""The main thread stands still while another one's alert is on its way, never for good, and can be interrupted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from pyros_kernel.alerts.standstill import Standstill

_DEADLINE_S = 30.0


class Cell:
    """Counts in the main thread, until another one says that it is enough."""

    def __init__(self) -> None:
        self.count = 0
        self.enough = threading.Event()

    def run_beside(self, other: Callable[[], None]) -> None:
        def until_enough() -> None:
            try:
                _until(lambda: self.count > 0)
                other()
            finally:
                self.enough.set()

        thread = threading.Thread(target=until_enough)
        thread.start()
        try:
            deadline_s = time.monotonic() + _DEADLINE_S
            while not self.enough.is_set():
                self.count += 1
                assert time.monotonic() < deadline_s
        finally:
            thread.join(_DEADLINE_S)

    def stands(self) -> bool:
        before = self.count
        time.sleep(0.05)
        return self.count == before


def _until(true: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + _DEADLINE_S / 2
    while not (found := true()) and time.monotonic() < deadline_s:
        pass
    return found


def test_it_stands_still_until_the_last_alert_has_arrived() -> None:
    standstill, cell, seen = Standstill(longest_s=_DEADLINE_S), Cell(), list[bool]()

    def alerts() -> None:
        standstill.begin()
        standstill.begin()
        seen.append(_until(cell.stands))
        standstill.end()
        seen.append(_until(cell.stands))
        standstill.end()
        seen.append(_until(lambda: not cell.stands()))

    cell.run_beside(alerts)
    assert seen == [True, True, True]


def test_it_goes_on_though_an_alert_never_arrives() -> None:
    standstill, cell, seen = Standstill(longest_s=0.3, within_s=1000.0), Cell(), list[bool]()

    def alerts() -> None:
        standstill.begin()
        seen.append(_until(cell.stands))
        seen.append(_until(lambda: not cell.stands()))
        standstill.begin()  # what it may stand still is used up
        seen.append(cell.stands())

    cell.run_beside(alerts)
    assert seen == [True, True, False]


def test_an_interrupt_while_it_stands_reaches_the_cell() -> None:
    standstill, cell, stood = Standstill(longest_s=_DEADLINE_S), Cell(), list[bool]()

    def alerts() -> None:
        standstill.begin()
        stood.append(_until(cell.stands))
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        cell.run_beside(alerts)
    assert stood == [True]


def test_an_alert_that_the_cell_itself_takes_does_not_stop_it() -> None:
    standstill = Standstill(longest_s=_DEADLINE_S)
    standstill.begin()
    cell, stood = Cell(), list[bool]()
    cell.run_beside(lambda: stood.append(cell.stands()))
    standstill.end()
    assert stood == [False]
