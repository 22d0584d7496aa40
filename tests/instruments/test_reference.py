"""What is made from the grammar for people: the page in the docs, and forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from instruments.pyros import command, format_command, grammar, parse_command
from instruments.pyros.reference import Form, FormField, forms, page

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "grammar.md"


def test_the_page_in_the_docs_is_made_from_the_grammar() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(), (
        "python -m instruments.pyros.reference > docs/reference/grammar.md"
    )


def test_the_page_holds_every_word() -> None:
    text = page()
    for entry in grammar().entries.values():
        assert f"`{entry.action} {entry.name}`" in text
        assert all(f"`{field.name}`" in text for field in (*entry.fields, *entry.answer))


@pytest.mark.parametrize("device", grammar().labels)
def test_a_form_fills_every_command(device: str) -> None:
    for form in forms(device):
        assert form.title and form.help
        values = [_example(field) for field in form.fields]
        line = format_command(command(form.device, form.action, form.operation, *values))
        assert parse_command(line[:-1]).operation == form.operation


def _example(field: FormField) -> float | str:
    if field.default is not None:
        return field.default
    if field.kind in ("number", "angle"):
        return field.low if field.low is not None else 1.0
    return field.choices[0] if field.choices else "J2000"


def test_a_form_says_what_a_widget_needs() -> None:
    form = next(f for f in forms("CAMERA_VIS") if f.operation == "EXPOSURE")
    assert (form.title, form.ours) == ("Visible camera: Exposure", True)
    seconds, kind = form.fields
    assert (seconds.kind, seconds.unit, seconds.low, seconds.high) == ("number", "s", 0, 3600)
    assert (kind.kind, kind.choices, kind.default) == ("choice", ("light", "bias", "dark", "flat"), "light")
    slew = next(f for f in forms("TELESCOPE") if f.operation == "COORD_RADEC")
    assert isinstance(slew, Form) and not slew.ours
    assert "12h05m17.3s" in slew.fields[0].hint
    with pytest.raises(ValueError, match="no device 'BALLOON' in the language; it has TELESCOPE"):
        forms("BALLOON")
