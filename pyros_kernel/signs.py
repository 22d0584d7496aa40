"""Signs of life: whether a thread that has been at one thing for long still gets on with it.

A thread gives one by computing, by saying so (:func:`sign`), also that it begins a wait which ends by itself: the
store's sessions and the agents' messages do so.  Only threads that somebody watches count.
"""

from __future__ import annotations

import threading
import time

_COMPUTES = 0.02  # of a core: more than a loop that looks now and then, less than work on a busy machine

_watched: dict[int, Signs] = {}


class Signs:
    """The signs of life of one thread; made in it, and dropped by :meth:`end`."""

    def __init__(self) -> None:
        thread = threading.current_thread()
        self._ident = thread.ident or 0
        self._computing = time.pthread_getcpuclockid(self._ident)  # while it lives; the clock may be read afterwards
        self._sign_s, self._until_s = time.monotonic(), 0.0
        self._used_s = self._read()
        _watched[self._ident] = self

    def end(self) -> None:
        """Watch it no longer."""
        _watched.pop(self._ident, None)

    def give(self, until_s: float = 0.0) -> None:
        """Note a sign.

        :param until_s: reading of ``time.monotonic()`` at which a wait that begins now is over
        """
        self._sign_s, self._until_s, self._used_s = time.monotonic(), until_s, self._read()

    def silent_s(self) -> float:
        """Give the real seconds for which it gave no sign; 0 within a wait that will end."""
        now_s, used_s = time.monotonic(), self._read()
        if used_s - self._used_s > _COMPUTES * (now_s - self._sign_s):
            self._sign_s, self._used_s = now_s, used_s
        return max(0.0, now_s - max(self._sign_s, self._until_s))

    def _read(self) -> float:
        """Read the seconds for which the thread has computed."""
        try:
            return time.clock_gettime(self._computing)
        except OSError:  # it has ended
            return 0.0


def sign(at_most_s: float = 0.0) -> None:
    """Say that this thread gets on with what it does; costs next to nothing if nobody watches it.

    :param at_most_s: real seconds for which it now waits for something, at most: that ends by itself then
    """
    if (mine := _watched.get(threading.get_ident())) is not None:
        mine.give(time.monotonic() + at_most_s if at_most_s else 0.0)
