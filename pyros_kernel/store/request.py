"""What users ask for: users, programmes, requests and their parts, and the images they get."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from pyros_kernel.store import status as st
from pyros_kernel.store.base import Base, Stateful, status_column

OBSERVE = "observe"  # the recipe of a sequence that names none
_COMPARABLE_JSON = JSON().with_variant(JSONB(), "postgresql")  # its default can be compared with the database's


class Channel(StrEnum):
    """One of the telescope's camera channels."""

    VIS = "VIS"
    NIR = "NIR"


class RequestKind(StrEnum):
    """How a request came to be."""

    ROUTINE = "routine"
    ALERT = "alert"


class User(Base):
    """Somebody who may ask for observations."""

    __tablename__ = "user"
    group = "auth"

    username: Mapped[str] = mapped_column(String(64), unique=True)
    full_name: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    profile: Mapped[str] = mapped_column(String(16), default="user")  # admin, expert or user
    password: Mapped[str] = mapped_column(default="")  # a hash: scheme$salt$digest
    is_active: Mapped[bool] = mapped_column(default=True)


class ScientificProgramme(Base):
    """A programme that the time allocation committee (TAC) gave time to.

    ``priority`` runs from 0 to 100, larger is more important; ``quota_percent`` is its share of the semester.
    """

    __tablename__ = "scientific_programme"
    group = "common"

    name: Mapped[str] = mapped_column(String(64), unique=True)
    tac_grade: Mapped[str] = mapped_column(String(1), default="B")
    priority: Mapped[float] = mapped_column(default=50.0)
    quota_percent: Mapped[float] = mapped_column(default=0.0)
    description: Mapped[str] = mapped_column(default="")
    investigator_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    investigator: Mapped[User | None] = relationship()


class Request(Stateful, Base):
    """What a user asks for, within a scientific programme; its sequences are observed one by one."""

    __tablename__ = "request"
    group = "common"
    transitions = st.REQUEST_TRANSITIONS

    name: Mapped[str] = mapped_column(String(128))
    kind: Mapped[RequestKind] = status_column(RequestKind, RequestKind.ROUTINE)
    status: Mapped[st.RequestStatus] = status_column(st.RequestStatus, st.RequestStatus.DRAFT)
    all_or_nothing: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime | None]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    programme_id: Mapped[int] = mapped_column(ForeignKey("scientific_programme.id"))

    user: Mapped[User] = relationship()
    programme: Mapped[ScientificProgramme] = relationship()
    sequences: Mapped[list[Sequence]] = relationship(back_populates="request", order_by="Sequence.id")

    def __repr__(self) -> str:
        return f"<Request {self.id} {self.name!r}>"


