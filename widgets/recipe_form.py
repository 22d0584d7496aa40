"""A recipe to fill in: an input for each parameter of its signature; buttons start, rehearse and queue it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import ipywidgets as W

from widgets.recipe_run import panel_of
from widgets.style import style_sheet
from widgets.words import esc, frame
from widgets.writing import close_tree, put

logger = logging.getLogger(__name__)

_AS_IT_IS = ""


class Fillable(Protocol):
    """A recipe, as its form sees it."""

    name: str

    @property
    def summary(self) -> str: ...  # noqa: D102
    def form(self) -> Sequence[Mapping[str, Any]]: ...  # noqa: D102
    def start(self, host: Any, **arguments: Any) -> Any: ...  # noqa: D102
    def rehearse(self, host: Any, **arguments: Any) -> Any: ...  # noqa: D102
    def enqueue(self, services: Any, arguments: Mapping[str, Any]) -> int: ...  # noqa: D102


class RecipeForm:
    """Ask for a recipe's arguments; what is wrong with them stands in the form.

    :param recipe: what is asked for
    :param host: the observatory
    """

    def __init__(self, recipe: Fillable, host: Any) -> None:
        self.recipe, self._host = recipe, host
        self.errors: list[str] = []
        self.run: Any = None
        self._busy: threading.Thread | None = None
        self._inputs = {str(field["name"]): _input(field) for field in recipe.form()}
        self._said, self._answer = W.HTML(), W.HTML()
        self._run = W.VBox()
        row = W.HBox(
            [
                self._button("Start", "Start it now; the cell stays free", self._start),
                self._button("Rehearse", "Run it against simulators, and show its timeline", self._rehearse),
                self._button("Queue", "Write it into the queue of recipes", self._queue),
            ]
        )
        row.add_class("pyros-row").add_class("pyros-toolbar")
        title = W.HTML(frame(f"Recipe {recipe.name}", f"<p>{esc(recipe.summary)}</p>"))
        card = W.VBox([title, *self._inputs.values(), row, self._said, self._answer])
        card.add_class("pyros-card").add_class("pyros-recipe-form")
        self.root = W.VBox([style_sheet(), card, self._run])
        self.root.add_class("pyros-panel").add_class("pyros-single")

    @property
    def values(self) -> dict[str, Any]:
        """What is filled in, as on the command line; an empty one is left to the recipe, or means none."""
        found: dict[str, Any] = {}
        for field in self.recipe.form():
            name = str(field["name"])
            value: Any = self._inputs[name].value
            if isinstance(value, str):
                value = value.strip()
                if not value and not (field["optional"] and field["default"] is not None):
                    continue
            found[name] = value
        return found

    def wait(self, timeout_s: float = 60.0) -> None:
        """Wait until what was pressed last is done with; real seconds."""
        if self._busy is not None:
            self._busy.join(timeout_s)

    def close(self) -> None:
        """Take it away; a run that it started goes on."""
        self.wait()
        self._run.children = ()
        close_tree(self.root)

    def _start(self, values: dict[str, Any]) -> None:
        started = self.recipe.start(self._host, **values)
        if not hasattr(started, "abort"):  # where another kernel commands it was rehearsed
            self._show(started)
            return
        self.run = started
        self._run.children = (panel_of(started).root,)
        put(self._said, value=f'<p role="status">run {started.id} has begun</p>')

    def _rehearse(self, values: dict[str, Any]) -> None:
        put(self._said, value='<p role="status">rehearses: some seconds</p>')
        self._show(self.recipe.rehearse(self._host, **values))

    def _queue(self, values: dict[str, Any]) -> None:
        number = self.recipe.enqueue(getattr(self._host, "services", self._host), values)
        put(self._said, value=f'<p role="status">run {number} waits: resume(obs, {number}), or the task run_recipe</p>')

    def _show(self, timeline: Any) -> None:
        put(self._said, value="")
        put(self._answer, value=timeline._repr_html_())

    def _button(self, word: str, tooltip: str, do: Callable[[dict[str, Any]], None]) -> W.Button:
        button = W.Button(description=word, tooltip=tooltip)
        button.add_class(f"pyros-form-{word.lower()}")

        def work(values: dict[str, Any]) -> None:
            try:
                do(values)
            except Exception as error:  # noqa: BLE001  # whoever pressed must see it, whatever it is
                logger.info("%s of recipe %s: %s", word, self.recipe.name, error)
                self.errors.append(str(error) or type(error).__name__)
                put(self._said, value=f'<p class="trouble" role="alert">{esc(self.errors[-1])}</p>')

        def pressed(_: W.Button) -> None:
            if self._busy is not None and self._busy.is_alive():
                return
            put(self._said, value="")
            name = f"pyros-recipe-form-{self.recipe.name}"
            self._busy = threading.Thread(target=work, args=(self.values,), name=name, daemon=True)
            self._busy.start()

        button.on_click(pressed)
        return button

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = dict(self.root._repr_mimebundle_(**kwargs) or {})
        return bundle | {"text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<form of recipe {self.recipe.name}>"


def _input(field: Mapping[str, Any]) -> W.Text | W.Dropdown | W.Checkbox:
    """Make an input whose label is seen and read aloud."""
    name, default = str(field["name"]), field["default"]
    unit = f" ({field['unit']})" if field["unit"] else ""
    needed = " Needed." if field["required"] else ""
    tooltip = f"{name}{unit}: {field['help']}.{needed}"
    label = f"{name}{' *' if field['required'] else ''}"
    made: W.Text | W.Dropdown | W.Checkbox
    if field["kind"] == "flag" and default is not None:
        made = W.Checkbox(value=bool(default), description=label, tooltip=tooltip, indent=False)
    elif field["kind"] in ("choice", "flag"):
        choices = list(field["choices"]) or ["yes", "no"]
        if field["optional"] or default is None:
            choices = [_AS_IT_IS, *choices]
        made = W.Dropdown(
            options=choices, value=default if default in choices else choices[0], description=label, tooltip=tooltip
        )
    else:
        text = ", ".join(default) if isinstance(default, list) else "" if default is None else str(default)
        made = W.Text(value=text, description=label, tooltip=tooltip, placeholder=field["unit"] or field["kind"])
    made.add_class("pyros-choice")
    return made
