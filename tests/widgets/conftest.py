"""Panels without a browser: traits are looked at, buttons are clicked, an observatory is a picture."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import ipywidgets as W
import pytest
from ipywidgets.widgets.widget import _instances

_STAND_IN = Path(__file__).parents[1] / "browser" / "stand_in.py"


@pytest.fixture(scope="session")
def made_up() -> ModuleType:
    """The module of the made-up night, which the browser's kernel imports too."""
    spec = importlib.util.spec_from_file_location("stand_in", _STAND_IN)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def observatory(made_up: ModuleType) -> Any:
    """An observatory that is a picture of a night in full swing."""
    return made_up.StandIn()


@pytest.fixture(autouse=True)
def no_widget_left() -> Iterator[None]:
    """Fail a test that leaves a widget behind."""
    before = set(_instances)
    yield
    gc.collect()
    left = [w for key, w in _instances.items() if key not in before]
    for w in left:
        w.close()
    assert not left, f"widgets left behind: {left[:5]} and {len(left)} in all"


@pytest.fixture
def panel(observatory: Any) -> Iterator[Any]:
    """A night panel that only ``panel.refresh()`` refreshes."""
    from widgets import NightPanel
    from widgets.refresher import refresher

    made = NightPanel(observatory)
    refresher.remove(made)
    yield made
    made.close()


class Look:
    """What a panel shows: all its HTML, and its widgets by CSS class."""

    def __init__(self, panel: Any) -> None:
        self.all = list(_walk(panel._root))

    def card(self, name: str) -> str:
        """The HTML of everything below the widget of that class."""
        [top] = [w for w in self.all if f"pyros-{name}" in getattr(w, "_dom_classes", ())]
        return "".join(w.value for w in _walk(top) if isinstance(w, W.HTML))

    def button(self, name: str) -> W.Button:
        [found] = [w for w in self.all if isinstance(w, W.Button) and f"pyros-{name}" in w._dom_classes]
        return found

    @property
    def html(self) -> str:
        return "".join(w.value for w in self.all if isinstance(w, W.HTML) and "<style>" not in w.value)

    @property
    def chart(self) -> Any:
        [found] = [w for w in self.all if type(w).__name__ == "AltitudeChart"]
        return found

    @property
    def images(self) -> list[W.Image]:
        return [w for w in self.all if isinstance(w, W.Image)]


def _walk(widget: W.Widget) -> Iterator[W.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _walk(child)


@pytest.fixture
def look() -> type[Look]:
    return Look
