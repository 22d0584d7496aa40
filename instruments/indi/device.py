"""What all devices behind INDI have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from instruments.errors import Failed, NotConnected, ProtocolError, Rejected, Timeout
from instruments.indi.connection import IndiConnection
from instruments.indi.order import Order, place
from instruments.indi.table import Property, Value, View
from instruments.instrument import DEADLINE_S
from instruments.operation import Operation

S = TypeVar("S")

PORT = 7624


class IndiDevice(IndiConnection[S]):
    """Command a device, and follow what it does."""

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
        with self.sense(what), self.poller.held():
            order = place(session, what, name, data, reached, timeout_s)
        if isinstance(order, Order):
            return order
        if order.refused:
            raise Rejected(self.name, what, order.why, self.describe())
        self._standing(what, session)
        raise Timeout(self.name, what, order.why, self.describe())

    def under_way(self, what: str, name: str) -> Order | None:
        """Give a command whose answer was lost with the link, if the property is Busy with it now.

        :param what: the command in words
        :raises InstrumentError: if the driver's state can't be read
        """
        view, session = self.read(DEADLINE_S), self._standing(what)
        if view[name].state != "Busy":
            return None
        return Order(what, view[name], session.table.count, time.monotonic())

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

            if not session.wait(confirmed, DEADLINE_S):
                self._standing(what, session)
                raise Timeout(self.name, what, f"{name} was not confirmed within {DEADLINE_S:g} s", self.describe())
        self.poller.end_all(lambda operation: operation.abort_with(reason), topic, sent_s)

    def take_blob(self, name: str) -> tuple[str, str, int] | None:
        """Give the image of a BLOB that came, and forget it: base64, format, length."""
        blob = self._session.table.take_blob(name)
        return None if blob is None else (blob.text, blob.format, blob.length)
