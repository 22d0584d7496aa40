"""What all devices behind INDI have in common."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from astropy.time import Time

from instruments.address import Address
from instruments.clock import Clock
from instruments.errors import Failed, InstrumentError, NotConnected, ProtocolError, Rejected, Timeout
from instruments.indi.element import write_enable_blob, write_get
from instruments.indi.order import Order, place, whole_vector
from instruments.indi.session import Session
from instruments.indi.table import Property, Value, View
from instruments.operation import Operation
from instruments.pyros.poller import Poller

logger = logging.getLogger(__name__)

S = TypeVar("S")

PORT = 7624
DEADLINE_S = 2.0


class IndiDevice(Generic[S]):
    """Hold the link to a device, its properties, and its running operations.

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
        try:
            state = self._last_state = self.make_state(view)
        except ValueError as error:
            raise ProtocolError(self.name, "read its state", f"the driver says: {error}", self.describe()) from None
        return state

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

        if not session.table.wait(told, timeout_s):
            self._standing(what, session)
            raise Timeout(self.name, what, f"no answer within {timeout_s:g} s", self.describe())
        self._read_view, self._read_at_s = session.table.view(), self.clock.unix_s()
        return self._read_view

    def order(
        self,
        what: str,
        name: str,
        values: Mapping[str, Value],
        reached: Callable[[Property], bool],
        first: tuple[tuple[str, Mapping[str, Value]], ...] = (),
        timeout_s: float = DEADLINE_S,
    ) -> Order:
        """Set a property, and wait until the driver has taken or refused that.

        :param what: the command in words
        :param values: what to set; the vector's other members stay as they are
        :param reached: whether the property is already as it shall be
        :param first: other properties to set before
        :raises Rejected: if a value is out of its limits (nothing is sent then), or the driver said no
        :raises Timeout: if it said nothing at all
        """
        session = self._standing(what)
        data = b"".join(self._vector(session, what, n, v) for n, v in (*first, (name, values)))
        try:
            with self.poller.held():
                order = place(session, what, name, data, reached, timeout_s)
        except ValueError as error:
            raise ProtocolError(self.name, what, f"the driver says: {error}", self.describe()) from None
        if isinstance(order, Order):
            return order
        if order.refused:
            raise Rejected(self.name, what, order.why, self.describe())
        self._standing(what, session)
        raise Timeout(self.name, what, order.why, self.describe())

    def keep(self, key: str, *writes: tuple[str, Mapping[str, Value]]) -> None:
        """Send ``writes`` again whenever the device is connected anew."""
        self._settings[key] = writes

    def property(self, what: str, name: str) -> Property:
        """Give a property.

        :raises Rejected: if the device has none of that name
        """
        found = self._session.table.view().get(name)
        if found is None:
            raise Rejected(self.name, what, f"the device has no {name}", self.describe())
        return found

    def follow(
        self,
        order: Order,
        eta_s: float,
        topic: str,
        check: Callable[[Operation[Any], View], None],
        on_cancel: Callable[[str], None] | None = None,
    ) -> Operation[Any]:
        """Make the operation of a command that was taken.

        :param check: ends the operation when the properties say so
        """
        cancel = on_cancel or self.abort
        operation: Operation[Any] = Operation(
            self.name, order.what, eta_s, on_cancel=lambda: cancel(f"{order.what} was cancelled")
        )
        operation.sent_monotonic_s = order.sent_monotonic_s

        def look(view: Mapping[str, Any]) -> None:
            now = view.get(order.before.name)
            if now is None:
                operation.lose(NotConnected(self.name, order.what, "the driver took the property away"))
            elif now.alerts > order.before.alerts:
                why = self._session.table.warnings_since(order.count) or f"{now.name} is in alert"
                operation.fail(Failed(self.name, order.what, why, self.describe()))
            else:
                try:
                    check(operation, view)
                except ValueError as error:
                    operation.fail(ProtocolError(self.name, order.what, f"the driver says: {error}", self.describe()))

        self.poller.follow(operation, look, topic, order.sent_monotonic_s)
        return operation

    def abort(self, reason: str, topic: str | None = None) -> None:
        """Stop the device; what ran before ends as aborted when it confirms.

        :raises InstrumentError: if it did not confirm
        """
        session, what = self._standing("abort"), "abort"
        view = session.table.view()
        stops = [(name, member) for name, member in self._stop if name in view]
        if not stops and self._stop:
            raise Rejected(self.name, what, "the device can't be stopped", self.describe())
        sent_s = time.monotonic()
        for name, member in stops:
            sets = view[name].sets
            session.link.send(self._vector(session, what, name, {member: True}))

            def confirmed(now: View, name: str = name, sets: int = sets) -> bool:
                return name in now and now[name].sets > sets

            if not session.table.wait(confirmed, DEADLINE_S):
                self._standing(what, session)
                raise Timeout(self.name, what, f"{name} was not confirmed within {DEADLINE_S:g} s", self.describe())
        self.poller.end_all(lambda operation: operation.abort_with(reason), topic, sent_s)

    def take_blob(self, name: str) -> tuple[str, str, int] | None:
        """Give the image of a BLOB that came, and forget it: base64, format, length."""
        blob = self._session.table.take_blob(name)
        return None if blob is None else (blob.text, blob.format, blob.length)

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
