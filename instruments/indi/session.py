"""A link to an INDI server together with what came over it: from connecting until the link or the driver is gone."""

from __future__ import annotations

import time
from collections.abc import Callable

from instruments.address import Address
from instruments.clock import Clock
from instruments.errors import NotConnected
from instruments.indi.element import Element, write_get, write_vector
from instruments.indi.link import ASIDE_S, IndiLink
from instruments.indi.table import Table, View

_CONNECTION = "CONNECTION"
_LIST_S = 0.5
_BURST_S = 0.05


class Session:
    """Connect a device, and keep its properties while it is there.

    :param on_lost: called once with the session and why, when the server or the driver ended it
    """

    def __init__(
        self,
        name: str,
        address: Address,
        clock: Clock,
        describe: Callable[[], str],
        on_lost: Callable[[Session, str], None],
    ) -> None:
        self._name, self._address, self._describe, self._on_lost = name, address, describe, on_lost
        self.table = Table(address.device, clock.unix_s)
        self.link = IndiLink(name, self._take, self._lost)
        self._connected = False
        self._why = ""

    @property
    def why(self) -> str:
        """Why it ended; empty before."""
        return self._why or self.link.why

    @property
    def device(self) -> str:
        """The device's name on its server."""
        return self._address.device

    @property
    def up(self) -> bool:
        """Whether the device can be used."""
        return self._connected and self.link.up and not self.table.gone

    def open(self, needs: tuple[str, ...], end: float) -> None:
        """Connect.

        :param needs: properties that must be there then
        :param end: reading of ``time.monotonic()`` by which it must be done
        :raises NotConnected: if it can't be
        """
        host, port, device = self._address.host, self._address.port, self._address.device
        try:
            self.link.open(host, port, max(end - time.monotonic(), 0.05))
        except OSError as error:
            raise self._error(f"nobody answers at {host}:{port} ({error})") from error
        self.link.send(write_get(device))
        if not self._wait(lambda view: _CONNECTION in view, end - _LIST_S):
            raise self._error(self._who_is_there(end))
        connection = self.table.view()[_CONNECTION]
        if not connection.on("CONNECT"):
            values = {"CONNECT": True, "DISCONNECT": False}
            self.link.send(write_vector("Switch", device, _CONNECTION, values))
        alerts = connection.alerts

        def answered(view: View) -> bool:
            now = view[_CONNECTION]
            return now.alerts > alerts or (now.on("CONNECT") and now.state != "Busy")

        if not self._wait(answered, end) or not self.table.view()[_CONNECTION].on("CONNECT"):
            said = self.table.warnings_since(0) or self.why or "no answer"
            raise self._error(f"the driver did not connect to {device!r}: {said}")
        if not self._wait(lambda view: all(name in view for name in needs), end):
            lacking = ", ".join(name for name in needs if name not in self.table.view())
            raise self._error(self.why or f"{device!r} has no {lacking}")
        self._wait_for_the_rest(end)
        self._connected = True

    def wait(self, ready: Callable[[View], bool], timeout_s: float) -> bool:
        """Wait until the properties are as ``ready`` wants them, the device is gone, or the time is over.

        :return: whether they are
        """
        end = time.monotonic() + timeout_s
        while True:
            self.link.read_until(lambda: self.table.gone or self.table.wait(ready, 0), end)
            # Another thread reads; it may end before what is waited for here has come.
            left_s = end - time.monotonic()
            if self.table.wait(ready, min(left_s, ASIDE_S)) or left_s <= 0 or self.table.gone:
                return self.table.wait(ready, 0)

    def close(self) -> None:
        """Give the link back."""
        self._why = self._why or "the link was closed by this side"
        self.table.give_up()
        self.link.close()

    def _wait(self, ready: Callable[[View], bool], end: float) -> bool:
        return self.wait(ready, max(end - time.monotonic(), 0.05))

    def _wait_for_the_rest(self, end: float) -> None:
        """Wait until the driver defines no more: it does so in one burst, and tells no end of it."""
        known = -1
        while known != len(self.table.view()) and time.monotonic() < end:
            known = len(self.table.view())
            self.wait(lambda view, known=known: len(view) != known, _BURST_S)

    def _who_is_there(self, end: float) -> str:
        if self.why:
            return self.why
        # On a link of its own: a server tells a client that asked for one device nothing of the others.
        names: set[str] = set()
        link = IndiLink(self._name, lambda element: names.add(element.attributes.get("device", "")), lambda _: None)
        try:
            link.open(self._address.host, self._address.port, _LIST_S)
            link.send(b"<getProperties version='1.7'/>\n")
            self._wait(lambda view: False, min(end, time.monotonic() + _LIST_S))
        except OSError as error:
            return f"nobody answers any more ({error})"
        finally:
            link.close()
        there = ", ".join(sorted(names - {""})) or "none"
        return f"no device {self._address.device!r} is there; there are: {there}"

    def _take(self, element: Element) -> None:
        gone = self.table.gone
        self.table.apply(element)
        if self.table.gone and not gone:
            self._end("the driver is gone")
        elif self._connected and element.attributes.get("name") == _CONNECTION and self._was_disconnected():
            self.table.give_up()
            self._end("the device was disconnected from its driver")

    def _was_disconnected(self) -> bool:
        connection = self.table.view().get(_CONNECTION)
        return connection is None or not connection.on("CONNECT")

    def _lost(self, why: str) -> None:
        self.table.give_up()
        self._end(why)

    def _end(self, why: str) -> None:
        if not self._why:
            self._why = why
            self._on_lost(self, why)

    def _error(self, what: str) -> NotConnected:
        return NotConnected(self._name, "connect", what, self._describe())
