"""What all devices behind a PyROS line have in common."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from astropy.time import Time

from instruments.clock import Clock
from instruments.errors import InstrumentError, NotConnected, Rejected
from instruments.instrument import DEADLINE_S
from instruments.operation import Operation
from instruments.poller import Poller
from instruments.pyros.address import split_address
from instruments.pyros.answer import Answer
from instruments.pyros.grammar import GrammarError
from instruments.pyros.line import Command, command
from instruments.pyros.link import LineLink
from instruments.pyros.pending import Pending
from instruments.pyros.values import Value, unix_s

logger = logging.getLogger(__name__)

S = TypeVar("S")
Status = Mapping[str, Any]


@functools.lru_cache(maxsize=128)  # a sensor is read less often than it is asked
def time_of(iso: str) -> Time:
    """Turn an answer's time into an astropy Time."""
    return Time(unix_s(iso), format="unix", scale="utc")


class Device(Generic[S]):
    """Hold the link to a device, its last status, and its running operations.

    :param name: name of the device in the store
    :param address: ``pyros://host:port/WORD``
    :param clock: the observatory's
    :param make_state: turns the answer to GET STATUS into the state of its kind
    :param get: operation that reads its state
    :raises ValueError: if the address is not of that form
    """

    def __init__(
        self, name: str, address: str, clock: Clock, make_state: Callable[[Status], S], get: str = "STATUS"
    ) -> None:
        self.name, self.clock = name, clock
        self.host, self.port, self.word = split_address(address)
        self._make_state, self._get = make_state, get
        self._status: Status | None = None
        self._state: S | None = None
        self._read_at_s = 0.0
        self._lock = threading.Lock()
        self._link = self._new_link()
        self.poller = Poller(name, clock, self.read, self.describe)

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        return self._link.up

    @property
    def last_state(self) -> S | None:
        """The last state that was read."""
        status = self._status
        if status is not None and self._state is None:
            self._state = self._make_state(status)
        return self._state

    def describe(self) -> str:
        """Give the last status in words, with its age."""
        status = self._status
        if status is None:
            return "no state was ever read"
        words = ", ".join(f"{k} {v}" for k, v in status.items() if isinstance(v, str | bool) and k != "time")
        return f"{words or 'read'}, {self.clock.unix_s() - self._read_at_s:.1f} s ago"

    def connect(self, timeout_s: float) -> None:
        """Open a new link if none stands, and read the state once.

        :raises InstrumentError: if there is no link, or no state
        """
        if not self._link.up:
            link = self._new_link()
            link.open(self.host, self.port, timeout_s)
            with self._lock:
                # Of two threads that connect at once, the quicker one's link stays.
                old, spare = self._link, link
                if not old.up:
                    self._link, spare = link, old
            spare.close()
        try:
            self.read(timeout_s)
        except InstrumentError as error:
            self._link.close()
            raise NotConnected(self.name, "connect", f"no state: {error.what}", self.describe()) from error

    def disconnect(self) -> None:
        """Close the link; what runs goes on there, and is unknown here."""
        self._link.close()
        self.poller.join()

    def read(self, timeout_s: float) -> Status:
        """Read the status.

        :raises InstrumentError: if it can't be read
        """
        status = self.ask("GET", self._get, timeout_s=timeout_s).values
        self._status, self._state, self._read_at_s = status, None, self.clock.unix_s()
        return status

    def state(self, timeout_s: float) -> S:
        """Read the state.

        :raises InstrumentError: if it can't be read
        """
        status = self.read(timeout_s)
        made = self._make_state(status)
        if self._status is status:  # not read anew meanwhile
            self._state = made
        return made

    def command(self, action: str, operation: str, *values: Value) -> Command:
        """Make a command to this device.

        :raises Rejected: if a value is out of its range
        """
        try:
            return command(self.word, action, operation, *values)
        except GrammarError as error:
            raise Rejected(self.name, f"{self.word} {action} {operation}", error.text, self.describe()) from error

    def ask(self, action: str, operation: str, *values: Value, timeout_s: float = DEADLINE_S) -> Answer:
        """Send one command and wait for its answer.

        :raises InstrumentError: if it was not accepted
        """
        return self._link.ask(self.command(action, operation, *values), timeout_s)

    def fetch(self, operation: str, timeout_s: float) -> tuple[Answer, bytes]:
        """Read an answer that carries a payload.

        :raises InstrumentError: if it can't be read
        """
        waiting = self._link.send(self.command("GET", operation))[0]
        return self._link.result(waiting, timeout_s), waiting.payload

    def upload_and_do(self, upload: Command, do: str) -> Pending:
        """Send a SET and its DO in one go; wait until both are accepted, and give the DO.

        :raises InstrumentError: if one was not accepted
        """
        first, second = self._link.send(upload, command(self.word, "DO", do))
        self._link.result(first, DEADLINE_S)
        self._link.result(second, DEADLINE_S)
        return second

    def do(self, operation: str) -> Pending:
        """Send a DO, and wait until it is accepted.

        :raises InstrumentError: if it was not
        """
        sent = self._link.send(self.command("DO", operation))[0]
        self._link.result(sent, DEADLINE_S)
        return sent

    def abort(self, reason: str, topic: str | None = None) -> None:
        """Stop the device; what ran before ends as aborted when it confirms.

        :param topic: what of the device is stopped; None for all
        :raises InstrumentError: if it did not confirm
        """
        with self.poller.held():
            sent = self.do("ABORT")
            self.poller.end_all(lambda operation: operation.abort_with(reason), topic, sent.sent_monotonic_s)

    def _new_link(self) -> LineLink:
        return LineLink(self.name, self.word, self.describe, self._lost)

    def _lost(self, link: LineLink, error: InstrumentError) -> None:
        if link is not self._link:
            return  # the spare one of two threads that connected at once

        def lose(operation: Operation[object]) -> None:
            what = f"{error.what}; its outcome is unknown"
            operation.lose(NotConnected(self.name, operation.command, what, self.describe()))

        logger.info("%s: %s", self.name, error.what)
        self.poller.end_all(lose)
