"""The form of a recipe comes from its signature: what is filled in starts, rehearses and queues it."""

from __future__ import annotations

from typing import Any

import ipywidgets as W
from astropy import units as u

from pyros_kernel.recipes import observe, take_bias
from pyros_kernel.recipes.timeline import Timeline
from widgets.recipe_form import RecipeForm
from widgets.refresher import refresher


class Asked:
    """A recipe's signature, with what was asked of it."""

    def __init__(self, recipe: Any, run: Any = None) -> None:
        self._recipe, self._run = recipe, run
        self.name, self.summary, self.form = recipe.name, recipe.summary, recipe.form
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def _read(self, what: str, arguments: dict[str, Any]) -> None:
        self.asked.append((what, self._recipe.read(arguments, None)))

    def start(self, _host: Any, **arguments: Any) -> Any:
        self._read("start", arguments)
        return self._run

    def rehearse(self, _host: Any, **arguments: Any) -> Timeline:
        self._read("rehearse", arguments)
        return Timeline(self.name, "failed", "", "2022-09-30", 3.0, 200.0, (), ("slew: <low>",), now=("lease: taken",))

    def enqueue(self, _services: Any, arguments: dict[str, Any]) -> int:
        self._read("queue", arguments)
        return 12


class Run:
    """The handle of a run that was started."""

    def __init__(self) -> None:
        self.id, self.name, self.ended, self.state, self.reason = 7, "observe", False, "running", ""
        self.progress, self.eta_s, self.picture, self.log = 0.25, None, "", ()

    def pause(self, reason: str = "") -> None: ...
    def resume(self) -> None: ...
    def abort(self, reason: str = "") -> None: ...


def press(form: RecipeForm, word: str) -> None:
    def find(widget: Any) -> Any:
        if isinstance(widget, W.Button) and widget.description == word:
            return widget
        return next((found for child in getattr(widget, "children", ()) if (found := find(child))), None)

    find(form.root).click()
    form.wait(10)


def test_each_parameter_has_an_input_and_what_is_typed_is_read_as_on_the_command_line() -> None:
    recipe = Asked(observe)
    form = RecipeForm(recipe, None)
    try:
        kinds = {name: type(made).__name__ for name, made in form._inputs.items()}
        assert (kinds["target"], kinds["focus"], kinds["centre"]) == ("Text", "Dropdown", "Checkbox")
        assert form._inputs["target"].description == "target *" and "Needed" in form._inputs["target"].tooltip
        press(form, "Queue")
        assert "target" in form.errors[-1] and 'role="alert"' in form._said.value, "nothing was typed yet"
        form._inputs["target"].value = "M31"
        form._inputs["exposure"].value = "1 min"
        form._inputs["nir_filter"].value = ""
        form._inputs["centre"].value = False
        press(form, "Queue")
        (_, read) = recipe.asked[-1]
        assert read["target"].name == "M 31" and read["exposure"] == 60 * u.s
        assert (read["nir_filter"], read["vis_filter"], read["centre"], read["count"]) == (None, "r", False, 1)
        assert "run 12 waits" in form._said.value
        form._inputs["exposure"].value = "30"
        press(form, "Start")
        assert "exposure: &#x27;30&#x27; has no unit" in form._said.value
        assert repr(form) == form._repr_mimebundle_()["text/plain"] == "<form of recipe observe>"
    finally:
        form.close()


def test_a_rehearsal_is_shown_and_a_start_shows_its_handle() -> None:
    form = RecipeForm(recipe := Asked(observe, Run()), None)
    try:
        form._inputs["target"].value = "M31"
        press(form, "Rehearse")
        assert "slew: &lt;low&gt;" in form._answer.value and "at this moment" in form._answer.value
        press(form, "Start")
        assert recipe.asked[-1][0] == "start" and form.run.id == 7
        assert "pyros-single" in form._run.children[0]._dom_classes, "the handle, with its buttons"
    finally:
        from widgets.recipe_run import panel_of

        handle = panel_of(form.run)
        refresher.remove(handle)
        form.close()
        handle.close()


def test_several_words_and_a_default_of_a_list() -> None:
    form = RecipeForm(recipe := Asked(take_bias), None)
    try:
        assert form._inputs["channels"].value == "VIS, NIR"
        press(form, "Queue")
        assert recipe.asked == [("queue", {"count": 5, "channels": ("VIS", "NIR")})]
    finally:
        form.close()
