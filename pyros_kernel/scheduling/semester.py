"""Many nights: plan each, lose what the weather takes, and count what every programme got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from pyros_kernel.scheduling.block import Block, Id, Transition
from pyros_kernel.scheduling.intervals import intersection, union
from pyros_kernel.scheduling.night import NoNight
from pyros_kernel.scheduling.outcome import Search
from pyros_kernel.scheduling.place import Place
from pyros_kernel.scheduling.planner import plan
from pyros_kernel.scheduling.sky import Sky


@dataclass(frozen=True, slots=True)
class Weather:
    """Statistics of a site's nights.

    :param clear: share of nights that are clear throughout
    :param lost: share of nights that are lost whole; the others lose one stretch, of a third of the night on average
    """

    clear: float = 0.5
    lost: float = 0.3

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        if not (self.clear >= 0 and self.lost >= 0 and self.clear + self.lost <= 1):
            raise ValueError(f"clear and lost nights are shares, together 1 at most: {self.clear}, {self.lost}")

    def blocked(self, start: float, end: float, rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
        """Draw what one night loses."""
        luck = float(rng.random())
        if luck < self.clear:
            return ()
        if luck < self.clear + self.lost:
            return ((start, end),)
        length = float(rng.uniform(0, 2 / 3)) * (end - start)
        begin = start + float(rng.random()) * (end - start - length)
        return ((begin, begin + length),)


@dataclass(frozen=True, slots=True)
class Telescope:
    """One of the telescopes that share the requests."""

    name: str
    place: Place
    transition: Transition
    weather: Weather


@dataclass(frozen=True, slots=True)
class Completion:
    """What one programme asked for and got.

    :param by_night: seconds observed until the end of each night
    """

    programme: str
    asked: int
    done: int
    asked_s: float
    done_s: float
    quota_s: float | None
    by_night: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Semester:
    """A simulated semester: which block was done in which night and where, and what each programme got."""

    nights: tuple[str, ...]
    done: dict[Id, tuple[str, str]]
    programmes: tuple[Completion, ...]
    lost_s: float
    dark_s: float


def simulate(
    blocks: Sequence[Block],
    telescopes: Sequence[Telescope],
    first_night: str,
    nights: int,
    *,
    quotas_percent: Mapping[str, float] | None = None,
    search: Search | None = None,
    seed: int = 0,
) -> Semester:
    """Observe for some nights; what was not done in one is asked for again in the next.

    :param quotas_percent: of the semester's dark time that each programme may have at most, on all telescopes
    :param search: as for :func:`plan`
    :param seed: of the weather: the same seed, the same semester
    """
    rng = np.random.default_rng(seed)
    names = [(date.fromisoformat(first_night) + timedelta(days=k)).isoformat() for k in range(nights)]
    skies = {(t.name, n): sky for t in telescopes for n in names if (sky := _sky(t, n)) is not None}
    dark_s = sum(sky.night.dawn_unix_s - sky.night.dusk_unix_s for sky in skies.values())
    limit = {p: percent / 100 * dark_s for p, percent in (quotas_percent or {}).items()}
    used = dict.fromkeys({b.programme for b in blocks}, 0.0)
    history: dict[str, list[float]] = {p: [] for p in used}
    left = {b.id: b for b in blocks}
    begun: dict[Id, float] = {}
    done: dict[Id, tuple[str, str]] = {}
    lost_s = 0.0
    for name in names:
        for telescope in telescopes:
            sky = skies.get((telescope.name, name))
            if sky is None:
                continue
            start, end = sky.night.sunset_unix_s, sky.night.sunrise_unix_s
            blocked = telescope.weather.blocked(start, end, rng)
            lost_s += sum(b - a for a, b in blocked)
            made = plan(
                [_open(b, left, begun) for b in left.values()],
                sky,
                telescope.transition,
                start_unix_s=start,
                end_unix_s=end,
                blocked=blocked,
                search=search,
                quotas={p: max(0.0, q - used[p]) for p, q in limit.items() if p in used},
            )
            for p in made.placed:
                block = left.pop(p.id)
                used[block.programme] += block.duration_s
                begun[p.id], done[p.id] = p.start_unix_s, (name, telescope.name)
        for programme, seconds in used.items():
            history[programme].append(seconds)
    return Semester(
        tuple(names), done, tuple(_completion(p, blocks, done, limit, history[p]) for p in sorted(used)), lost_s, dark_s
    )


def _sky(telescope: Telescope, name: str) -> Sky | None:
    sky = Sky(telescope.place, name)
    try:
        _ = sky.night
    except NoNight:
        return None
    return sky


def _open(block: Block, left: Mapping[Id, Block], begun: Mapping[Id, float]) -> Block:
    """Give a block as it is asked for tonight: what follows one that is done has a window of its own."""
    if block.after is None or block.after in left:
        return block
    at = begun[block.after]
    follows = ((at + block.gap_s[0], at + block.gap_s[1] + block.duration_s),)
    windows = intersection(union(block.allowed), follows) if block.allowed else follows
    return replace(block, after=None, window=None, windows=windows or ((at - 1.0, at),))


def _completion(
    programme: str,
    blocks: Sequence[Block],
    done: Mapping[Id, object],
    limit: Mapping[str, float],
    by_night: list[float],
) -> Completion:
    own = [b for b in blocks if b.programme == programme]
    got = [b for b in own if b.id in done]
    return Completion(
        programme,
        len(own),
        len(got),
        sum(b.duration_s for b in own),
        sum(b.duration_s for b in got),
        limit.get(programme),
        tuple(by_night),
    )
