"""Rehearse a recipe: in a process of its own, so that no agent, log or device of the real night is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from astropy.time import Time

from pyros_kernel.clock import to_unix_s
from pyros_kernel.recipes.carry import as_file
from pyros_kernel.recipes.errors import Refused
from pyros_kernel.recipes.host import Host
from pyros_kernel.recipes.loan import Needs
from pyros_kernel.recipes.obstacles import obstacles
from pyros_kernel.recipes.parameters import Field, to_json
from pyros_kernel.recipes.timeline import Timeline
from pyros_kernel.services import Services
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Store, dump

SPEED = 200.0
_MODULE = "pyros_kernel.commands.recipe_rehearsal"  # above this room, so found by name
_LIMIT_REAL_S = 600.0
_SEQUENCE = "sequence"  # parameter of a recipe that observes one
# What a rehearsal must know of the store; other sequences stay out of it, so that its night has nothing else to do.
_TAKEN = ("common.Site", "common.Device", "common.Filter", "auth.User", "common.ScientificProgramme")
_ALERTS = ("common.Strategy", "common.Request", "common.Alert")
_SEQUENCES = ("common.Sequence", "common.Album", "common.Plan")
_LATER = "2200-01-01T00:00:00+00:00"  # from when on the rehearsal's own night may observe it


class Rehearsed(Protocol):
    """What a rehearsal needs of a recipe."""

    name: str
    source: str
    function: Callable[..., Any]
    needs: Needs
    fields: tuple[Field, ...]

    def read(self, arguments: Mapping[str, Any], store: Store | None) -> dict[str, Any]:
        """Make its arguments of what was given."""
        ...


def rehearse(recipe: Rehearsed, host: Host | Services | None, arguments: Mapping[str, Any]) -> Timeline:
    """Run a recipe against simulators of its own, on a fast clock.  Takes seconds, and blocks for them.

    :param host: the observatory whose site, devices and alerts are taken; those of the first fixture if None
    :param arguments: those of the recipe, and ``at`` and ``speed``
    :raises BadArgument: naming the argument and what would do
    :raises Refused: if the rehearsal itself can't be done; says what it said
    """
    given = dict(arguments)
    at, speed = given.pop("at", None), float(given.pop("speed", SPEED))
    services = host if isinstance(host, Services) or host is None else host.services
    read = recipe.read(given, services.store if services else None)
    with tempfile.TemporaryDirectory(prefix="pyros-rehearsal-") as directory:
        folder = Path(directory)
        source = recipe.source
        if not source:
            (folder / "recipe.py").write_text(as_file(recipe.name, recipe.function), encoding="utf-8")
            source = f"{folder / 'recipe.py'}:{recipe.name}"
        if services is not None:
            taken = json.loads(dump(services.store, (*_TAKEN, *_ALERTS)))
            if any(field.name == _SEQUENCE for field in recipe.fields):
                taken += _sequence(services.store, int(read.get(_SEQUENCE, 0)))
            (folder / "store.json").write_text(json.dumps(taken), encoding="utf-8")
        order = {
            "recipe": source,
            "arguments": {name: to_json(value) for name, value in read.items()},
            "at_unix_s": _moment_s(recipe, services, at),
            "speed": speed,
            "store": str(folder / "store.json") if services is not None else "",
            "data": str(folder / "data"),
            "sky": recipe.needs is Needs.SKY,
        }
        found = Timeline.from_json(_ask(order, folder / "said.txt"))
    return found if services is None else replace(found, now=tuple(obstacles(host, services, recipe.needs)))


def _sequence(store: Store, sequence_id: int) -> list[dict[str, Any]]:
    """Give the objects of a sequence as it was before anything of it was taken, for a fixture."""
    of_kind: dict[str, list[dict[str, Any]]] = {}
    for entry in json.loads(dump(store, _SEQUENCES)):
        of_kind.setdefault(entry["model"], []).append(entry)
    sequences = [s for s in of_kind.get("common.sequence", []) if s["pk"] == sequence_id]
    albums = [a for a in of_kind.get("common.album", []) if a["fields"]["sequence"] == sequence_id]
    mine = {album["pk"] for album in albums}
    plans = [p for p in of_kind.get("common.plan", []) if p["fields"]["album"] in mine]
    for sequence in sequences:
        alone = {"after": None, "first_night": None, "nights": None, "chain": None}
        sequence["fields"] |= {"status": "observable", "window_start": _LATER, "window_end": None, **alone}
    for plan in plans:
        plan["fields"]["status"] = "pending"
    return [*sequences, *albums, *plans]


def _moment_s(recipe: Rehearsed, services: Services | None, at: Time | str | None) -> float | None:
    if at is not None:
        return to_unix_s(Time(at, scale="utc"))
    if services is None:
        return None
    night = services.sky.night
    middle_s = (night.dusk_unix_s + night.dawn_unix_s) / 2
    return middle_s if recipe.needs is Needs.SKY else night.sunset_unix_s - 600.0


def _ask(order: dict[str, Any], said: Path) -> dict[str, Any]:
    """Start the rehearsal's process, give it the order, and take what it found."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYROS_")}
    with (
        said.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=environment,
            start_new_session=True,  # an interrupt of the kernel reaches it through us
        ) as process,
    ):
        try:
            out, _ = process.communicate(json.dumps(order).encode(), timeout=_LIMIT_REAL_S)
        except subprocess.TimeoutExpired:
            raise Refused(f"the rehearsal took longer than {_LIMIT_REAL_S:.0f} s and was ended") from None
        finally:
            process.kill()  # its simulators end with it
    lines = out.decode().splitlines()
    if process.returncode != 0 or not lines:
        last = said.read_text(errors="replace")[-1500:]
        raise Refused(f"the rehearsal ended with status {process.returncode}; it said:\n{last}")
    return json.loads(lines[-1])
