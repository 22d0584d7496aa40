"""Sorted, disjoint spans of time, as tuples of (start, end) in unix seconds."""

from __future__ import annotations

from collections.abc import Iterable

Spans = tuple[tuple[float, float], ...]


def intersection(a: Spans, b: Spans) -> Spans:
    """Give the times in both."""
    out: list[tuple[float, float]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if start < end:
            out.append((start, end))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(out)


def union(spans: Iterable[tuple[float, float]]) -> Spans:
    """Give the times in any of them, sorted; spans that touch become one."""
    out: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        elif start < end:
            out.append((start, end))
    return tuple(out)


def complement(spans: Spans, start: float, end: float) -> Spans:
    """Give the times from ``start`` to ``end`` that lie in none of them."""
    edges = [start]
    for a, b in spans:
        edges += [min(max(a, start), end), min(max(b, start), end)]
    edges.append(end)
    return tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b)
