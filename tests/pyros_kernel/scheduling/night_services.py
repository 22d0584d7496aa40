"""A night in a store, and what scheduling needs of an observatory."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from pyros_kernel.clock import ManualClock
from pyros_kernel.scheduling import Sky
from pyros_kernel.settings import Settings
from pyros_kernel.store import (
    Album,
    Channel,
    PlacedSequence,
    Plan,
    Request,
    RequestStatus,
    Schedule,
    ScheduleStatus,
    Sequence,
    SequenceStatus,
    Site,
    Store,
)
from pyros_kernel.tasks.scheduling import schedule_night

NIGHT = "2022-09-29"


@dataclass
class NightServices:
    """What scheduling needs, on a clock that stands still at dusk."""

    store: Store
    clock: ManualClock
    sky: Sky
    night_id: int
    settings: Settings
    site: Site
    night_name: str = NIGHT

    def schedule(self, start_unix_s: float | None = None) -> int:
        start = self.clock.unix_s() if start_unix_s is None else start_unix_s
        return schedule_night(self.night_id, start, "a test", services=self)

    def add(self, name: str, ra_deg: float = 310.0, dec_deg: float = 30.0, **changes: object) -> int:
        plans = changes.pop("plans", {Channel.VIS: [("r", 100.0, 3)]})
        request_status = changes.pop("request_status", RequestStatus.SUBMITTED)
        with self.store.session() as session:
            sequence = Sequence(
                name=name,
                target=name,
                ra_deg=ra_deg,
                dec_deg=dec_deg,
                status=SequenceStatus.OBSERVABLE,
                request=Request(name=name, status=request_status, user_id=3, programme_id=3),
                albums=[
                    Album(
                        channel=channel,
                        plans=[Plan(filter=f, exposure_time_s=t, number_of_images=n) for f, t, n in asked],
                    )
                    for channel, asked in plans.items()  # type: ignore[attr-defined]
                ],
            )
            for key, value in changes.items():
                setattr(sequence, key, value)
            session.add(sequence)
            session.flush()
            return sequence.id

    def status(self, sequence_id: int) -> tuple[SequenceStatus, str]:
        with self.store.session(read_only=True) as session:
            sequence = session.get_one(Sequence, sequence_id)
            return sequence.status, sequence.reason

    def entry(self, sequence_id: int) -> PlacedSequence:
        with self.store.session(read_only=True) as session:
            return session.scalars(
                select(PlacedSequence)
                .join(Schedule)
                .where(Schedule.status == ScheduleStatus.CURRENT, PlacedSequence.sequence_id == sequence_id)
            ).one()

    def length_s(self, sequence_id: int) -> float:
        entry = self.entry(sequence_id)
        assert entry.start is not None
        assert entry.end is not None
        return (entry.end - entry.start).total_seconds()
