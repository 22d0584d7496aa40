"""``@recipe``, recipes by name, and where they are found again after a crash or in another process."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, overload

from pyros_kernel.recipes.errors import UnknownRecipe
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.recipe import Recipe

_STANDARD = "pyros_kernel.recipes.standard"
_known: dict[str, Recipe] = {}


@overload
def recipe(function: Callable[..., Any], /) -> Recipe: ...
@overload
def recipe(*, needs: Needs | str = Needs.SKY) -> Callable[[Callable[..., Any]], Recipe]: ...
def recipe(
    function: Callable[..., Any] | None = None, /, *, needs: Needs | str = Needs.SKY
) -> Recipe | Callable[[Callable[..., Any]], Recipe]:
    """Make a recipe of a typed function.

    :param needs: ``sky`` (an open dome and the telescope), ``closed`` (the cameras, with the dome closed), or
        ``nothing``
    :raises TypeError: for a parameter that no form could ask for
    """

    def make(function: Callable[..., Any]) -> Recipe:
        made = Recipe(function, Needs(needs))
        _known[made.name] = made  # a later one of the same name takes its place, as in a notebook
        return made

    return make if function is None else make(function)


def recipes() -> dict[str, Recipe]:
    """Give the recipes that are known now, standard ones among them, by name."""
    importlib.import_module(_STANDARD)
    return dict(sorted(_known.items()))


def find(name: str, source: str = "") -> Recipe:
    """Find a recipe: by its name, as ``module:name``, or as ``file.py:name``.

    :param source: where it was found the last time
    :raises UnknownRecipe: if there is none; says which there are
    """
    place, _, short = name.rpartition(":")
    if place:
        return _from(place, short)
    known = recipes()
    if name in known:
        return known[name]
    place, _, short = source.rpartition(":")
    if place:
        return _from(place, short)
    there = ", ".join(known)
    raise UnknownRecipe(f"no recipe {name!r}; there are {there}, and your own as module:name or file.py:name")


def _from(place: str, name: str) -> Recipe:
    try:
        module = _load_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except (ImportError, OSError) as error:
        raise UnknownRecipe(f"no recipe {name!r} in {place}: {error}") from error
    found = getattr(module, name, None)
    if not isinstance(found, Recipe):
        raise UnknownRecipe(f"{place} has no recipe {name!r}")
    return found


def _load_file(path: Path) -> ModuleType:
    name = f"pyros_recipes_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # types in its annotations are looked up there
    spec.loader.exec_module(module)
    return module
