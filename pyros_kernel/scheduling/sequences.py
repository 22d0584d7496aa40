"""Sequences of the store as blocks of the planner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from pyros_kernel.scheduling.block import Block, Transition
from pyros_kernel.scheduling.constraints import Constraint, OneSide
from pyros_kernel.scheduling.nights import not_in
from pyros_kernel.scheduling.outcome import Rejection
from pyros_kernel.scheduling.recipe_times import between_images_s
from pyros_kernel.scheduling.sky import Sky
from pyros_kernel.scheduling.wishes import further, moving_of
from pyros_kernel.store import (
    Album,
    Channel,
    Device,
    DeviceKind,
    Image,
    Plan,
    Request,
    RequestKind,
    RequestStatus,
    Sequence,
    SequenceStatus,
    Site,
)

_CAMERAS = {Channel.VIS: DeviceKind.CAMERA_VIS, Channel.NIR: DeviceKind.CAMERA_NIR}


@dataclass(frozen=True, slots=True)
class Overheads:
    """What observing costs beside the exposures, in seconds.

    :param acquisition_s: once for each sequence: dome, first filter, a frame to centre by
    :param readout_s: after each exposure, by channel
    :param mount: what the telescope's mount asks of every sequence
    """

    acquisition_s: float
    readout_s: dict[Channel, float]
    transition: Transition
    mount: tuple[Constraint, ...] = ()

    @classmethod
    def from_devices(cls, session: Session) -> Overheads:
        """Read them from the settings of the devices' rows, with careful defaults for what they don't say.

        Telescope: ``slew_rate_deg_per_s`` (2), ``settle_time_s`` (5), ``acquisition_time_s`` (40), ``mount`` (fork; a
        ``german`` one turns over at the meridian), ``meridian_flip_s`` (60, of a German mount); dome:
        ``rotation_rate_deg_per_s`` (that of the telescope); camera: ``readout_time_s`` (5),
        ``filter_change_time_s`` (10).
        """
        devices = session.scalars(select(Device).where(Device.enabled)).all()
        by_kind = {device.kind: device.settings for device in devices}
        telescope, dome = by_kind.get(DeviceKind.TELESCOPE, {}), by_kind.get(DeviceKind.DOME, {})
        slew = float(telescope.get("slew_rate_deg_per_s", 2.0))
        german = telescope.get("mount") == "german"
        cameras = {channel: by_kind.get(kind, {}) for channel, kind in _CAMERAS.items()}
        return cls(
            acquisition_s=float(telescope.get("acquisition_time_s", 40.0)),
            readout_s={channel: float(own.get("readout_time_s", 5.0)) for channel, own in cameras.items()},
            transition=Transition(
                slew_rate_deg_s=min(slew, float(dome.get("rotation_rate_deg_per_s", slew))),
                settle_s=float(telescope.get("settle_time_s", 5.0)),
                filter_change_s=max(float(own.get("filter_change_time_s", 10.0)) for own in cameras.values()),
                flip_s=float(telescope.get("meridian_flip_s", 60.0)) if german else 0.0,
            ),
            mount=(OneSide(),) if german else (),
        )


def candidates(session: Session, *, lock: bool = False) -> list[Sequence]:
    """Give the sequences that may be in a schedule: observable, planned or executing, of a live request.

    :param lock: let none of them move on until the session ends, which must be a writing one
    """
    statuses = SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED, SequenceStatus.EXECUTING
    live = RequestStatus.SUBMITTED, RequestStatus.EXECUTING
    query = (
        select(Sequence)
        .join(Request)
        .where(Sequence.status.in_(statuses), Request.status.in_(live))
        .options(
            selectinload(Sequence.request).selectinload(Request.programme),
            selectinload(Sequence.albums).selectinload(Album.plans),
        )
        .order_by(Sequence.id)
    )
    return list(session.scalars(query.with_for_update(of=Sequence) if lock else query))


def images_taken(session: Session, sequences: list[Sequence]) -> dict[int, int]:
    """Count the complete images of each plan of some sequences."""
    plans = [plan.id for sequence in sequences for album in sequence.albums for plan in album.plans]
    counted = (
        select(Image.plan_id, func.count()).where(Image.complete, Image.plan_id.in_(plans)).group_by(Image.plan_id)
    )
    return {plan_id: count for plan_id, count in session.execute(counted) if plan_id is not None}


def duration_s(sequence: Sequence, overheads: Overheads, taken: dict[int, int]) -> float:
    """Estimate how long a sequence takes: its channels expose side by side, so the longest one counts.

    :param taken: images that are there already, by plan
    :return: 0 if no image is missing
    """
    longest = max((_album_s(sequence, album, overheads, taken) for album in sequence.albums), default=0.0)
    return longest + overheads.acquisition_s if longest > 0 else 0.0


def running_block(
    sequence: Sequence, missing_s: float, now_unix_s: float, planned_end_unix_s: float | None = None
) -> Block:
    """Make the block of a sequence that runs: it ends when planned, or if that has passed, with its last image.

    :param missing_s: what its missing images take
    """
    begun = sequence.started if sequence.status is SequenceStatus.EXECUTING else None
    started = now_unix_s if begun is None else begun.timestamp()
    end = started + missing_s if planned_end_unix_s is None else planned_end_unix_s
    # It may have begun after its planned end, or after the moment for which this is asked.
    if end <= (latest := max(now_unix_s, started)):
        end = latest + max(missing_s, 1.0)
    block = _limited(sequence, end - started)
    return replace(block, min_altitude_deg=0.0, fixed_start_unix_s=started)


def done_block(sequence: Sequence, duration_s: float, started_unix_s: float) -> Block:
    """Make the block of a sequence that was observed, whatever its constraints say."""
    return replace(_limited(sequence, duration_s), min_altitude_deg=0.0, fixed_start_unix_s=started_unix_s)


def block_of(sequence: Sequence, duration_s: float, site: Site, sky: Sky, overheads: Overheads) -> Block:
    """Make a sequence's block.

    :param site: lower than its least altitude nothing is observed, whatever the sequence says
    :param overheads: with what the mount asks for
    :raises ValueError: if what it asks for makes no sense
    """
    window = None
    if sequence.window_start is not None or sequence.window_end is not None:
        first, last = sequence.window_start, sequence.window_end
        window = (
            first.timestamp() if first is not None else float("-inf"),
            last.timestamp() if last is not None else float("inf"),
        )
    lit, constraints = further(sequence, site)
    return replace(
        _limited(sequence, duration_s),
        min_altitude_deg=max(sequence.min_altitude_deg, site.min_altitude_deg),
        window=window,
        max_moon_illumination=lit,
        constraints=(*overheads.mount, *constraints),
        preferred_unix_s=None if sequence.preferred is None else sequence.preferred.timestamp(),
        moving=moving_of(sequence.ephemeris, sky),
        mandatory=sequence.mandatory,
    )


def asked_in(
    sky: Sky,
    sequence: Sequence,
    site: Site,
    overheads: Overheads,
    taken: dict[int, int],
    *,
    first_night: str | None = None,
) -> Block | Rejection:
    """Give what a sequence asks of a night, or why it asks for nothing.

    :param taken: images that are there already, by plan
    :param first_night: from which its nights count if it names no first one; this night if left out
    """
    missing_s = duration_s(sequence, overheads, taken)
    if missing_s <= 0:
        return Rejection(sequence.id, "no image is missing: there is nothing to observe")
    try:
        if why_not := not_in(sequence.first_night or first_night, sequence.nights, sky.name):
            return Rejection(sequence.id, why_not)
        block = block_of(sequence, missing_s, site, sky, overheads)
    except ValueError as error:
        return Rejection(sequence.id, f"can't be scheduled: {error}")
    return replace(block, mandatory=True) if sequence.request.kind is RequestKind.ALERT else block


def _limited(sequence: Sequence, duration_s: float) -> Block:
    return Block(
        id=sequence.id,
        ra_deg=sequence.ra_deg,
        dec_deg=sequence.dec_deg,
        duration_s=duration_s,
        priority=sequence.priority,
        min_altitude_deg=sequence.min_altitude_deg,
        max_sun_altitude_deg=sequence.max_sun_altitude_deg,
        min_moon_separation_deg=sequence.min_moon_separation_deg,
        filters=tuple(plan.filter for album in sequence.albums[:1] for plan in album.plans),
        name=sequence.name,
        programme=sequence.request.programme.name,
        grade=sequence.request.programme.tac_grade,
    )


def whole_requests(sequences: list[Sequence], blocks: list[Block]) -> list[Block]:
    """Let an all-or-nothing request's blocks be placed together or not at all.

    One of which anything is observed already, or can't be any more, is not held back any longer.
    """
    whole = {s.id: s.request_id for s in sequences if s.request.all_or_nothing and not _begun(s.request)}
    waiting = [b.id for b in blocks if b.fixed_start_unix_s is None]
    return [replace(b, group=whole[int(b.id)]) if b.id in waiting and int(b.id) in whole else b for b in blocks]


def _begun(request: Request) -> bool:
    waiting = SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED, SequenceStatus.DRAFT
    return any(s.status not in waiting for s in request.sequences)


def _album_s(sequence: Sequence, album: Album, overheads: Overheads, taken: dict[int, int]) -> float:
    readout_s = overheads.readout_s[album.channel]
    plans = [plan for plan in album.plans if _missing(plan, taken)]
    changes = sum(a.filter != b.filter for a, b in pairwise(plans))
    total_s = changes * overheads.transition.filter_change_s
    for plan in plans:
        image_s = plan.exposure_time_s + readout_s
        total_s += _missing(plan, taken) * (image_s + between_images_s(sequence, image_s, overheads.transition))
    return total_s


def _missing(plan: Plan, taken: dict[int, int]) -> int:
    return max(0, plan.number_of_images - taken.get(plan.id, 0))
