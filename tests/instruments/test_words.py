"""Every word that client and simulators use is in grammar.json, and every word there is used and served."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import instruments.pyros
from instruments.clock import Clock
from instruments.pyros import grammar
from instruments.pyros.reference import forms
from simulators import Host, SimulatorConfig, Site

CLIENT = Path(instruments.pyros.__path__[0])
ERRORS = {"syntax", "unknown", "range", "refused", "busy", "fault"}
# Which devices a module of the client speaks of; what is in the others, all devices share.
SPEAKS_OF = {
    "camera.py": {"CAMERA_VIS", "CAMERA_NIR"},
    "control.py": {"SIMULATOR"},
    "dome.py": {"DOME"},
    "filter_wheel.py": {"FILTER_WHEEL"},
    "focuser.py": {"FOCUSER"},
    "plc.py": {"PLC"},
    "rotator.py": {"ROTATOR"},
    "telescope.py": {"TELESCOPE"},
    "weather.py": {"WEATHER_STATION", "PLC"},
}
# What no class of the client sends by itself: the guardian does, or people by the form of manual commands.
BY_OTHERS = {
    ("DOME", "SET", "WATCHDOG"),
    ("DOME", "DO", "WATCHDOG"),
    ("TELESCOPE", "SET", "COORD_HADEC"),
    ("TELESCOPE", "SET", "COORD_ALTAZ"),
    ("TELESCOPE", "SET", "ROTATOR_ANGLE"),
    ("TELESCOPE", "DO", "ROTATOR_GOTO"),
}


def _upper_words(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z][A-Z_]+", text)} - {"OK", "ERROR"}


def _words_of(devices: set[str]) -> set[str]:
    return {word for key in grammar().entries if key[0] in devices for word in key}


USED = {path.name: _upper_words(path) for path in CLIENT.glob("[!_]*.py")}


def test_every_word_of_the_client_is_in_the_grammar() -> None:
    assert {"COORD_RADEC", "START"} <= USED["telescope.py"]
    every = set(grammar().labels)
    unknown = {name: words - _words_of(SPEAKS_OF.get(name, every)) for name, words in USED.items()}
    assert {name: words for name, words in unknown.items() if words} == {}


def test_the_client_uses_every_word_or_leaves_it_to_others() -> None:
    shared = {word for name, words in USED.items() if name not in SPEAKS_OF for word in words}
    sent = {(device, word) for name, devices in SPEAKS_OF.items() for device in devices for word in USED[name] | shared}
    assert {key for key in grammar().entries if (key[0], key[2]) not in sent} == BY_OTHERS


def test_people_can_send_every_word() -> None:
    offered = {(form.device, form.action, form.operation) for device in grammar().labels for form in forms(device)}
    assert offered == set(grammar().entries)


def test_the_simulators_serve_every_word_and_no_other() -> None:
    host = Host(SimulatorConfig.default(), Clock(), Site(), seed=1)
    served = {(port.word, action, name) for port in host.ports.values() for action, name in port.handlers}
    assert served == set(grammar().entries)


def test_the_file_is_the_only_source() -> None:
    document = json.loads((CLIENT / "grammar.json").read_text(encoding="utf-8"))
    assert set(document["errors"]) == ERRORS
