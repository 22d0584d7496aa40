"""Where every packet arrives, whatever brought it: durable before it is acknowledged, known once."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pyros_kernel.alerts.files import packet_path, sync_files, write_file
from pyros_kernel.alerts.journal import Journal
from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.reading import read_packet
from pyros_kernel.alerts.tree import NotVoevent
from pyros_kernel.clock import Clock
from pyros_kernel.store import Alert, AlertStatus, Store, StoreError

logger = logging.getLogger(__name__)

JOURNAL = Path("alerts.journal")
# Written out, these are compiled once: the hot path does not go through the objects' mapper.
_KNOWN = select(Alert.id, Alert.path).where(Alert.ivorn == bindparam("ivorn"), Alert.digest == bindparam("digest"))
_INSERT = insert(Alert)


class NotStored(Exception):
    """The packet could not be made durable: it must not be acknowledged, and should be sent again."""

    def __init__(self, reason: str, ivorn: str) -> None:
        super().__init__(reason)
        self.ivorn = ivorn


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet's bytes.

    :param source: who brought it, for people: ``vtp:127.0.0.1:40112`` or ``file:packet.xml``
    :param last_byte_s: reading of ``time.monotonic()`` at its last byte
    :param strict: refuse what does not follow the schema of VOEvent 2.0
    """

    raw: bytes
    source: str
    last_byte_s: float
    strict: bool = False


@dataclass(frozen=True)
class Received:
    """A packet that is on disk and in the store.

    :param duplicate: whether it was there before; then there is nothing to do but to acknowledge it
    :param last_byte_s: reading of ``time.monotonic()`` when its last byte arrived
    :param steps: step → milliseconds (real) since then
    """

    alert_id: int
    packet: Packet
    duplicate: bool
    last_byte_s: float
    steps: dict[str, float] = field(default_factory=dict[str, float])
    source: str = ""

    def note(self, step: str) -> dict[str, float]:
        """Write down how long after the last byte a step was first reached; give all steps so far."""
        self.steps.setdefault(step, round((time.monotonic() - self.last_byte_s) * 1000, 3))
        return dict(self.steps)


Outcome = Received | NotVoevent | NotStored


@dataclass(slots=True)
class _New:
    arrival: Arrival
    packet: Packet
    path: Path
    steps: dict[str, float]
    alert_id: int | None = None  # of a row that lost its file


