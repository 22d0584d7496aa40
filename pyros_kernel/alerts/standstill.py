"""A notebook's cell stands still while an alert is on its way.

A short switch interval is not enough beside a cell that computes: the two share the interpreter by turns, so the alert
takes twice its time and pays for each turn.  The main thread, where cells run, is therefore asked to wait, by a pending
call, which the interpreter makes between two of its instructions.  A thread that is in C code, or waits for something
else, is not touched.
"""

from __future__ import annotations

import ctypes
import signal
import threading
import time

LONGEST_S = 0.03
WITHIN_S = 0.3

_add_pending_call = ctypes.pythonapi.Py_AddPendingCall
_add_pending_call.argtypes, _add_pending_call.restype = (ctypes.c_void_p, ctypes.c_void_p), ctypes.c_int
_INTERRUPT = ctypes.cast(ctypes.pythonapi.PyErr_SetInterruptEx, ctypes.c_void_p)


class Standstill:
    """Let the main thread wait while at least one alert is on its way, within bounds.

    The bounds also end what can't be avoided otherwise: the cell may hold a lock that the alert waits for.

    :param longest_s: for so long the main thread stands still (real seconds), however many alerts come …
    :param within_s: … in these
    """

    def __init__(self, longest_s: float = LONGEST_S, within_s: float = WITHIN_S) -> None:
        self._longest_s, self._within_s = longest_s, within_s
        self._guard = threading.Lock()
        self._way = threading.Lock()  # one for each standstill; an event would not outlive an interrupt
        self._on_their_way = 0
        self._asked = False
        self._since_s = self._stood_s = 0.0  # since when is counted how long it stood still
        self._call = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self._stand)

    def begin(self) -> None:
        """An alert is on its way; returns at once (in the main thread, as :meth:`end`, without doing anything)."""
        if threading.current_thread() is threading.main_thread():
            return
        with self._guard:
            self._on_their_way += 1
            if self._on_their_way == 1:
                self._way = threading.Lock()
                self._way.acquire()
            if not self._asked and self._left_s() > 0:
                self._asked = _add_pending_call(ctypes.cast(self._call, ctypes.c_void_p), None) == 0

    def end(self) -> None:
        """It has arrived."""
        if threading.current_thread() is threading.main_thread():
            return
        with self._guard:
            self._on_their_way -= 1
            if not self._on_their_way:
                self._way.release()

    def _left_s(self) -> float:
        now_s = time.monotonic()
        if now_s - self._since_s > self._within_s:
            self._since_s, self._stood_s = now_s, 0.0
        return self._longest_s - self._stood_s

    def _stand(self, _nothing: object) -> int:
        # In the main thread, between any two of its instructions: nothing may be locked here that it may have locked.
        # An exception from here would be lost.
        self._asked = False
        try:
            if self._on_their_way and (left_s := self._left_s()) > 0:
                began_s = time.monotonic()
                self._way.acquire(timeout=left_s)
                self._stood_s += time.monotonic() - began_s
        except KeyboardInterrupt:
            _add_pending_call(_INTERRUPT, signal.SIGINT)  # raised again in the cell
        return 0


standstill = Standstill()
