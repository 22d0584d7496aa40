"""Where a kernel that does not command stands: it looks on, may speak to the agents that do, and may take over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pyros_kernel.agents import Agent, Sender
from pyros_kernel.lease import ControlLease, LeaseHeld
from pyros_kernel.lock import Held
from pyros_kernel.settings import Settings
from pyros_kernel.tasks.context import Context, read_context
from pyros_kernel.watching import Watching, agents_elsewhere

_AGAIN_REAL_S = 0.3

S = TypeVar("S")


class Lookout:
    """Look on from here, while somebody else commands.

    :param what: what runs here, such as ``notebook``
    """

    def __init__(self, settings: Settings, what: str) -> None:
        self._settings, self._what = settings, what
        self._last: Context | None = None
        self.seen: Watching | None = None
        """What is seen; None while nobody looks."""
        self.attached = False
        """Whether commands go to the agents of another process."""

    def remember(self) -> None:
        """Keep in mind what runs here before it steps down, to go on looking at it."""
        self._last = read_context(self._settings.data)

    def watch(self, me: str) -> Watching:
        """Begin to look; twice is once.

        :param me: the name under which a lease may be held already
        :raises NoNight: if nobody observed in this data directory yet
        """
        if self.seen is None:
            self.seen = Watching(self._settings, self._what, me, self._last)
        return self.seen

    def attach(self, me: str) -> Watching:
        """Look on, and let commands go to the agents that run elsewhere.

        :raises NotDelivered: if no Majordome answers where the agents' ini file says
        :raises NoNight: if nobody observed with this store yet
        """
        # First: once it answers, what it commands stands where its data directory says.
        Sender.ask(Agent.MAJORDOME, "status", config=agents_elsewhere(self._settings))
        seen = self.watch(me)
        self.attached = True
        return seen

    def look_away(self, *, release: bool) -> bool:
        """Stop looking, and tell whether anybody looked.

        :param release: whether a lease that was taken meanwhile is given back, or left for the start to go on with
        """
        seen, self.seen, self.attached = self.seen, None, False
        if seen is None:
            return False
        if release:
            seen.lease.release()
        else:
            seen.lease.stop_renewing()
        seen.close()
        return True


def take_over(lease: ControlLease, why: str, start: Callable[[], S], timeout_s: float) -> S:
    """Take the lease from whoever has it, and start here as soon as he has given the data directory back.

    :param timeout_s: real seconds that may take
    :raises ValueError: without a reason
    :raises Held: if he does not give it back in time, as when he hangs; says who he is
    """
    try:
        lease.acquire()
    except LeaseHeld:
        lease.break_glass(why)
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            try:
                return start()
            except Held:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_AGAIN_REAL_S)
    except BaseException:  # Kernel > Interrupt too: who does not start must not keep the lease
        lease.release()
        raise