class Sequence(Stateful, Base):
    """The part of a request that is observed in one go: one target, with its constraints.

    Angles in degrees, ICRS.  ``window_start`` and ``window_end`` bound the whole of it, if given; ``preferred`` is a
    start that is liked best.  ``constraints`` are further ones by name (``hour_angle_h``, ``phase`` …), as in a
    request list.  ``ephemeris`` is that of a target that moves: ``{"body": "mars"}``, or ``{"frame": "icrs",
    "rows": [[time, angle, angle], …]}``.  ``recipe`` names the recipe that observes it, ``parameters`` are what its
    signature asks for beside the target and the plans.

    It may be observed in ``nights`` nights from ``first_night`` on (an evening's date); without ``nights`` until it is
    done, without ``first_night`` from the first night that it is planned for.  One that comes ``after`` another
    starts from ``min_gap_s`` to ``max_gap_s`` after the start of that one: so the points of a monitoring series.
    """

    __tablename__ = "sequence"
    group = "common"
    transitions = st.SEQUENCE_TRANSITIONS

    name: Mapped[str] = mapped_column(String(128))
    status: Mapped[st.SequenceStatus] = status_column(st.SequenceStatus, st.SequenceStatus.DRAFT)
    target: Mapped[str] = mapped_column(String(128))
    ra_deg: Mapped[float]
    dec_deg: Mapped[float]
    priority_offset: Mapped[float] = mapped_column(default=0.0)
    mandatory: Mapped[bool] = mapped_column(default=False)
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime | None]
    min_altitude_deg: Mapped[float] = mapped_column(default=30.0)
    max_sun_altitude_deg: Mapped[float] = mapped_column(default=-18.0)
    min_moon_separation_deg: Mapped[float] = mapped_column(default=0.0)
    recipe: Mapped[str] = mapped_column(String(128), default=OBSERVE, server_default=OBSERVE)
    parameters: Mapped[dict[str, Any]] = mapped_column(_COMPARABLE_JSON, default=dict, server_default="{}")
    preferred: Mapped[datetime | None]
    constraints: Mapped[dict[str, Any] | None]
    ephemeris: Mapped[dict[str, Any] | None]
    first_night: Mapped[str | None] = mapped_column(String(16))
    nights: Mapped[int | None]
    after_id: Mapped[int | None] = mapped_column(ForeignKey("sequence.id"))
    min_gap_s: Mapped[float | None]
    max_gap_s: Mapped[float | None]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    chain: Mapped[str | None] = mapped_column(String(32))  # of tasks, if one began it last
    request_id: Mapped[int] = mapped_column(ForeignKey("request.id"), index=True)

    request: Mapped[Request] = relationship(back_populates="sequences")
    after: Mapped[Sequence | None] = relationship(remote_side="Sequence.id")
    albums: Mapped[list[Album]] = relationship(back_populates="sequence", order_by="Album.id")

    @property
    def priority(self) -> float:
        """Programme's priority and own offset together; larger is more important."""
        return self.request.programme.priority + self.priority_offset

    def __repr__(self) -> str:
        return f"<Sequence {self.id} {self.name!r}>"


class Album(Base):
    """A sequence's part on one camera channel."""

    __tablename__ = "album"
    group = "common"

    channel: Mapped[Channel] = status_column(Channel, Channel.VIS)
    sequence_id: Mapped[int] = mapped_column(ForeignKey("sequence.id"), index=True)

    sequence: Mapped[Sequence] = relationship(back_populates="albums")
    plans: Mapped[list[Plan]] = relationship(back_populates="album", order_by="Plan.id")


class Plan(Stateful, Base):
    """One filter × exposure time × number of images."""

    __tablename__ = "plan"
    group = "common"
    transitions = st.PLAN_TRANSITIONS

    filter: Mapped[str] = mapped_column(String(32))
    exposure_time_s: Mapped[float]
    number_of_images: Mapped[int] = mapped_column(default=1)
    status: Mapped[st.PlanStatus] = status_column(st.PlanStatus, st.PlanStatus.PENDING)
    album_id: Mapped[int] = mapped_column(ForeignKey("album.id"), index=True)

    album: Mapped[Album] = relationship(back_populates="plans")
    images: Mapped[list[Image]] = relationship(back_populates="plan", order_by="Image.id")

    def __repr__(self) -> str:
        return f"<Plan {self.id} {self.number_of_images} × {self.exposure_time_s} s in {self.filter}>"


class Image(Base):
    """A FITS file on disk; ``path`` is relative to the data directory."""

    __tablename__ = "image"
    group = "common"

    path: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    camera: Mapped[str] = mapped_column(String(64))
    filter: Mapped[str] = mapped_column(String(32))
    exposure_time_s: Mapped[float]
    start: Mapped[datetime] = mapped_column(index=True)
    complete: Mapped[bool] = mapped_column(default=True)  # False: the exposure was cut short
    # What the quick-look found: median, stars, fwhm_px …; empty until it ran.
    quicklook: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Which run of a recipe, and which of its steps, took it: a step that a crash cut off finds its frame by it.
    step: Mapped[str | None] = mapped_column(index=True)
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"), index=True)
    night_id: Mapped[int | None] = mapped_column(ForeignKey("night.id"), index=True)

    plan: Mapped[Plan | None] = relationship(back_populates="images")
