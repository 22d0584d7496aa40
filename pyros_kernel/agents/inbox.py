"""A bounded inbox with an urgent lane: full means no, never more memory."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable

from pyros_kernel.agents.message import Message

_REMEMBERED = 4096


class Inbox:
    """Messages that wait for their agent, each id taken once.

    :param size: how many may wait in each of the two lanes
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._urgent: deque[Message] = deque()
        self._normal: deque[Message] = deque()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._urgent) + len(self._normal)

    def put(self, message: Message, *, urgent: bool) -> bool:
        """Take a message in; one that was taken before counts as taken.

        :return: whether there was room
        """
        with self._changed:
            if message.id in self._seen:
                return True
            lane = self._urgent if urgent else self._normal
            if len(lane) >= self._size or self._closed:
                return False
            lane.append(message)
            self._seen[message.id] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            self._changed.notify()
            return True

    def take(self) -> Message | None:
        """Wait for the next message, urgent ones first.

        :return: the message, or None once the inbox is closed
        """
        with self._changed:
            while not (self._closed or self._urgent or self._normal):
                self._changed.wait()
            if self._closed:
                return None
            return (self._urgent or self._normal).popleft()

    def close(self) -> None:
        """Take nothing more and wake whoever waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def drain(self) -> tuple[list[Message], list[str]]:
        """Empty it: the messages that still waited, and the ids that were ever taken."""
        with self._changed:
            left = [*self._urgent, *self._normal]
            self._urgent.clear()
            self._normal.clear()
            return left, list(self._seen)

    def remember(self, ids: Iterable[str]) -> None:
        """Count messages as taken that a predecessor took."""
        with self._changed:
            self._seen.update(dict.fromkeys(ids))
