"""Reasons in words: why a block has the place it has, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf, isfinite

from pyros_kernel.scheduling.block import Block
from pyros_kernel.scheduling.intervals import Spans
from pyros_kernel.scheduling.visibility import Visibility


def utc(unix_s: float, date: bool = False) -> str:
    """Write a moment as ``03:12``, or as ``2026-11-22 03:12``; an open end as three dots."""
    if not isfinite(unix_s):
        return "…"
    return f"{datetime.fromtimestamp(unix_s, UTC):{'%Y-%m-%d %H:%M' if date else '%H:%M'}}"


def longest(spans: Spans) -> tuple[float, float] | None:
    """Give the longest span, the first of several."""
    return max(spans, key=lambda s: s[1] - s[0], default=None)


def fits(block: Block, spans: Spans) -> bool:
    """Whether a block is no longer than one of some spans."""
    return any(b - a >= block.duration_s for a, b in spans)


def never_possible(block: Block, seen: Visibility, plan: tuple[float, float], free: Spans) -> str | None:
    """Tell why a block can't be observed in this plan at all, or None if it can."""
    need = block.duration_s
    stretch = longest(seen.together)
    if fits(block, seen.together):
        return None
    if block.allowed and not seen.window:
        a, b = block.allowed[0][0], block.allowed[-1][1]
        return (
            f"window {utc(a, True)} to {utc(b, True)} UTC lies outside the plan, "
            f"{utc(plan[0], True)} to {utc(plan[1], True)} UTC"
        )
    if block.allowed and (width := max(b - a for a, b in block.allowed)) < need:
        return f"needs {need:.0f} s, its window is only {width:.0f} s long"
    if not seen.altitude:
        when, altitude = seen.highest
        return f"never above {block.min_altitude_deg:.1f}° in this plan (highest {altitude:.1f}° at {utc(when)} UTC)"
    if not seen.sun:
        return f"the Sun is never below {block.max_sun_altitude_deg:.1f}° in this plan"
    if not seen.moon:
        return f"the Moon is too near or too bright throughout ({_moon_limits(block)})"
    for further in seen.further:
        if not further.spans:
            return (
                f"never {further.constraint.label}: misses it by {-further.best:.2f} {further.constraint.unit} "
                f"at best, {utc(further.best_unix_s)} UTC"
            )
    if stretch is None:
        return f"never observable: {_limits(block, seen)} never hold at the same time"
    a, b = stretch
    return (
        f"needs {need:.0f} s, longest observable stretch is {b - a:.0f} s "
        f"({utc(a)} to {utc(b)} UTC; limited by {_limiting(block, seen, free, stretch)})"
    )


def out_of_reach(block: Block, seen: Visibility, ready_unix_s: float) -> str:
    """Tell that a block could still be observed if the telescope were there already."""
    last = max(b for a, b in seen.together if b - a >= block.duration_s) - block.duration_s
    return f"had to begin by {utc(last)} UTC, the telescope can't be there before {utc(ready_unix_s)}"


def no_room(block: Block, seen: Visibility, placed: Sequence[tuple[float, float, Block]]) -> str:
    """Tell which placed blocks hold the time in which a block could be observed."""
    rivals = [
        other for start, end, other in placed if any(start < last and first < end for first, last in seen.together)
    ]
    rivals.sort(key=lambda b: -b.priority)
    names = ", ".join(f"{b.label} (priority {b.priority:g})" for b in rivals[:3])
    more = f" and {len(rivals) - 3} more" if len(rivals) > 3 else ""
    a, b = seen.together[0][0], seen.together[-1][1]
    return (
        f"no room left between {utc(a)} and {utc(b)} UTC for {block.duration_s:.0f} s "
        f"at priority {block.priority:g}: "
        + (f"competes with {names}{more}" if names else "transitions take the time left")
    )


def over_quota(programme: str, needed_s: float, used_s: float, limit_s: float) -> str:
    """Tell that a quota keeps a block out."""
    return f"quota of {programme}: {used_s:.0f} s of {limit_s:.0f} s are planned, it needs {needed_s:.0f} s more"


def left_out(
    block: Block,
    seen: Visibility,
    placed: Sequence[tuple[float, float, Block]],
    plan: tuple[float, float],
    free: Spans,
    quotas: Mapping[str, float],
) -> str:
    """Tell why a block is not among those that are placed."""
    if (reason := never_possible(block, seen, plan, free)) is not None:
        return reason
    limit_s = quotas.get(block.programme, inf)
    used_s = sum(b.duration_s for _, _, b in placed if b.programme == block.programme)
    if used_s + block.duration_s > limit_s:
        return over_quota(block.programme, block.duration_s, used_s, limit_s)
    return no_room(block, seen, placed)


def _limits(block: Block, seen: Visibility) -> str:
    limits = [f"altitude above {block.min_altitude_deg:.1f}°", f"Sun below {block.max_sun_altitude_deg:.1f}°"]
    if block.min_moon_separation_deg > 0 or block.max_moon_illumination is not None:
        limits.append(_moon_limits(block))
    limits += [f.constraint.label for f in seen.further]
    if block.allowed:
        limits.append(f"window {utc(seen.window[0][0])} to {utc(seen.window[0][1])} UTC")
    return ", ".join(limits[:-1]) + f" and {limits[-1]}"


def _moon_limits(block: Block) -> str:
    words: list[str] = []
    if block.min_moon_separation_deg > 0:
        words.append(f"Moon {block.min_moon_separation_deg:.1f}° away")
    if block.max_moon_illumination is not None:
        words.append(f"Moon down or lit below {100 * block.max_moon_illumination:.0f} %")
    return " and ".join(words)


def _limiting(block: Block, seen: Visibility, free: Spans, stretch: tuple[float, float]) -> str:
    """Name what ends a stretch, on its left and its right."""
    named = (
        (f"altitude {block.min_altitude_deg:.1f}°", seen.altitude),
        (f"the Sun at {block.max_sun_altitude_deg:.1f}°", seen.sun),
        ("the Moon", seen.moon),
        ("its window", seen.window if block.allowed else ()),
        *((f.constraint.label, f.spans) for f in seen.further),
        ("the plan's own time", free),
    )
    sides: list[str] = []
    for side in (0, 1):
        for name, spans in named:
            if any(span[side] == stretch[side] for span in spans):
                sides.append(name)
                break
    return " and ".join(dict.fromkeys(sides))
