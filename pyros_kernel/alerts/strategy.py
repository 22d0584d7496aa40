"""Which strategy wants an alert, and why the others don't.

``Strategy.conditions`` (all that are given must hold; an unknown key makes the strategy unusable):

- ``streams``: names of streams (``["SWIFT", "SVOM"]``); any if left out
- ``packet_types``: names (``["BAT_GRB_Pos", "XRT_Pos"]``); any if left out
- ``kinds``: kinds of packets (:class:`~pyros_kernel.alerts.streams.Kind`; ``["position"]``); any if left out
- ``max_error_deg``, ``min_error_deg``: largest and smallest error radius, degrees
- ``max_age_s``: longest time since the event, seconds; an unknown time is then refused
- ``min_significance``: smallest significance or signal-to-noise ratio; an unknown one is then refused
- ``observable``: true: only what can be observed now; false: only what can't
- ``roles``: roles of packets; ``["observation"]`` if left out, so that tests move nothing unless a strategy says so
- ``refuse``: Param → value that must not be (``{"StarTrack_Lost_Lock": "true"}``), compared without case
- ``require``: Param → value that must be

``Strategy.observation`` (see :mod:`pyros_kernel.alerts.request`): ``programme``, ``albums``, and optionally
``user``, ``priority_offset``, ``window_s``, ``recipe``, ``parameters``, ``min_altitude_deg``, ``max_sun_altitude_deg``,
``min_moon_separation_deg``.

Of several strategies that want an alert the one of largest ``order`` wins; the default one comes last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from pyros_kernel.alerts.packet import Packet
from pyros_kernel.alerts.streams import Kind
from pyros_kernel.store import Strategy

logger = logging.getLogger(__name__)

WhyNot = Callable[[Packet], str]
_UNPLACED = "nothing moves until another packet of the event brings one, or follow_alert is started with a sky map"
_SOON_S = 86400.0  # clocks and time scales differ by less, and a rehearsed night may be some hours early


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an alert.

    :param strategy: the strategy that wants it; None if it is ignored
    :param reasons: why it is ignored, or why other strategies did not want it; sentences for people
    """

    strategy: Strategy | None
    reasons: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether a request is made or changed."""
        return self.strategy is not None

    def __str__(self) -> str:
        return "; ".join(self.reasons)


def gate(packet: Packet, now_s: float, roles: Collection[str] = ("observation",)) -> str:
    """Say why no strategy may move anything for this packet; empty if one may.

    :param packet: the packet as it was read
    :param now_s: observatory time, unix seconds UTC
    :param roles: roles that strategies ask for
    """
    if (role := _role(packet)) not in roles:
        if role != packet.role:
            return f"{packet.packet_type} is a test, whatever its role says"
        return f"its role is {role}, not {_words(roles)}"
    if packet.is_retraction:
        return "it is a retraction"
    if problem := packet.position_problem:
        return problem if packet.kind is Kind.POINTING else f"{problem}: {_UNPLACED}"
    if problem := packet.time_problem:
        return problem
    if packet.event_utc is not None and packet.event_utc.timestamp() - now_s > _SOON_S:
        return f"its time, {packet.event_utc:%Y-%m-%d %H:%M}, can't be: it is yet to come"
    return ""


def _role(packet: Packet) -> str:
    """Give the role that counts: what says of itself that it is a test is one."""
    is_test = packet.role == "observation" and (packet.is_test or packet.kind is Kind.TEST)
    return "test" if is_test else packet.role


def _roles(strategy: Strategy) -> list[str]:
    """Give the roles that a strategy asks for: never one that is no event."""
    asked = strategy.conditions.get("roles", ("observation",)) if strategy.enabled else ()
    return [role for role in ("observation", "test") if role in asked]


def decide(packet: Packet, strategies: Iterable[Strategy], now_s: float, why_not: WhyNot | None = None) -> Decision:
    """Find the strategy that wants an alert.

    :param now_s: observatory time, unix seconds UTC
    :param why_not: says why a packet's position can't be observed now, or nothing
    """
    strategies = list(strategies)
    if refusal := gate(
        packet, now_s, ["observation", *{role for s in strategies for role in _roles(s)} - {"observation"}]
    ):
        return Decision(None, (refusal,))
    reasons: list[str] = []
    for strategy in sorted(strategies, key=lambda s: (s.is_default, -s.order, s.name)):
        objection = _objection(strategy, packet, now_s, why_not)
        if not objection:
            return Decision(strategy, tuple(reasons))
        reasons.append(f"strategy {strategy.name!r}: {objection}")
    return Decision(None, tuple(reasons) or ("no strategy is enabled",))


def _objection(strategy: Strategy, packet: Packet, now_s: float, why_not: WhyNot | None) -> str:
    if not strategy.enabled:
        return "it is switched off"
    try:
        if (role := _role(packet)) not in (roles := _roles(strategy)):
            return f"its role is {role}, not {_words(roles)}"
        if "observable" in strategy.conditions and why_not is not None:
            reason, wanted = why_not(packet), bool(strategy.conditions["observable"])
            if wanted is bool(reason):
                return reason or "it can be observed now"
        checks = [(_CHECKS[key], wanted) for key, wanted in strategy.conditions.items()]
        return next((why for check, wanted in checks if (why := check(wanted, packet, now_s))), "")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Whoever wrote it must hear of it, and the other strategies must still be asked.
        logger.error("strategy %r can't be used: condition %s is not understood", strategy.name, error)
        return f"it can't be used: condition {error} is not understood (known: {', '.join(_CHECKS)})"


def _stream(wanted: Any, packet: Packet, _now_s: float) -> str:
    return "" if packet.stream in list(wanted) else f"stream {packet.stream} is not among {_words(wanted)}"


def _type(wanted: Any, packet: Packet, _now_s: float) -> str:
    if packet.packet_type in list(wanted):
        return ""
    return f"packet type {packet.packet_type} is not among {_words(wanted)}"


def _kind(wanted: Any, packet: Packet, _now_s: float) -> str:
    return "" if packet.kind in list(wanted) else f"its kind, {packet.kind}, is not among {_words(wanted)}"


def _error(wanted: Any, packet: Packet, _now_s: float) -> str:
    if packet.error_deg is None:
        return "its error radius is not known"
    if packet.error_deg <= float(wanted):
        return ""
    return f"its error radius {packet.error_deg:g}° is larger than {float(wanted):g}°"


def _wide(wanted: Any, packet: Packet, _now_s: float) -> str:
    if packet.error_deg is None:
        return "its error radius is not known"
    if packet.error_deg >= float(wanted):
        return ""
    return f"its error radius {packet.error_deg:g}° is smaller than {float(wanted):g}°"


def _age(wanted: Any, packet: Packet, now_s: float) -> str:
    if packet.event_utc is None:
        return "its age is not known: the packet gives no time"
    age_s = now_s - packet.event_utc.timestamp()
    return "" if age_s <= float(wanted) else f"the event was {age_s:.0f} s ago, more than {float(wanted):.0f} s"


def _significance(wanted: Any, packet: Packet, _now_s: float) -> str:
    if packet.significance is None:
        return "its significance is not known"
    if packet.significance >= float(wanted):
        return ""
    return f"its significance {packet.significance:g} is less than {float(wanted):g}"


def _asked_before(_wanted: Any, _packet: Packet, _now_s: float) -> str:
    return ""


def _refuse(wanted: Any, packet: Packet, _now_s: float) -> str:
    found = [name for name, value in wanted.items() if _says(packet, name, value)]
    return f"{found[0]} is {packet.params[found[0]]}" if found else ""


def _require(wanted: Any, packet: Packet, _now_s: float) -> str:
    missing = [name for name, value in wanted.items() if not _says(packet, name, value)]
    return f"{missing[0]} is {packet.params.get(missing[0], 'not given')}" if missing else ""


def _says(packet: Packet, name: str, value: object) -> bool:
    return packet.params.get(name, "").lower() == str(value).lower()


def _words(wanted: Any) -> str:
    return ", ".join(map(str, wanted))


_CHECKS: dict[str, Callable[[Any, Packet, float], str]] = {
    "streams": _stream,
    "packet_types": _type,
    "kinds": _kind,
    "max_error_deg": _error,
    "min_error_deg": _wide,
    "max_age_s": _age,
    "min_significance": _significance,
    "observable": _asked_before,
    "roles": _asked_before,
    "refuse": _refuse,
    "require": _require,
}
