"""Write to widgets sparingly, and take them away completely."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets as W


def put(widget: W.Widget, **traits: object) -> bool:
    """Set the traits that differ, in one message.

    :return: whether anything was written
    """
    changed = {name: value for name, value in traits.items() if getattr(widget, name) != value}
    if changed:
        with widget.hold_sync():
            for name, value in changed.items():
                setattr(widget, name, value)
    return bool(changed)


def close_tree(widget: W.Widget) -> None:
    """Close a widget and all it holds: children, layouts and styles, which ``close()`` leaves alive."""
    held: dict[str, W.Widget] = {}
    _gather(widget, held)
    for each in held.values():
        each.close()


def _gather(widget: W.Widget, held: dict[str, W.Widget]) -> None:
    # A closed widget has no model id any more: it and what it held were dealt with before.
    if widget.model_id is None or widget.model_id in held:
        return
    held[widget.model_id] = widget
    for inner in _inner(widget):
        _gather(inner, held)


def _inner(widget: W.Widget) -> Iterator[W.Widget]:
    for name in widget.keys:
        value = getattr(widget, name)
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, W.Widget):
                yield each
