"""What a sequence of the store asks a recipe for: its target, its plans, and what its parameters add to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from astropy import units as u

from pyros_kernel.recipes.errors import BadArgument
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.recipe import Recipe
from pyros_kernel.recipes.registry import recipes
from pyros_kernel.recipes.target import Target
from pyros_kernel.store import Base, Channel, Sequence, Strategy
from pyros_kernel.store.request import OBSERVE

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """A plan: a filter, an exposure time, and how many images."""

    id: int
    filter: str
    exposure_s: float
    images: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sequence asks for.

    :param albums: the plans of each channel, in the order in which they are taken
    :param alert_id: of the alert that places it best, if one asked for it
    """

    recipe: str
    parameters: Mapping[str, Any]
    target: Target
    albums: Mapping[Channel, tuple[AskedPlan, ...]]
    alert_id: int | None = None

    @classmethod
    def of(cls, sequence: Sequence, alert_id: int | None = None) -> Asked:
        """Read it from the store's rows."""
        return cls(
            sequence.recipe,
            sequence.parameters,
            Target(sequence.target, sequence.ra_deg, sequence.dec_deg),
            {
                album.channel: tuple(
                    AskedPlan(plan.id, plan.filter, plan.exposure_time_s, plan.number_of_images) for plan in album.plans
                )
                for album in sequence.albums
                if album.plans
            },
            alert_id,
        )

    @classmethod
    def of_strategy(cls, strategy: Strategy) -> Asked:
        """Read what it will ask for; where is known with an alert.

        :raises BadArgument: if its observation is not understood
        """
        wishes = strategy.observation
        try:
            return cls(
                str(wishes.get("recipe", OBSERVE)),
                dict(wishes.get("parameters", {})),
                Target("alert", 0.0, 0.0),
                {
                    Channel(channel): tuple(
                        AskedPlan(0, str(p["filter"]), float(p["exposure_time_s"]), int(p.get("number_of_images", 1)))
                        for p in plans
                    )
                    for channel, plans in wishes.get("albums", {}).items()
                },
                alert_id=0,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadArgument(f"observation: not understood: {error!r}") from None

    @property
    def plans(self) -> list[AskedPlan]:
        """Those of all channels."""
        return [plan for plans in self.albums.values() for plan in plans]

    @property
    def lasts_s(self) -> float:
        """How long the longest channel exposes."""
        return max((sum(p.images * p.exposure_s for p in own) for own in self.albums.values()), default=0.0)

    def one(self, word: str, values: Iterable[T]) -> T:
        """Give what all of some values are.

        :raises BadArgument: if they differ, or there are none
        """
        different = list(dict.fromkeys(values))
        if len(different) != 1:
            there = " and ".join(str(value) for value in different) or "none"
            raise BadArgument(f"recipe {self.recipe} takes one {word}, and the sequence's plans have {there}")
        return different[0]

    def filter(self, channel: Channel) -> str:
        """Give the filter of a channel; empty if it has no plans."""
        plans = self.albums.get(channel, ())
        return self.one(f"filter on {channel}", (plan.filter for plan in plans)) if plans else ""


def recipe_for(asked: Asked) -> tuple[Recipe, dict[str, Any]]:
    """Find a sequence's recipe, and what it is given, as text, JSON or objects.

    A recipe's parameters named target, exposure, count (or points, or most: how many images), vis_filter and nir_filter
    (or channel and filter) and alert are filled by the sequence itself; its own parameters fill the others.

    :raises BadArgument: saying what is wrong with the sequence
    """
    known = recipes()
    recipe = known.get(asked.recipe)
    if recipe is None:
        there = ", ".join(name for name, one in known.items() if _looks_at_the_sky(one))
        raise BadArgument(f"there is no recipe {asked.recipe!r} here; there are {there}")
    if not _looks_at_the_sky(recipe):
        raise BadArgument(f"recipe {asked.recipe} does not look at the sky for a sequence")
    if said := sorted(set(asked.parameters) & set(_SAID)):
        raise BadArgument(f"{', '.join(said)}: the sequence's target and plans say that, not its parameters")
    wanted = [field.name for field in recipe.fields if field.name in _SAID]
    if asked.recipe == OBSERVE:
        wanted = ["target"]  # it takes several plans of a channel, one after the other
    given = {name: value for name in wanted if (value := _SAID[name](asked)) is not None}
    return recipe, {**given, **asked.parameters}


def why_unusable(row: Base) -> str:
    """Say what is wrong with the recipe of a sequence or a strategy; empty if nothing is, or if the row is neither."""
    try:
        match row:
            case Sequence():
                asked = Asked.of(row)
            case Strategy():
                asked = Asked.of_strategy(row)
            case _:
                return ""
        recipe, given = recipe_for(asked)
        recipe.read(given, None)
    except BadArgument as error:
        return f"recipe: {error}"
    return ""


def _looks_at_the_sky(recipe: Recipe) -> bool:
    return recipe.needs is Needs.SKY and not any(field.name == "sequence" for field in recipe.fields)


def _exposure(asked: Asked) -> u.Quantity:
    return asked.one("exposure time", (plan.exposure_s for plan in asked.plans)) * u.s


def _images(asked: Asked) -> int:
    return asked.one("number of images", (plan.images for plan in asked.plans))


#: name of a recipe's parameter → what the sequence says of it
_SAID: dict[str, Callable[[Asked], Any]] = {
    "target": lambda asked: asked.target,
    "exposure": _exposure,
    "count": _images,
    "points": _images,
    "most": _images,
    "vis_filter": lambda asked: asked.filter(Channel.VIS),
    "nir_filter": lambda asked: asked.filter(Channel.NIR),
    "channel": lambda asked: asked.one("channel", asked.albums),
    "filter": lambda asked: asked.one("filter", (plan.filter for plan in asked.plans)),
    "alert": lambda asked: asked.alert_id,
}
