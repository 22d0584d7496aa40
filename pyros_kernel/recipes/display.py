"""How a run of a recipe shows itself in a notebook."""

from __future__ import annotations

import builtins
import time
from html import escape
from typing import Protocol

_LINES = 6


class Shown(Protocol):
    """What of a run is shown."""

    @property
    def id(self) -> int:
        """The run's number."""
        ...

    @property
    def name(self) -> str:
        """The recipe's name."""
        ...

    @property
    def state(self) -> str:
        """Where it stands."""
        ...

    @property
    def reason(self) -> str:
        """Why."""
        ...

    @property
    def progress(self) -> float:
        """How far it is."""
        ...

    @property
    def eta_s(self) -> float | None:
        """Observatory seconds to the end."""
        ...

    @property
    def picture(self) -> str:
        """What it drew last, as SVG."""
        ...

    @property
    def log(self) -> tuple[tuple[float, str], ...]:
        """Its last lines."""
        ...


def html(run: Shown) -> str:
    """Draw a run: bar, state, last lines, and what can be called; no colours of its own."""
    left = "" if run.eta_s is None else f", {_duration(run.eta_s)} left"
    why = f": {escape(run.reason)}" if run.reason else ""
    lines = "".join(f"<div>{_clock(at)} {escape(text)}</div>" for at, text in run.log[-_LINES:])
    return (
        f'<div role="status" aria-label="recipe {escape(run.name)}">'
        f"<b>{escape(run.name)}</b> #{run.id} {escape(run.state)}{why} "
        f'<progress max="1" value="{run.progress:.3f}"></progress> {run.progress:.0%}{left}'
        f'<div style="font-family: var(--jp-code-font-family, monospace); font-size: 90%">{lines}</div>{run.picture}'
        "<small><code>run.pause()</code> <code>run.resume()</code> <code>run.abort('why')</code> "
        "<code>await run</code>; show <code>run</code> again for news</small></div>"
    )


def text(run: Shown) -> str:
    """Describe a run in words that don't change with the clock."""
    return f"<recipe {run.name}: {run.state}>"


def _clock(unix_s: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(unix_s))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def in_notebook() -> bool:
    """Tell whether this is a notebook's kernel, which can show widgets."""
    shell = getattr(builtins, "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None
