"""Where every packet arrives, whatever brought it: durable before it is acknowledged, known once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from pyros_kernel.alerts.files import packet_path
from pyros_kernel.alerts.journal import Journal, JournalFull
from pyros_kernel.alerts.keeper import Entry, Keeper
from pyros_kernel.alerts.packet import Key, Packet
from pyros_kernel.alerts.reading import read_packet
from pyros_kernel.alerts.received import Arrival, NotStored, Outcome, Received, ms_since
from pyros_kernel.alerts.tree import NotVoevent
from pyros_kernel.clock import Clock
from pyros_kernel.store import Alert, AlertStatus, Store, StoreError

logger = logging.getLogger(__name__)

JOURNAL = Path("alerts.journal")


class AlertInbox:
    """Take packets: parse, check, tell copies from new ones, and write the new ones into the synced journal.

    Their files and rows follow from there, by a :class:`~pyros_kernel.alerts.keeper.Keeper`.

    :param store: where rows go; may be :func:`~pyros_kernel.alerts.quick_store.quick`
    :param directory: the data directory; packets go to ``alerts/<date>/`` in it
    :param heard: called with each new packet before the disk has it: for what may be told to others at once, and told
        again should it not be stored
    :param durable: the store whose commits reach the disk, if ``store`` is a quick one
    """

    def __init__(
        self,
        store: Store,
        directory: Path,
        clock: Clock,
        *,
        durable: Store | None = None,
        heard: Callable[[Packet], None] | None = None,
    ) -> None:
        self._store, self._directory, self._clock, self._heard = store, directory, clock, heard
        self._journal = Journal(directory / JOURNAL)
        self._keeper = Keeper(store, durable or store, directory, self._journal)
        self._one_at_a_time = threading.Lock()
        self._recovered = self._closed = False

    def receive(self, raw: bytes, source: str, last_byte_s: float | None = None) -> Received:
        """Take a packet; when this returns it will survive a power cut and may be acknowledged.

        :param source: who brought it, for people: ``vtp:127.0.0.1:40112`` or ``file:packet.xml``
        :param last_byte_s: reading of ``time.monotonic()`` at its last byte; now if left out
        :raises NotVoevent: if it is none; nothing was kept
        :raises NotStored: if disk or database refused it
        """
        arrival = Arrival(raw, source, time.monotonic() if last_byte_s is None else last_byte_s)
        (outcome,) = self.receive_all([arrival])
        if isinstance(outcome, Received):
            return outcome
        raise outcome

    def receive_all(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        """Take packets together, for one sync of the disk; each has its own outcome, in their order."""
        outcomes: list[Outcome | None] = [None] * len(arrivals)
        packets: list[tuple[int, Packet, dict[str, float]]] = []
        for at, arrival in enumerate(arrivals):
            try:
                packet = read_packet(arrival.raw, strict=arrival.strict)
            except NotVoevent as error:
                outcomes[at] = error
            else:
                packets.append((at, packet, {"parsed": ms_since(arrival.last_byte_s)}))
        with self._one_at_a_time:
            try:
                self._take(arrivals, packets, outcomes)
            except (OSError, SQLAlchemyError, StoreError, JournalFull) as error:
                logger.exception("%d packets could not be stored", sum(outcome is None for outcome in outcomes))
                why = f"it could not be stored ({error}); send it again"
                for at, packet, _ in packets:
                    outcomes[at] = outcomes[at] or NotStored(why, packet.ivorn)
        return [outcome for outcome in outcomes if outcome is not None]

    def recover(self) -> None:
        """Give files and rows to what was acknowledged and did not get them before the program ended."""
        with self._one_at_a_time:
            try:
                self._recover()
            except (OSError, SQLAlchemyError, StoreError):
                logger.exception("the packets' journal could not be gone through; it is tried at the next packet")

    def undecided(self) -> list[Received]:
        """Give what was stored, but not decided about before the program ended, oldest first."""
        self.recover()
        self._keeper.write()
        with self._store.session(read_only=True) as session:
            alerts = session.scalars(select(Alert).where(Alert.status == AlertStatus.RECEIVED).order_by(Alert.id)).all()
        found: list[Received] = []
        for alert in alerts:
            try:
                packet = read_packet((self._directory / alert.path).read_bytes())
            except (OSError, NotVoevent) as error:
                logger.error("alert %d can't be read again from %s: %s", alert.id, alert.path, error)
                continue
            row = partial(int, alert.id)
            found.append(Received(row, packet, False, time.monotonic(), dict(alert.steps), alert.source))
        return found

    def close(self) -> None:
        """Bring everything to the disk; what comes later is refused."""
        with self._one_at_a_time:
            self._closed = True
            self._keeper.close()

    def _recover(self) -> None:
        if not self._recovered:
            self._keeper.recover()
            self._recovered = True

    def _take(
        self,
        arrivals: Sequence[Arrival],
        packets: Sequence[tuple[int, Packet, dict[str, float]]],
        outcomes: list[Outcome | None],
    ) -> None:
        """Put the outcome of each packet in its place; what has none when this raises is not stored."""
        if self._closed:
            raise StoreError("the inbox is closed")
        self._recover()
        now = datetime.fromtimestamp(self._clock.unix_s(), UTC)
        lacking = self._keeper.lacking([packet.key for _, packet, _ in packets])
        new: dict[Key, tuple[int, Entry]] = {}
        copies: list[tuple[int, Received]] = []
        for at, packet, steps in packets:
            key, arrival = packet.key, arrivals[at]
            if key in lacking and key not in new:
                path = lacking[key] or packet_path(packet, now)
                new[key] = at, Entry(packet, arrival.source, path, now, steps, has_row=bool(lacking[key]))
                continue
            copy = Received(partial(self._keeper.row, key), packet, True, arrival.last_byte_s, {}, arrival.source)
            if key in new:
                copies.append((at, copy))
            else:
                outcomes[at] = copy
        if self._heard is not None:
            for _, entry in new.values():
                self._heard(entry.packet)
        self._write([(arrivals[at].last_byte_s, at, entry) for at, entry in new.values()], outcomes)
        for at, copy in copies:
            outcomes[at] = copy

    def _write(self, new: Sequence[tuple[float, int, Entry]], outcomes: list[Outcome | None]) -> None:
        records = [entry.record() for _, _, entry in new]
        done = 0
        while done < len(new):
            begin, done = done, done + self._append(records[done:])
            for last_byte_s, at, entry in new[begin:done]:
                entry.steps["stored"] = ms_since(last_byte_s)
                row = partial(self._keeper.row, entry.packet.key)
                outcomes[at] = Received(row, entry.packet, False, last_byte_s, entry.steps, entry.source)
            self._keeper.put([entry for _, _, entry in new[begin:done]])

    def _append(self, records: Sequence[bytes]) -> int:
        try:
            return self._journal.append(records)
        except JournalFull:
            self._keeper.settle()  # its thread is behind: this packet waits for it
            return self._journal.append(records)
