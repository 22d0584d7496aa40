"""From an alert to the one request for its event: made by the first packet, changed by those that follow.

``Strategy.observation`` says what is made:

- ``programme``: name of the scientific programme
- ``albums``: channel → plans, each ``{"filter": "r", "exposure_time_s": 60, "number_of_images": 6}``
- ``user``: who asks; ``pyros`` if left out
- ``priority_offset``: added to the programme's priority
- ``window_s``: how long after the alert it may be observed, seconds; without end if left out
- ``recipe``, ``parameters``: as on a sequence; ``observe`` if left out.  ``follow_alert`` covers the error circle by as
  many fields at most as the plans have images, and with the parameter ``skymap`` the best fields of a map, whose path
  under the data directory may hold ``{trigger_id}``
- ``min_altitude_deg``, ``max_sun_altitude_deg``, ``min_moon_separation_deg``: as on a sequence
"""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Sequence as Listing
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pyros_kernel.alerts.event import separation_deg
from pyros_kernel.store import (
    Album,
    Alert,
    AlertStatus,
    Channel,
    Plan,
    Request,
    RequestKind,
    RequestStatus,
    ScientificProgramme,
    Sequence,
    SequenceStatus,
    Strategy,
    User,
)
from pyros_kernel.store.request import OBSERVE

_KEYS = {"programme", "albums", "user", "priority_offset", "window_s", "recipe", "parameters"}
_LIMITS = {"min_altitude_deg", "max_sun_altitude_deg", "min_moon_separation_deg"}
_UNBEGUN = {SequenceStatus.DRAFT, SequenceStatus.OBSERVABLE, SequenceStatus.PLANNED}
# Nearer than this the telescope stays where it is: a frame is lost by moving, and nothing is gained.
_RECENTRE_DEG = 10 / 3600
_USER = select(User.__table__.c.id).where(User.__table__.c.username == bindparam("name"))
_PROGRAMME = select(ScientificProgramme.__table__.c.id).where(ScientificProgramme.__table__.c.name == bindparam("name"))
_EVENT = "{trigger_id}"
UNENDED = {RequestStatus.DRAFT, RequestStatus.SUBMITTED, RequestStatus.EXECUTING}


class UnusableStrategy(Exception):
    """A strategy's observation can't be made into a request; the message says which key, and why."""


