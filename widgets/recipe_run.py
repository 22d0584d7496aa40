"""The handle of a recipe as it lives in a notebook: progress, log, picture; pause, resume, and abort with a reason."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

import ipywidgets as W

from widgets.refresher import refresher
from widgets.style import style_sheet
from widgets.tones import run_tone
from widgets.words import clock_text, esc, frame, pill, span_text
from widgets.writing import close_tree, put

logger = logging.getLogger(__name__)

_LINES = 8
_KEPT = 12  # so many panels of runs that have ended stay on the page; older ones go
_shown: dict[int, RunPanel] = {}
_lock = threading.Lock()


class Steered(Protocol):
    """A run of a recipe, as its panel sees it; all of it may be called from any thread."""

    name: str

    @property
    def id(self) -> int: ...  # noqa: D102
    @property
    def ended(self) -> bool: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102
    @property
    def progress(self) -> float: ...  # noqa: D102
    @property
    def eta_s(self) -> float | None: ...  # noqa: D102
    @property
    def log(self) -> tuple[tuple[float, str], ...]: ...  # noqa: D102
    @property
    def picture(self) -> str: ...  # noqa: D102

    def pause(self, reason: str = ...) -> None: ...  # noqa: D102
    def resume(self) -> None: ...  # noqa: D102
    def abort(self, reason: str = ...) -> None: ...  # noqa: D102


def panel_of(run: Steered) -> RunPanel:
    """Give the one panel of a run, made the first time."""
    with _lock:
        panel = _shown.get(id(run))
        if panel is None or panel.run is not run or panel.closed:
            panel = _shown[id(run)] = RunPanel(run)
        over = [key for key, each in _shown.items() if each.run.ended and each is not panel]
        gone = [_shown.pop(key) for key in over[: max(0, len(over) - _KEPT)]]
    for each in gone:
        each.close()
    return panel


class RunPanel:
    """Show a run and steer it; it stops refreshing with the run's end.

    :param run: the handle
    """

    def __init__(self, run: Steered) -> None:
        self.run = run
        self.errors: list[str] = []
        self._lock = threading.RLock()
        self._closed = False
        self._head, self._log, self._picture = W.HTML(), W.HTML(), W.HTML()
        self._why = W.Text(description="Reason", placeholder="by hand", tooltip="Why it is paused or aborted")
        self._why.add_class("pyros-choice")
        self._pause = self._button("Pause", "Hold before the next step", lambda why: run.pause(why))
        self._resume = self._button("Resume", "Go on", lambda _why: run.resume())
        self._abort = self._button("Abort", "End it now, and stop its exposures", lambda why: run.abort(why))
        row = W.HBox([self._pause, self._resume, self._abort, self._why])
        row.add_class("pyros-row").add_class("pyros-toolbar")
        card = W.VBox([self._head, row, self._log, self._picture])
        card.add_class("pyros-card").add_class("pyros-run")
        self.root = W.VBox([style_sheet(), card])
        self.root.add_class("pyros-panel").add_class("pyros-single")
        self.refresh()
        if not run.ended:
            refresher.add(self)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def refresh(self) -> None:
        """Write what changed."""
        run = self.run
        ended = run.ended  # before the rest: what is drawn last is how it ended
        with self._lock:
            if self._closed:
                return
            left = "" if run.eta_s is None else f" · {span_text(run.eta_s)} left"
            why = f'<p class="why">{esc(run.reason)}</p>' if run.reason else ""
            trouble = "".join(f'<p class="trouble" role="alert">{esc(error)}</p>' for error in self.errors[-2:])
            bar = f'<p class="exposing"><progress value="{run.progress:.3f}" aria-label="progress"></progress></p>'
            said = f'<p role="status">{pill(run_tone(run.state), run.state)} {run.progress:.0%}{left}</p>'
            head = f"{said}{bar}{why}{trouble}"
            put(self._head, value=frame(f"Recipe {run.name}", head, f"run {run.id}"))
            lines = "".join(f"<li><time>{clock_text(at)}</time> {esc(text)}</li>" for at, text in run.log[-_LINES:])
            put(self._log, value=f'<ul role="log" aria-label="Log of the recipe">{lines}</ul>')
            put(self._picture, value=run.picture)
            paused = run.state == "paused"
            put(self._pause, disabled=ended or paused)
            put(self._resume, disabled=ended or not paused)
            put(self._abort, disabled=ended)
            put(self._why, disabled=ended)
        if ended:
            refresher.remove(self)

    def close(self) -> None:
        """Take it away; the run goes on."""
        refresher.remove(self)
        with self._lock:
            if not self._closed:
                self._closed = True
                close_tree(self.root)

    def _button(self, word: str, tooltip: str, do: Callable[[str], object]) -> W.Button:
        button = W.Button(description=word, tooltip=tooltip)
        button.add_class(f"pyros-run-{word.lower()}")

        def pressed(_: W.Button) -> None:
            try:
                do(str(self._why.value).strip() or "by hand")
            except Exception as error:  # ipywidgets would hide it, and whoever pressed must see it
                logger.exception("%s of recipe %s failed", word, self.run.name)
                self.errors.append(f"{word}: {error or type(error).__name__}")
            refresher.poke()

        button.on_click(pressed)
        return button

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = {} if self._closed else dict(self.root._repr_mimebundle_(**kwargs) or {})
        return bundle | {"text/plain": repr(self.run)}
