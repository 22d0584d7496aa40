"""Scenarios: what happens to the weather, the sensors and the devices of a simulated night, and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

import fastjsonschema

_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens.

    :param at: seconds after the scenario begins, or mean solar time ``HH:MM[:SS]`` of the site
    :param key: what; see ``scenario.schema.json``
    :param value: its new value; None ends what an earlier event of this key did
    :param ramp_s: time from the old value to the new
    """

    at: float | str
    key: str
    value: float | bool | str | None
    ramp_s: float = 0.0

    @property
    def word(self) -> float | str:
        """The value as a word of the grammar."""
        if self.value is None:
            return "auto"
        return str(self.value).lower() if isinstance(self.value, bool) else self.value

    def delay_s(self, now_unix_s: float, longitude_deg: float) -> float:
        """Tell how long after ``now_unix_s``, the scenario's beginning, it happens.

        :param longitude_deg: of the site, east
        """
        if not isinstance(self.at, str):
            return float(self.at)
        parts = [int(part) for part in self.at.split(":")]
        wanted_s = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
        return (wanted_s - (now_unix_s + longitude_deg / 360 * _DAY_S)) % _DAY_S


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script of events.

    :param name: its name
    :param about: what it teaches
    :param events: in any order
    """

    name: str
    about: str
    events: tuple[Event, ...]

    @classmethod
    def read(cls, path: Path) -> Scenario:
        """Read a scenario file.

        :raises ValueError: if it can't be read, or is not of the schema; the text says where
        """
        try:
            document: object = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"the scenario can't be read: {error}") from None
        except ValueError as error:
            raise ValueError(f"{path}: not JSON: {error}") from None
        try:
            _validate(document)
        except fastjsonschema.JsonSchemaValueException as error:
            raise ValueError(f"{path}: {error.message}") from None
        values = cast("dict[str, Any]", document)
        events = (Event(e["at"], e["key"], e["value"], float(e.get("ramp", 0.0))) for e in values["events"])
        return cls(values["name"], values["about"], tuple(events))


def _validate(document: object) -> None:
    _validator()(document)


@cache
def _validator() -> Callable[[object], object]:
    text = resources.files("instruments.pyros").joinpath("scenario.schema.json").read_text(encoding="utf-8")
    return fastjsonschema.compile(json.loads(text))
