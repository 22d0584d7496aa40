"""The style sheet, as every panel brings it along: a view in a side bar has no other."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as W

_CSS = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


def style_sheet() -> W.HTML:
    """Make the invisible widget that holds the style sheet."""
    sheet = W.HTML(f"<style>{_CSS}</style>")
    sheet.add_class("pyros-style")
    return sheet