class AlertInbox:
    """Take packets: parse, check, tell copies from new ones; then their files, the journal, and their rows.

    :param store: where rows go; may be :func:`~pyros_kernel.alerts.quick_store.quick`
    :param directory: the data directory; packets go to ``alerts/<date>/`` in it
    :param heard: called with each new packet while the disk is still writing it: for what may be told to others at
        once, and told again should it not be stored
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
        self._store, self._directory, self._clock = store, directory, clock
        self._durable = durable or store
        self._heard = heard
        self._journal = Journal(directory / JOURNAL)
        self._written: list[Path] = []  # files that are in the journal, and may not have reached the disk
        self._one_at_a_time = threading.Lock()
        self._recovered = False

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
        outcomes: list[Outcome | Packet] = []
        steps: list[dict[str, float]] = []
        for arrival in arrivals:
            try:
                outcomes.append(read_packet(arrival.raw, strict=arrival.strict))
            except NotVoevent as error:
                outcomes.append(error)
            steps.append({"parsed": _ms_since(arrival.last_byte_s)})
        with self._one_at_a_time:
            try:
                return self._keep_all(arrivals, outcomes, steps)
            except (OSError, SQLAlchemyError, StoreError) as error:
                logger.exception("%d packets could not be stored", len(arrivals))
                why = f"it could not be stored ({error}); send it again"
                return [NotStored(why, o.ivorn) if isinstance(o, Packet) else _settled(o) for o in outcomes]

    def undecided(self) -> list[Received]:
        """Give what was stored, but not decided about before the program ended, oldest first."""
        with self._one_at_a_time:
            try:
                self._recover()
            except (OSError, SQLAlchemyError, StoreError):
                logger.exception("the packets' journal could not be gone through; it is tried at the next packet")
        with self._store.session(read_only=True) as session:
            alerts = session.scalars(select(Alert).where(Alert.status == AlertStatus.RECEIVED).order_by(Alert.id)).all()
        found: list[Received] = []
        for alert in alerts:
            try:
                packet = read_packet((self._directory / alert.path).read_bytes())
            except (OSError, NotVoevent) as error:
                logger.error("alert %d can't be read again from %s: %s", alert.id, alert.path, error)
                continue
            found.append(Received(alert.id, packet, False, time.monotonic(), dict(alert.steps), alert.source))
        return found

    def close(self) -> None:
        """Bring everything to the disk, and let go of the journal."""
        with self._one_at_a_time:
            try:
                if self._written:
                    self._settle()
            except (OSError, SQLAlchemyError, StoreError):
                logger.exception("files could not be synced; the journal keeps their packets")
            self._journal.close()

    def _keep_all(
        self, arrivals: Sequence[Arrival], read: Sequence[Outcome | Packet], steps: list[dict[str, float]]
    ) -> list[Outcome]:
        self._recover()
        outcomes: list[Outcome | None] = [None if isinstance(o, Packet) else o for o in read]
        new: dict[tuple[str, str], tuple[int, _New]] = {}
        again: dict[int, tuple[str, str]] = {}
        now = datetime.fromtimestamp(self._clock.unix_s(), UTC)
        with self._store.session(read_only=True) as session:
            for at, packet in enumerate(read):
                if not isinstance(packet, Packet):
                    continue
                key = packet.ivorn, packet.digest
                if key in new:
                    again[at] = key
                    continue
                known = session.execute(_KNOWN, {"ivorn": key[0], "digest": key[1]}).one_or_none()
                if known is not None and (self._directory / known.path).is_file():
                    outcomes[at] = Received(known.id, packet, True, arrivals[at].last_byte_s, {}, arrivals[at].source)
                    continue
                path = packet_path(packet, now) if known is None else Path(known.path)
                new[key] = at, _New(arrivals[at], packet, path, steps[at], known.id if known else None)
        ids = self._keep([item for _, item in new.values()], now)
        for (at, item), alert_id in zip(new.values(), ids, strict=True):
            outcomes[at] = Received(
                alert_id, item.packet, False, item.arrival.last_byte_s, item.steps, item.arrival.source
            )
        for at, key in again.items():
            first = outcomes[new[key][0]]
            assert isinstance(first, Received)
            outcomes[at] = Received(
                first.alert_id, first.packet, True, arrivals[at].last_byte_s, {}, arrivals[at].source
            )
        return [_settled(outcome) for outcome in outcomes]

    def _keep(self, new: Sequence[_New], now: datetime) -> list[int]:
        if not new:
            return []
        if self._heard is not None:
            for item in new:
                self._heard(item.packet)
        for item in new:
            write_file(self._directory / item.path, item.packet.raw)
        records = [_record(item, now) for item in new]
        if not self._journal.fits(records):
            self._settle()
        self._journal.append(records)
        self._written += [self._directory / item.path for item in new]
        _note_all(new, "written")
        with self._store.session() as session:
            ids = [_insert(session, item, now) for item in new]
        _note_all(new, "stored")
        return ids

    def _recover(self) -> None:
        """Make files and rows again that the journal has and a power cut took."""
        if self._recovered:
            return
        for record in self._journal.records():
            head, _, raw = record.partition(b"\n")
            words = json.loads(head)
            item = _New(Arrival(raw, words["source"], time.monotonic()), read_packet(raw), Path(words["path"]), {})
            path = self._directory / item.path
            if not path.is_file() or path.stat().st_size != len(raw):
                logger.warning("%s is written again from the packets' journal", item.path)
                write_file(path, raw)
            self._written.append(path)
            with self._store.session() as session:
                key = {"ivorn": item.packet.ivorn, "digest": item.packet.digest}
                if session.execute(_KNOWN, key).one_or_none() is None:
                    logger.warning("the row of %s is made again from the packets' journal", item.packet.ivorn)
                    _insert(session, item, datetime.fromtimestamp(words["received_s"], UTC))
        if self._written:
            self._settle()
        self._recovered = True

    def _settle(self) -> None:
        """Bring files and rows to the disk, so that the journal is not needed for them any more."""
        sync_files(self._written)
        with self._durable.session() as session:
            # Any synced commit takes along what was committed before it.
            last = session.scalars(select(Alert.id).order_by(Alert.id.desc()).limit(1)).first()
            session.execute(update(Alert).where(Alert.id == last).values(source=Alert.source))
        self._written.clear()
        self._journal.begin_anew()


def _insert(session: Session, item: _New, now: datetime) -> int:
    if item.alert_id is not None:
        return item.alert_id
    values = columns_of(item.packet, now) | {
        "source": item.arrival.source,
        "path": str(item.path),
        "steps": dict(item.steps),
    }
    key = session.connection().execute(_INSERT, values).inserted_primary_key
    assert key is not None  # one row was inserted
    return int(key[0])


def columns_of(packet: Packet, received: datetime) -> dict[str, Any]:
    """Give what a packet's row holds.

    :param received: observatory time, UTC
    """
    return {
        "ivorn": packet.ivorn,
        "digest": packet.digest,
        "status": AlertStatus.RECEIVED,
        "reason": packet.schema_error,
        "role": packet.role,
        "stream": packet.stream,
        "packet_type": packet.packet_type,
        "trigger_id": packet.trigger_id,
        "received": received,
        "event_time": packet.event_utc,
        "ra_deg": packet.ra_deg,
        "dec_deg": packet.dec_deg,
        "error_deg": packet.error_deg,
    }


def row_of(packet: Packet, received: datetime) -> Alert:
    """Make the row of a packet, as an object that is in no store."""
    return Alert(**columns_of(packet, received))


def _record(item: _New, now: datetime) -> bytes:
    words = {"source": item.arrival.source, "path": str(item.path), "received_s": now.timestamp()}
    return json.dumps(words).encode() + b"\n" + item.packet.raw


def _note_all(new: Sequence[_New], step: str) -> None:
    for item in new:
        item.steps[step] = _ms_since(item.arrival.last_byte_s)


def _ms_since(last_byte_s: float) -> float:
    return round((time.monotonic() - last_byte_s) * 1000, 3)


def _settled(outcome: Outcome | Packet | None) -> Outcome:
    assert isinstance(outcome, (Received, NotVoevent, NotStored))
    return outcome


Receive = Callable[[Sequence[Arrival]], Sequence[Outcome]]
