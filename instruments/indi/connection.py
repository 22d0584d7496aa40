"""The link to a device behind INDI: connecting, its properties, its settings, and what breaking it means."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping
from typing import Generic, TypeVar

from astropy.time import Time

from instruments.address import Address
from instruments.clock import Clock
from instruments.errors import InstrumentError, NotConnected, ProtocolError, Rejected, Timeout
from instruments.indi.element import write_enable_blob, write_get
from instruments.indi.order import whole_vector
from instruments.indi.session import Session
from instruments.indi.table import Property, Value, View
from instruments.poller import Poller

logger = logging.getLogger(__name__)

S = TypeVar("S")


class IndiConnection(Generic[S]):
    """Hold the link to a device and its properties.

    :param address: where it is
    :param needs: properties without which it is not of its kind
    :param probes: those that tell its state; they are asked for anew at each reading
    :param make_state: turns the properties into the state of its kind
    :param stop: gives the writes that stop it, most urgent first
    :param blobs: whether it sends images
    """

    def __init__(
        self,
        name: str,
        address: Address,
        clock: Clock,
        *,
        needs: tuple[str, ...],
        probes: tuple[str, ...],
        make_state: Callable[[View], S],
        stop: tuple[tuple[str, str], ...] = (),
        blobs: bool = False,
    ) -> None:
        self.name, self.clock, self.address = name, clock, address
        self._needs, self._probes, self.make_state = needs, probes, make_state
        self._stop, self._blobs = stop, blobs
        self._lock = threading.Lock()
        self._session = self._new_session()
        self._read_view: View | None = None
        self._last_state: S | None = None
        self._read_at_s = 0.0
        self._settings: dict[str, tuple[tuple[str, Mapping[str, Value]], ...]] = {}
        self.poller = Poller(name, clock, self._poll, self.describe)

    @property
    def connected(self) -> bool:
        """Whether the link stands and the driver is there."""
        return self._session.up

    @property
    def last_state(self) -> S | None:
        """The last state that was read."""
        return self._last_state

    @property
    def view(self) -> View:
        """All properties as the driver last told them."""
        return self._session.table.view()

    def describe(self) -> str:
        """Give the last state in words, with its age."""
        view = self._read_view
        if view is None:
            return "no state was ever read"
        words = ", ".join(f"{n} {view[n].state}" for n in self._probes if n in view)
        return f"{words}, {self.clock.unix_s() - self._read_at_s:.1f} s ago"

    def time_of(self, seen: Property, *, said: bool = False) -> Time:
        """Tell when a property was last confirmed, or with ``said`` when the driver last set it."""
        return Time(seen.said_s if said else seen.heard_s, format="unix", scale="utc")

    def connect(self, timeout_s: float) -> None:
        """Open a new link if none stands, connect the device, put its settings back, and read its state.

        :raises NotConnected: if that can't be done in time
        """
        end = time.monotonic() + timeout_s
        if not self._session.up:
            session = self._new_session()
            try:
                session.open(self._needs, end)
            except InstrumentError:
                session.close()
                raise
            with self._lock:
                # Of two threads that connect at once, the quicker one's session stays.
                old, spare = self._session, session
                if not old.up:
                    self._session, spare = session, old
            spare.close()
            if self._blobs:
                self._session.link.send(write_enable_blob(self.address.device))
            self._tell_settings(self._session)
        try:
            self.state(max(end - time.monotonic(), 0.2))
        except InstrumentError as error:
            self._session.close()
            raise NotConnected(self.name, "connect", f"no state: {error.what}", self.describe()) from error

    def disconnect(self) -> None:
        """Close the link; what runs goes on there, and is unknown here."""
        self._session.close()
        self._lose("the link was closed by this side")
        self.poller.join()

    def state(self, timeout_s: float) -> S:
        """Have the driver tell its state anew.

        :raises InstrumentError: if it doesn't
        """
        view = self.read(timeout_s)
        with self.sense("read its state"):
            state = self._last_state = self.make_state(view)
        return state

    @contextlib.contextmanager
    def sense(self, what: str) -> Generator[None, None, None]:
        """Make what a property lacks, or a number that is none, the driver's nonsense.

        :param what: the command in words
        :raises ProtocolError: for a ValueError inside
        """
        try:
            yield
        except ValueError as error:
            raise ProtocolError(self.name, what, f"the driver says: {error}", self.describe()) from None

    def read(self, timeout_s: float) -> View:
        """Have the driver define the properties that tell its state, anew.

        :raises InstrumentError: if it doesn't
        """
        session, what = self._standing("read its state"), "read its state"
        wanted = [n for n in self._probes if n in session.table.view()] or list(self._needs)
        count = session.table.count
        session.link.send(write_get(self.address.device, wanted))

        def told(view: View) -> bool:
            return all(n in view and view[n].heard > count for n in wanted)

        if not session.wait(told, timeout_s):
            self._standing(what, session)
            raise Timeout(self.name, what, f"no answer within {timeout_s:g} s", self.describe())
        self._read_view, self._read_at_s = session.table.view(), self.clock.unix_s()
        return self._read_view

    def keep(self, key: str, *writes: tuple[str, Mapping[str, Value]]) -> None:
        """Send ``writes`` again whenever the device is connected anew."""
        self._settings[key] = writes

    def _vector(self, session: Session, what: str, name: str, values: Mapping[str, Value]) -> bytes:
        try:
            return whole_vector(session, name, values)
        except ValueError as error:
            raise Rejected(self.name, what, str(error), self.describe()) from None

    def _tell_settings(self, session: Session) -> None:
        there = session.table.view()
        for name, values in (write for writes in self._settings.values() for write in writes):
            if name in there:
                session.link.send(self._vector(session, "connect", name, values))
            else:
                logger.warning("%s: the device has no %s now; it was not set again", self.name, name)

    def _new_session(self) -> Session:
        return Session(self.name, self.address, self.clock, self.describe, self._lost)

    def _standing(self, what: str, session: Session | None = None) -> Session:
        session = session or self._session
        if not session.up:
            raise NotConnected(self.name, what, session.why or "there is no link; connect() first", self.describe())
        return session

    def _poll(self, timeout_s: float) -> View:
        return self._standing("follow").table.view()

    def _lost(self, session: Session, why: str) -> None:
        if session is self._session:
            logger.info("%s: %s", self.name, why)
            self._lose(f"{why}; its outcome is unknown")

    def _lose(self, why: str) -> None:
        self.poller.end_all(lambda o: o.lose(NotConnected(self.name, o.command, why, self.describe())))
