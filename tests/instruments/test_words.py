"""Every word that client and simulators use is in grammar.json, and every word there is served."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import instruments.pyros
from instruments.clock import Clock
from instruments.pyros import grammar
from simulators import Host, SimulatorConfig, Site

CLIENT = Path(instruments.pyros.__path__[0])


def _upper_words(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z][A-Z_]+", text)}


def test_every_word_of_the_client_is_in_the_grammar() -> None:
    known = {word for key in grammar().entries for word in key}
    used = {path.name: _upper_words(path) - {"OK", "ERROR"} for path in CLIENT.glob("[!_]*.py")}
    assert {"COORD_RADEC", "START"} <= used["telescope.py"]
    assert {name: words - known for name, words in used.items() if words - known} == {}


def test_the_simulators_serve_every_word_and_no_other() -> None:
    host = Host(SimulatorConfig.default(), Clock(), Site(), seed=1)
    served = {(port.word, action, name) for port in host.ports.values() for action, name in port.handlers}
    assert served == set(grammar().entries)


def test_the_file_is_the_only_source() -> None:
    document = json.loads((CLIENT / "grammar.json").read_text(encoding="utf-8"))
    assert set(document["errors"]) == {"syntax", "unknown", "range", "refused", "busy", "fault"}