def make_request(session: Session, alert: Alert, strategy: Strategy, now: datetime) -> Sequence:
    """Make the request of an alert, with its sequence, albums and plans, ready to be observed.

    :param now: observatory time, UTC
    :return: the sequence; its id is known after the session's next flush
    :raises UnusableStrategy: if the strategy does not say what to observe in words that are understood
    """
    wishes = dict(strategy.observation)
    if unknown := sorted(set(wishes) - _KEYS - _LIMITS):
        raise _unusable(strategy, f"unknown keys {', '.join(unknown)}")
    if alert.ra_deg is None or alert.dec_deg is None:
        raise ValueError(f"{alert!r} has no position")
    words = (alert.stream, alert.packet_type, alert.trigger_id)
    name = " ".join(word for word in words if word)[:128]
    try:
        request = Request(
            name=name,
            kind=RequestKind.ALERT,
            status=RequestStatus.DRAFT,
            created=now,
            user=_named(session, User, User.username, wishes.get("user", "pyros"), strategy),
            programme=_named(session, ScientificProgramme, ScientificProgramme.name, wishes["programme"], strategy),
        )
        window_s = wishes.get("window_s")
        sequence = Sequence(
            name=name,
            status=SequenceStatus.DRAFT,
            target=name,
            ra_deg=alert.ra_deg,
            dec_deg=alert.dec_deg,
            priority_offset=float(wishes.get("priority_offset", 0.0)),
            window_start=now,
            window_end=None if window_s is None else now + timedelta(seconds=float(window_s)),
            request=request,
            albums=[_album(channel, plans) for channel, plans in wishes["albums"].items()],
            **_recipe(wishes, alert.trigger_id),
            **{key: float(wishes[key]) for key in _LIMITS & set(wishes)},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unusable(strategy, f"not understood: {error!r}") from error
    if not any(album.plans for album in sequence.albums):
        raise _unusable(strategy, "there are no plans")
    reason = f"alert {alert.ivorn}"
    request.become(RequestStatus.SUBMITTED, reason)
    sequence.become(SequenceStatus.OBSERVABLE, reason)
    session.add(sequence)
    alert.request = request
    return sequence


def unusable(session: Session, observation: dict[str, Any]) -> str:
    """Say why a strategy's observation can't be made into a request; empty if it can.

    :param observation: ``Strategy.observation``
    """
    if unknown := sorted(set(observation) - _KEYS - _LIMITS):
        return f"unknown keys {', '.join(unknown)}"
    try:
        albums = [(Channel(channel), _plans(plans)) for channel, plans in observation["albums"].items()]
        for key in ({"priority_offset", "window_s"} | _LIMITS) & set(observation):
            float(observation[key])
        _recipe(observation, "")
        names = ((_USER, observation.get("user", "pyros")), (_PROGRAMME, observation["programme"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"not understood: {error!r}"
    for query, name in names:
        if session.connection().execute(query, {"name": name}).scalar() is None:
            return f"there is no {query.get_final_froms()[0].description} named {name!r}"
    return "" if any(plans for _, plans in albums) else "there are no plans"


def change_request(session: Session, alert: Alert, request: Request) -> Listing[Sequence]:
    """Give a request the position of a later packet of the same event, unless it is less certain.

    A circle that has shrunk below a field may be wanted observed in another way: the later packet's strategy says how.

    :return: the sequences that were changed: those that have not begun, and one that is being observed elsewhere
    """
    alert.request = request
    best = session.scalars(select(Alert.error_deg).where(Alert.request_id == request.id, Alert.id != alert.id)).all()
    known = [error_deg for error_deg in best if error_deg is not None]
    if known and (alert.error_deg is None or alert.error_deg > min(known)):
        return []
    assert alert.ra_deg is not None and alert.dec_deg is not None  # the gate let it pass
    changed = [s for s in request.sequences if s.status in _UNBEGUN or _moves(s, alert)]
    for sequence in changed:
        sequence.ra_deg, sequence.dec_deg = alert.ra_deg, alert.dec_deg
        if alert.strategy is not None and not unusable(session, alert.strategy.observation):
            way = _recipe(alert.strategy.observation, alert.trigger_id)
            sequence.recipe, sequence.parameters = way["recipe"], way["parameters"]
    return changed


def _moves(sequence: Sequence, alert: Alert) -> bool:
    """Tell whether what is being observed lies so far off that the telescope should go there."""
    if sequence.status is not SequenceStatus.EXECUTING or alert.ra_deg is None or alert.dec_deg is None:
        return False
    return separation_deg(sequence.ra_deg, sequence.dec_deg, alert.ra_deg, alert.dec_deg) > _RECENTRE_DEG


def withdraw_request(session: Session, alert: Alert, request: Request, cited: Collection[str]) -> Listing[Sequence]:
    """Close a request whose event was retracted, unless it has ended, or another satellite stands by it.

    What has not begun is cancelled; whoever runs the night interrupts what runs, and keeps its images.

    :param alert: the retraction
    :param cited: IVORNs that it names
    :return: the sequences that must not be observed any more
    """
    reason = f"retracted by {alert.ivorn}"
    others_stand = False
    for earlier in session.scalars(select(Alert).where(Alert.request_id == request.id, Alert.id != alert.id)):
        if earlier.status is AlertStatus.RETRACTED:
            continue
        if earlier.stream == alert.stream or earlier.ivorn in cited:
            earlier.become(AlertStatus.RETRACTED, reason)
        else:
            others_stand = True
    if others_stand or request.status not in UNENDED:
        return []
    unbegun = [s for s in request.sequences if s.status in _UNBEGUN]
    for sequence in unbegun:
        sequence.become(SequenceStatus.CANCELLED, reason)
    request.become(RequestStatus.CANCELLED, reason)
    return unbegun + [s for s in request.sequences if s.status is SequenceStatus.EXECUTING]


def _named(session: Session, model: Any, column: Any, name: str, strategy: Strategy) -> Any:
    found = session.scalars(select(model).where(column == name)).one_or_none()
    if found is None:
        raise _unusable(strategy, f"there is no {model.__tablename__} named {name!r}")
    return found


def _unusable(strategy: Strategy, why: str) -> UnusableStrategy:
    return UnusableStrategy(f"the observation of strategy {strategy.name!r} can't be used: {why}")


def _recipe(wishes: dict[str, Any], trigger_id: str) -> dict[str, Any]:
    """Give recipe and parameters, with the event's name in their texts."""
    recipe, parameters = wishes.get("recipe", OBSERVE), wishes.get("parameters", {})
    if not isinstance(recipe, str) or not isinstance(parameters, dict):
        raise TypeError("recipe must be a name, parameters must be an object")
    name = re.sub(r"[^\w.-]", "_", trigger_id)
    own = cast("dict[str, Any]", parameters)
    return {
        "recipe": recipe,
        "parameters": {k: v.replace(_EVENT, name) if isinstance(v, str) else v for k, v in own.items()},
    }


def _album(channel: str, plans: list[dict[str, Any]]) -> Album:
    return Album(channel=Channel(channel), plans=[Plan(**plan) for plan in _plans(plans)])


def _plans(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "filter": str(plan["filter"]),
            "exposure_time_s": float(plan["exposure_time_s"]),
            "number_of_images": int(plan.get("number_of_images", 1)),
        }
        for plan in plans
    ]
