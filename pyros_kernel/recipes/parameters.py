"""A recipe's parameters, read from its signature: what a form, the command line and the queue are made from."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from pyros_kernel.recipes.errors import BadArgument
from pyros_kernel.recipes.readers import READERS
from pyros_kernel.recipes.target import Target
from pyros_kernel.store import Store

_UNITS = {"time": u.s, "angle": u.deg, "length": u.m, "temperature": u.deg_C, "angular speed": u.deg / u.s}
_SIMPLE = {int: "integer", float: "number", str: "text", Target: "target", SkyCoord: "coordinates", Time: "time"}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter in plain words, enough to draw a form's line.

    :param kind: ``quantity``, ``integer``, ``number``, ``flag``, ``text``, ``choice``, ``target``,
        ``coordinates``, ``time`` or ``texts`` (several, with commas between)
    :param unit: of a quantity; any unit that converts to it may be given
    :param choices: what a choice may be
    :param default: as text or JSON has it; None if it is required, or may be left empty
    :param optional: whether it may be left empty
    """

    name: str
    kind: str
    help: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()
    required: bool = True
    optional: bool = False
    default: Any = None
    type: Any = None

    def read(self, value: Any, store: Store | None = None) -> Any:
        """Make the argument of what was given: an object of the right kind, text, or JSON.

        :param store: where targets are looked up by name
        :raises BadArgument: naming the parameter and what would do
        """
        if value is None or (isinstance(value, str) and not value.strip() and self.optional):
            if self.optional:
                return None
            raise BadArgument(f"{self.name}: a value is needed")
        try:
            return READERS[self.kind](self, value, store)
        except BadArgument:
            raise
        except (ValueError, TypeError, u.UnitsError) as error:
            raise BadArgument(f"{self.name}: {value!r} is no {self.kind}: {error}") from None

    def describe(self) -> dict[str, Any]:
        """Describe it in plain values."""
        keys = ("name", "kind", "help", "unit", "required", "optional", "default")
        return {**{key: getattr(self, key) for key in keys}, "choices": list(self.choices)}


def fields_of(function: Callable[..., Any]) -> tuple[Field, ...]:
    """Read a recipe's fields from its signature, without its first parameter, which is the run's steps.

    :raises TypeError: for a parameter without a type, or of one that no form could ask for
    """
    hints = get_type_hints(function, include_extras=True)
    helps = _helps(function.__doc__ or "")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise TypeError(f"recipe {function.__name__}: its first parameter must take the run's steps")
    return tuple(_field(function.__name__, p, hints.get(p.name), helps.get(p.name, "")) for p in parameters[1:])


def read_arguments(
    fields: tuple[Field, ...], given: Mapping[str, Any], store: Store | None, *, name: str
) -> dict[str, Any]:
    """Make a recipe's arguments of what was given.

    :raises BadArgument: naming what is missing, unknown or not right
    """
    known = {field.name for field in fields}
    if unknown := sorted(set(given) - known):
        raise BadArgument(f"recipe {name} has no parameter {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    if missing := [field.name for field in fields if field.required and field.name not in given]:
        raise BadArgument(f"recipe {name} needs {', '.join(missing)}")
    return {field.name: field.read(given[field.name], store) for field in fields if field.name in given}


def to_json(value: Any) -> Any:
    """Write an argument so that its field can read it back."""
    match value:
        case u.Quantity():
            return f"{float(value.value)!r} {value.unit}"
        case Target():
            return {"name": value.name, "ra_deg": value.ra_deg, "dec_deg": value.dec_deg}
        case SkyCoord():
            return to_json(Target.of(value))
        case Time():
            return str(value.utc.isot)
        case Enum():
            return value.value
        case tuple() | list():
            return [to_json(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


def _field(recipe: str, parameter: inspect.Parameter, hint: Any, help_: str) -> Field:
    where = f"recipe {recipe}: parameter {parameter.name}"
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY) or hint is None:
        raise TypeError(f"{where}: give it a name and a type, so that forms and the command line can ask for it")
    inner, optional = _without_none(hint)
    kind, unit, choices, type_ = _kind(inner, where)
    required = parameter.default is inspect.Parameter.empty
    default = None if required else to_json(parameter.default)
    return Field(parameter.name, kind, help_, unit, choices, required, optional, default, type_)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        rest = [part for part in get_args(hint) if part is not type(None)]
        if len(rest) == 1 and len(get_args(hint)) == 2:
            return rest[0], True
    return hint, False


def _kind(hint: Any, where: str) -> tuple[str, str, tuple[str, ...], Any]:
    if get_origin(hint) is Annotated:
        base, *notes = get_args(hint)
        units = [unit for note in notes if (unit := _unit(note)) is not None]
        if base is u.Quantity and units:
            return "quantity", str(units[0]), (), None
        hint = base
    if get_origin(hint) is Literal:
        return "choice", "", tuple(str(word) for word in get_args(hint)), None
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "choice", "", tuple(str(member.value) for member in hint), hint
    if hint is bool:
        return "flag", "", (), None
    if hint in _SIMPLE:
        return _SIMPLE[hint], "", (), None
    if get_origin(hint) in (tuple, list) and get_args(hint)[0] is str:
        return "texts", "", (), None
    raise TypeError(
        f"{where}: no form can ask for {hint!r}; use Annotated[u.Quantity, u.s], int, float, bool, str, "
        "tuple[str, ...], an Enum, a Literal, Target, SkyCoord, Time, or one of them with None"
    )


def _unit(note: Any) -> u.UnitBase | None:
    if isinstance(note, u.PhysicalType):
        return next((unit for word, unit in _UNITS.items() if note == word), None)
    return note if isinstance(note, u.UnitBase) else None


def _helps(text: str) -> dict[str, str]:
    found = re.findall(r":param (\w+):\s*(.*?)(?=\n\s*:|\n\s*\n|\Z)", text, re.DOTALL)
    return {name: " ".join(words.split()) for name, words in found}
