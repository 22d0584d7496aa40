"""What every panel is: parts over one observatory, kept fresh, and closed without a trace."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import ipywidgets as W

from pyros_kernel.snapshot import Snapshot
from widgets.card import Part
from widgets.controls import Control
from widgets.errors import ErrorBar
from widgets.observed import Observed
from widgets.places import put_at
from widgets.pulse import Pulse
from widgets.refresher import refresher
from widgets.writing import close_tree

logger = logging.getLogger(__name__)

_open: dict[tuple[type, str | int], Panel] = {}
_open_lock = threading.Lock()


class Panel:
    """A panel on an observatory; another of the same kind on the same observatory closes this one.

    It can be displayed any number of times; all its views show the same.

    :param observatory: what it shows and commands
    :param name: what it is called where only text can be shown
    """

    def __init__(self, observatory: Observed, name: str) -> None:
        self.observatory, self.name = observatory, name
        # One writer at a time: hold_sync on one widget from two threads breaks ipywidgets.
        self._lock = threading.RLock()
        self._closed = False
        self._slow, self._pending = threading.Lock(), ""
        self._parts: Sequence[Part] = ()
        self._troubles: dict[object, str] = {}
        self._pulse, self._errors = Pulse(), ErrorBar()
        self._root = W.VBox()
        self._root.add_class("pyros-panel")
        self._sides: list[W.Widget] = []

    def show(self, loc: str = "inline") -> None:
        """Show it here or beside the notebook; as often as you like, all views are one panel.

        :param loc: ``inline``, ``sidecar``, or ``sidecar:`` with ``split-right``, ``split-left``, ``split-top``,
            ``split-bottom``, ``tab-before``, ``tab-after`` or ``right``
        :raises ValueError: if there is no such place, or the package sidecar is missing
        """
        side = put_at(loc, self, self.name)
        if side is not None:
            self._sides.append(side)

    def _show(self, parts: Sequence[Part], layout: Callable[[W.Widget, W.Widget], Sequence[W.Widget]]) -> None:
        """Take the parts, lay them out (given pulse and error bar), draw them, and keep them fresh."""
        self._parts = parts
        self._root.children = tuple(layout(self._pulse.widget, self._errors.widget))
        key = self._key()
        with _open_lock:
            former, _open[key] = _open.get(key), self
        if former is not None:
            former.close()
        self.refresh()
        with self._lock:
            if not self._closed:  # another panel may have taken its place meanwhile
                refresher.add(self)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def errors(self) -> tuple[str, ...]:
        """What went wrong in the panel itself: commands that were refused, parts that could not be drawn."""
        return self._errors.own

    def refresh(self) -> None:
        """Pull a snapshot and write what changed; the refresher does it a few times a second."""
        snapshot = self._snapshot()
        with self._lock:
            if self._closed:
                return
            if snapshot is not None:
                # A snapshot that nobody renews is as dead as none: the pulse stops, and the panel says so.
                self._pulse.beat(time.monotonic() - snapshot.taken_real_s if snapshot.running else 0.0)
                for part in self._parts:
                    self._draw(part, snapshot)
            self._errors.draw(snapshot)

    def close(self) -> None:
        """Take the panel and everything in it away; again is harmless."""
        with _open_lock:
            key = self._key()
            if _open.get(key) is self:
                del _open[key]
        with self._lock:
            if not self._closed:
                self._closed = True
                for side in self._sides:
                    close_tree(side)
                close_tree(self._root)
        refresher.remove(self)

    def _key(self) -> tuple[type, str | int]:
        """Tell panels apart: one of each kind for each place, as a cell that is run again makes new objects."""
        return type(self), getattr(self.observatory, "place", id(self.observatory))

    def _act(self, control: Control) -> None:
        """Give a command and return at once; a slow one runs beside, one at a time."""
        if not control.slow:
            self._give(control)
        elif self._slow.acquire(blocking=False):
            self._pending = control.name
            threading.Thread(target=self._give_slowly, args=(control,), name="pyros-command", daemon=True).start()
            refresher.poke()

    def _give_slowly(self, control: Control) -> None:
        try:
            self._give(control)
        finally:
            self._pending = ""
            self._slow.release()
            refresher.poke()

    def _give(self, control: Control) -> None:
        """Give a command; a refusal goes to the error bar, where ipywidgets would hide it."""
        try:
            control.command(self.observatory)
        except Exception as error:
            # Whatever it is, the one who pressed the button must see it.
            logger.exception("%s was refused", control.word)
            self._errors.note(f"{control.word}: {error or type(error).__name__}")
        refresher.poke()

    def _snapshot(self) -> Snapshot | None:
        try:
            snapshot = self.observatory.snapshot()
        except Exception as error:  # noqa: BLE001 - the panel outlives any failure, shows and logs it
            self._trouble("snapshot", f"The observatory can't be read: {error or type(error).__name__}", error)
            return None
        self._troubles.pop("snapshot", None)
        return snapshot

    def _draw(self, part: Part, snapshot: Snapshot) -> None:
        try:
            part.draw(snapshot)
        except Exception as error:  # noqa: BLE001 - one broken part must not hide the others; logged
            self._trouble(part, f"{type(part).__name__} can't be drawn: {error or type(error).__name__}", error)
        else:
            self._troubles.pop(part, None)

    def _trouble(self, where: object, text: str, error: Exception) -> None:
        if self._troubles.get(where) != text:  # once, not four times a second
            self._troubles[where] = text
            logger.error("%s", text, exc_info=error)
            self._errors.note(text)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        # A fixed text: notebooks are compared by it.
        bundle: dict[str, Any] = {} if self._closed else dict(self._root._repr_mimebundle_(**kwargs) or {})
        return bundle | {"text/plain": f"<{self.name}>"}

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
