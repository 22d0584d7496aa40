"""Where every packet arrives, whatever brought it: durable before it is acknowledged, known once."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from pyros_kernel.alerts.packet import Packet, parse
from pyros_kernel.alerts.tree import NotVoevent
from pyros_kernel.clock import Clock
from pyros_kernel.store import Alert, AlertStatus, Store, StoreError

logger = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+", re.ASCII)
_NAME_LENGTH = 80


class NotStored(Exception):
    """The packet could not be made durable: it must not be acknowledged, and should be sent again."""

    def __init__(self, reason: str, ivorn: str) -> None:
        super().__init__(reason)
        self.ivorn = ivorn


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

    def note(self, step: str) -> dict[str, float]:
        """Write down how long after the last byte a step was reached; give all steps so far."""
        self.steps[step] = round((time.monotonic() - self.last_byte_s) * 1000, 3)
        return dict(self.steps)


class AlertInbox:
    """Take packets: parse, check, tell copies from new ones, write to disk, then to the store.

    :param directory: the data directory; packets go to ``alerts/<date>/`` in it
    """

    def __init__(self, store: Store, directory: Path, clock: Clock) -> None:
        self._store, self._directory, self._clock = store, directory, clock

    def receive(self, raw: bytes, source: str, last_byte_s: float | None = None) -> Received:
        """Take a packet; when this returns it will survive a power cut and may be acknowledged.

        :param source: who brought it, for people: ``vtp:127.0.0.1:40112`` or ``file:packet.xml``
        :param last_byte_s: reading of ``time.monotonic()`` at its last byte; now if left out
        :raises NotVoevent: if it is none; nothing was kept
        :raises NotStored: if disk or database refused it
        """
        last_byte_s = time.monotonic() if last_byte_s is None else last_byte_s
        packet = parse(raw)
        try:
            known = self._find(packet)
            if known is not None:
                return Received(known, packet, True, last_byte_s)
            return self._keep(packet, source, last_byte_s)
        except (OSError, SQLAlchemyError, StoreError) as error:
            logger.exception("alert %s could not be stored", packet.ivorn)
            raise NotStored(f"it could not be stored ({error}); send it again", packet.ivorn) from error

    def undecided(self) -> list[Received]:
        """Give what was stored, but not decided about before the program ended, oldest first."""
        with self._store.session(read_only=True) as session:
            alerts = session.scalars(select(Alert).where(Alert.status == AlertStatus.RECEIVED).order_by(Alert.id)).all()
        found: list[Received] = []
        for alert in alerts:
            try:
                packet = parse((self._directory / alert.path).read_bytes())
            except (OSError, NotVoevent) as error:
                logger.error("alert %d can't be read again from %s: %s", alert.id, alert.path, error)
                continue
            found.append(Received(alert.id, packet, False, time.monotonic(), dict(alert.steps)))
        return found

    def _keep(self, packet: Packet, source: str, last_byte_s: float) -> Received:
        received = Received(0, packet, False, last_byte_s)
        received.note("parsed")
        now = datetime.fromtimestamp(self._clock.unix_s(), UTC)
        path = Path("alerts") / f"{now:%Y-%m-%d}" / file_name(packet)
        write_durably(self._directory / path, packet.raw)
        received.note("written")
        alert = row_of(packet, now)
        alert.source, alert.path, alert.steps = source, str(path), dict(received.steps)
        try:
            with self._store.session() as session:
                session.add(alert)
        except IntegrityError:
            # Another connection brought the same packet meanwhile; whoever came first acts on it.
            known = self._find(packet)
            if known is None:
                raise
            return Received(known, packet, True, last_byte_s)
        received.note("stored")
        return Received(alert.id, packet, False, last_byte_s, received.steps)

    def _find(self, packet: Packet) -> int | None:
        query = select(Alert.id).where(Alert.ivorn == packet.ivorn, Alert.digest == packet.digest)
        with self._store.session(read_only=True) as session:
            return session.execute(query).scalar_one_or_none()


def row_of(packet: Packet, received: datetime) -> Alert:
    """Make the row of a packet.

    :param received: observatory time, UTC
    """
    return Alert(
        ivorn=packet.ivorn,
        digest=packet.digest,
        role=packet.role,
        stream=packet.stream,
        packet_type=packet.packet_type,
        trigger_id=packet.trigger_id,
        received=received,
        event_time=packet.event_utc,
        ra_deg=packet.ra_deg,
        dec_deg=packet.dec_deg,
        error_deg=packet.error_deg,
    )


def file_name(packet: Packet) -> str:
    """Name the file of a packet: readable, of harmless characters only, and its own."""
    readable = _UNSAFE.sub("_", packet.ivorn.removeprefix("ivo://")).strip("._")[:_NAME_LENGTH]
    # The name is made of both parts of the key: the same content may come under another IVORN.
    own = hashlib.sha1(f"{packet.ivorn}\n{packet.digest}".encode(), usedforsecurity=False).hexdigest()[:12]
    return f"{readable}_{own}.xml"


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that it is there, whole, or not at all, even after a power cut.

    :raises OSError: if the disk refuses; no half file is left
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
