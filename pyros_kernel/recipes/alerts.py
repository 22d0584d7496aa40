"""Whether an alert wants the telescope that a recipe has borrowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select

from pyros_kernel.scheduling import Block, observable
from pyros_kernel.services import Services
from pyros_kernel.store import Alert, AlertStatus, Sequence, SequenceStatus

# One that the night has not begun by then is left to its schedule: a recipe must not wait for it all night.
_FRESH = timedelta(minutes=15)
_WAITING = (SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED, SequenceStatus.EXECUTING)


def waiting_alert(services: Services) -> int | None:
    """Give the id of a fresh alert whose target is up now and not yet observed, or None."""
    now_s = services.clock.unix_s()
    since = datetime.fromtimestamp(now_s, UTC) - _FRESH
    with services.store.session(read_only=True) as session:
        rows = session.execute(
            select(Alert.id, Sequence)
            .join(Sequence, Sequence.request_id == Alert.request_id)
            .where(
                Alert.status.in_((AlertStatus.ACCEPTED, AlertStatus.OBSERVING)),
                or_(Alert.received >= since, Sequence.status == SequenceStatus.EXECUTING),
                Sequence.status.in_(_WAITING),
            )
            .order_by(Alert.id.desc())
        ).all()
    for alert_id, sequence in rows:
        if sequence.status is SequenceStatus.EXECUTING or _up(sequence, services, now_s):
            return int(alert_id)
    return None


def _up(sequence: Sequence, services: Services, now_s: float) -> bool:
    block = Block(
        sequence.id,
        sequence.ra_deg,
        sequence.dec_deg,
        duration_s=60.0,
        min_altitude_deg=sequence.min_altitude_deg,
        max_sun_altitude_deg=-12.0,
    )
    return observable(block, services.sky, now_s).ok
