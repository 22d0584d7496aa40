"""The link to a device behind Alpaca: connecting, its status, its settings, and what breaking it means."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from astropy.time import Time

from instruments.address import Address
from instruments.alpaca.wire import Wire
from instruments.clock import Clock
from instruments.errors import InstrumentError, NotConnected, ProtocolError, Timeout
from instruments.instrument import DEADLINE_S
from instruments.poller import Poller

logger = logging.getLogger(__name__)

S = TypeVar("S")
T = TypeVar("T")
Status = Mapping[str, Any]

_BEAT_S = (0.4, 1.2)  # the device is asked whether it is connected so often, and must answer within so long


class AlpacaConnection(Generic[S]):
    """Hold the link to a device, and its last status.

    :param address: ``alpaca://host:port/<kind>/<number>``
    :param kind: Alpaca's name of the device's kind
    :param make: alpyca's class of that kind
    :param read: reads the status through alpyca's object
    :param make_state: turns the status into the state of its kind
    :param stop: stops the device
    :raises ValueError: if the address is malformed
    """

    def __init__(
        self,
        name: str,
        address: Address,
        clock: Clock,
        kind: str,
        *,
        make: Callable[[str, int], Any],
        read: Callable[[Any], Status],
        make_state: Callable[[Status], S],
        stop: Callable[[Any], None] | None = None,
    ) -> None:
        self.name, self.clock = name, clock
        self._read, self.make_state, self._stop = read, make_state, stop
        given, _, number = address.device.partition("/")
        if given != kind or not number.isdigit():
            raise ValueError(f"alpaca://…/{address.device}: the address of a {kind} ends in /{kind}/<number>")
        url = f"http://{address.host}:{address.port}/api/v1/{kind}/{number}"
        self.wire = Wire(name, url, self.describe)
        self.alpaca = make(f"{address.host}:{address.port}", int(number))
        self.alpaca._get, self.alpaca._put = self.wire.get, self.wire.put
        self._up, self._why = False, "there is no link; connect() first"
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._ended: threading.Event | None = None
        self._beat: threading.Thread | None = None
        self._settings: dict[str, Callable[[Any], None]] = {}
        self.poller = Poller(name, clock, self.read, self.describe)

    @property
    def connected(self) -> bool:
        """Whether the device answered when last asked."""
        return self._up

    @property
    def last_state(self) -> S | None:
        """The last state that was read."""
        status = self._status
        return None if status is None else self.make_state(status)

    @property
    def last_status(self) -> Status:
        """The last status that was read; empty before."""
        return self._status or {}

    def describe(self) -> str:
        """Give the last status in words, with its age."""
        status = self._status
        if status is None:
            return "no state was ever read"
        words = ", ".join(f"{k} {v}" for k, v in status.items() if isinstance(v, str | bool | int) and k != "time")
        return f"{words or 'read'}, {self.clock.unix_s() - status['time']:.1f} s ago"

    def time_of(self, status: Status) -> Time:
        """Tell when a status was read."""
        return Time(status["time"], format="unix", scale="utc")

    def connect(self, timeout_s: float) -> None:
        """Connect the device, put its settings back, and read its state.

        :raises NotConnected: if that can't be done in time
        """
        try:
            with self.wire.deadline("connect", timeout_s):
                if not self._up:
                    self.alpaca.Connected = True
                    for tell in tuple(self._settings.values()):
                        tell(self.alpaca)
                self._status = {**self._read(self.alpaca), "time": self.clock.unix_s()}
        except InstrumentError as error:
            self._lost(error.what)
            raise NotConnected(self.name, "connect", error.what, self.describe()) from error
        with self._lock:
            self._up = True
            if self._ended is None:
                self._ended = threading.Event()
                name, ended = f"pyros-alpaca-{self.name}", self._ended
                self._beat = threading.Thread(target=self._watch, args=(ended,), name=name, daemon=True)
                self._beat.start()

    def disconnect(self) -> None:
        """Give the link back; the device stays connected to its driver, and what runs there is unknown here."""
        self._lost("the link was closed by this side")
        with self._lock:
            beat, self._beat = self._beat, None
        if beat is not None and beat is not threading.current_thread():
            beat.join(2)
        self.poller.join()
        self.wire.close()

    def state(self, timeout_s: float) -> S:
        """Read the state.

        :raises InstrumentError: if it can't be read
        """
        return self.make_state(self.read(timeout_s))

    def read(self, timeout_s: float) -> Status:
        """Read the status.

        :raises InstrumentError: if it can't be read
        """
        status = self.ask("read its state", lambda device: {**self._read(device)}, timeout_s)
        self._status = {**status, "time": self.clock.unix_s()}
        return self._status

    def ask(self, what: str, function: Callable[[Any], T], timeout_s: float = DEADLINE_S) -> T:
        """Do something with alpyca's object of the device, within a deadline.

        :raises InstrumentError: if it can't be done
        """
        if not self._up:
            raise NotConnected(self.name, what, self._why, self.describe())
        try:
            with self.wire.deadline(what, timeout_s):
                return function(self.alpaca)
        except NotConnected as error:
            self._lost(error.what)
            raise
        except (TypeError, ValueError, KeyError) as error:
            # alpyca turns values into its own types, and a device may say anything.
            raise self._error(what, f"the device talks nonsense: {error!r}") from error

    def keep(self, key: str, tell: Callable[[Any], None]) -> None:
        """Do this again whenever the device is connected anew."""
        self._settings[key] = tell

    def _error(self, what: str, why: str) -> InstrumentError:
        return ProtocolError(self.name, what, why, self.describe())

    def _watch(self, ended: threading.Event) -> None:
        every_s, within_s = _BEAT_S
        while not ended.wait(every_s):
            try:
                there = self.ask("heartbeat", lambda device: device.Connected, within_s)
            except Timeout:
                self._lost(f"the device gave no sign of life for {within_s:.1f} s")
            except InstrumentError as error:
                self._lost(error.what)
            else:
                if not there:
                    self._lost("the device was disconnected from its driver")

    def _lost(self, why: str) -> None:
        with self._lock:
            was_up, self._up, self._why = self._up, False, why
            ended, self._ended = self._ended, None
        if ended is not None:
            ended.set()
        if was_up:
            logger.info("%s: %s", self.name, why)
        text = f"{why}; its outcome is unknown"
        self.poller.end_all(lambda o: o.lose(NotConnected(self.name, o.command, text, self.describe())))
