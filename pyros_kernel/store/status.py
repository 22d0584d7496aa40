"""The statuses of what a night is made of, and where each may go."""

from __future__ import annotations

from enum import StrEnum


class RequestStatus(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    EXECUTING = "executing"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SequenceStatus(StrEnum):
    """Where a sequence stands; OBSERVABLE is the seed's word for: may be scheduled."""

    DRAFT = "draft"
    OBSERVABLE = "observable"
    PLANNED = "planned"
    EXECUTING = "executing"
    EXECUTED = "executed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PlanStatus(StrEnum):
    """Where a plan stands."""

    PENDING = "pending"
    EXECUTING = "executing"
    EXECUTED = "executed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class AlertStatus(StrEnum):
    """Where an alert stands."""

    RECEIVED = "received"
    IGNORED = "ignored"  # no strategy wants it, or a gate refused it; the reason says which
    ACCEPTED = "accepted"  # a request was made or changed
    OBSERVING = "observing"
    OBSERVED = "observed"
    FAILED = "failed"
    RETRACTED = "retracted"


class NightStatus(StrEnum):
    """Where the night stands: the Majordome's states."""

    CLOSED = "closed"
    WAITING = "waiting"
    OPENING = "opening"
    OBSERVING = "observing"
    PAUSED = "paused"
    CLOSING = "closing"
    CALIBRATING = "calibrating"
    DONE = "done"


class ScheduleStatus(StrEnum):
    """Where a schedule stands."""

    CURRENT = "current"
    SUPERSEDED = "superseded"


R, S, P, A, N = RequestStatus, SequenceStatus, PlanStatus, AlertStatus, NightStatus

REQUEST_TRANSITIONS = {
    R.DRAFT: frozenset({R.SUBMITTED, R.CANCELLED}),
    R.SUBMITTED: frozenset({R.EXECUTING, R.FAILED, R.CANCELLED}),
    R.EXECUTING: frozenset({R.SUBMITTED, R.COMPLETE, R.FAILED, R.CANCELLED}),
    R.COMPLETE: frozenset[R](),
    R.FAILED: frozenset({R.SUBMITTED}),
    R.CANCELLED: frozenset({R.SUBMITTED}),
}
SEQUENCE_TRANSITIONS = {
    S.DRAFT: frozenset({S.OBSERVABLE, S.CANCELLED}),
    S.OBSERVABLE: frozenset({S.PLANNED, S.CANCELLED}),
    S.PLANNED: frozenset({S.OBSERVABLE, S.EXECUTING, S.CANCELLED}),
    S.EXECUTING: frozenset({S.EXECUTED, S.INTERRUPTED, S.FAILED}),
    S.EXECUTED: frozenset[S](),
    S.INTERRUPTED: frozenset({S.OBSERVABLE, S.CANCELLED}),
    S.FAILED: frozenset({S.OBSERVABLE, S.CANCELLED}),
    S.CANCELLED: frozenset({S.OBSERVABLE}),
}
PLAN_TRANSITIONS = {
    P.PENDING: frozenset({P.EXECUTING}),
    P.EXECUTING: frozenset({P.EXECUTED, P.INTERRUPTED, P.FAILED}),
    P.EXECUTED: frozenset[P](),
    P.INTERRUPTED: frozenset({P.EXECUTING}),
    P.FAILED: frozenset({P.EXECUTING}),
}
ALERT_TRANSITIONS = {
    A.RECEIVED: frozenset({A.IGNORED, A.ACCEPTED, A.RETRACTED}),
    A.IGNORED: frozenset({A.ACCEPTED, A.RETRACTED}),
    A.ACCEPTED: frozenset({A.OBSERVING, A.FAILED, A.RETRACTED}),
    A.OBSERVING: frozenset({A.ACCEPTED, A.OBSERVED, A.FAILED, A.RETRACTED}),
    A.OBSERVED: frozenset({A.RETRACTED}),
    A.FAILED: frozenset({A.ACCEPTED, A.RETRACTED}),
    A.RETRACTED: frozenset[A](),
}
NIGHT_TRANSITIONS = {
    N.CLOSED: frozenset({N.WAITING, N.CLOSING}),
    N.WAITING: frozenset({N.OPENING, N.PAUSED, N.CLOSING}),
    N.OPENING: frozenset({N.OBSERVING, N.PAUSED, N.CLOSING}),
    N.OBSERVING: frozenset({N.PAUSED, N.CLOSING}),
    N.PAUSED: frozenset({N.WAITING, N.OPENING, N.OBSERVING, N.CLOSING}),
    N.CLOSING: frozenset({N.CALIBRATING, N.CLOSED, N.PAUSED}),
    N.CALIBRATING: frozenset({N.DONE, N.CLOSED}),
    N.DONE: frozenset({N.CLOSED}),
}
SCHEDULE_TRANSITIONS = {
    ScheduleStatus.CURRENT: frozenset({ScheduleStatus.SUPERSEDED}),
    ScheduleStatus.SUPERSEDED: frozenset[ScheduleStatus](),
}
