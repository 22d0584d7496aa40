"""Take a recipe that lives in a notebook to another process: as source, with what it uses."""

from __future__ import annotations

import ast
import base64
import inspect
import pickle  # nosec B403
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from pyros_kernel.recipes.errors import Refused


def as_file(name: str, function: Callable[..., Any]) -> str:
    """Write a module that makes the same recipe.

    :param name: of the recipe
    :param function: what it was made of
    :raises Refused: if something that it uses can't be taken along
    """
    written: dict[str, str] = {}
    _function(function, written, name)
    return "\n".join(["from __future__ import annotations", *written.values()]) + "\n"


def _function(function: Callable[..., Any], written: dict[str, str], recipe: str) -> None:
    name = function.__name__
    if name in written:
        return
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        raise Refused(f"recipe {recipe}: the source of {name} is not to be had ({error}): put it into a file") from None
    if name != function.__qualname__:
        raise Refused(f"recipe {recipe}: {function.__qualname__} is made inside a function: put it into a file")
    written[name] = ""  # so that functions that call one another end here
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)} - {name}
    space: dict[str, Any] = function.__globals__
    for used in sorted(names & set(space)):
        if used not in written:
            _value(used, space[used], written, recipe)
    written[name] = written.pop(name) + source  # after what it uses


def _value(name: str, value: Any, written: dict[str, str], recipe: str) -> None:
    home, own = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if isinstance(value, ModuleType):
        written[name] = f"import {value.__name__} as {name}"
    elif home == "__main__" and isinstance(function := inspect.unwrap(value), FunctionType):  # a recipe wraps its own
        _function(function, written, recipe)
    elif isinstance(own, str) and home not in (None, "__main__") and "<" not in own and "." not in own:
        written[name] = f"from {home} import {own} as {name}"
    else:
        try:
            packed = base64.b64encode(pickle.dumps(value)).decode()
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise Refused(f"recipe {recipe} uses {name}, which can't be taken to another process: {error}") from None
        written[name] = f"import base64, pickle; {name} = pickle.loads(base64.b64decode({packed!r}))"
