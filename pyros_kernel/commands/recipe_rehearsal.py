"""A rehearsal as a process (``python -m pyros_kernel.commands.recipe_rehearsal``): reads an order, says what it met."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from astropy import units as u
from astropy.time import Time

from instruments import FrameKind
from pyros_kernel.cancellation import Cancellation
from pyros_kernel.observatory import Observatory
from pyros_kernel.opening import first_fixtures
from pyros_kernel.recipes import RecipeRun, find
from pyros_kernel.recipes.errors import RecipeAborted, RecipeInterrupted, Refused
from pyros_kernel.recipes.standard.frames import context_of
from pyros_kernel.recipes.target import Target
from pyros_kernel.scheduling import Sky
from pyros_kernel.store import Night, NightStatus, Store, load
from pyros_kernel.tasks.exposing import analyse_or_log, take_frame

_NIGHT = "2022-09-29"  # of a rehearsal without an observatory
_OPEN_REAL_S = 120.0


def main() -> None:
    """Rehearse what standard input orders, and write a line of JSON."""
    order: dict[str, Any] = json.loads(sys.stdin.read())
    data = Path(order["data"])
    if order["store"]:
        store = Store.open(f"sqlite:///{data / 'pyros.sqlite'}")
        load(store, Path(order["store"]))
        store.close()
    found = find(order["recipe"])
    with Observatory(data, start=_start(order), speed=order["speed"]) as obs:
        if order["sky"]:
            _open(obs)
        _warm(obs)
        began_s = obs.clock.unix_s()
        run = found.launch(obs, order["arguments"], rehearsing=True)
        reason, result = "", None
        try:
            result = run.wait()
        except (Refused, RecipeAborted, RecipeInterrupted) as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  # whatever ended it is what the rehearsal found
            reason = f"{type(error).__name__}: {error}"
        told = _told(run, began_s, obs.clock.unix_s(), order, reason, result)
    sys.stdout.write(json.dumps(told) + "\n")


def _start(order: dict[str, Any]) -> Time:
    if order["at_unix_s"] is not None:
        return Time(order["at_unix_s"], format="unix", scale="utc")
    store = Store.open(f"sqlite:///{Path(order['data']) / 'pyros.sqlite'}")
    night = Sky(first_fixtures(store, ()), _NIGHT).night
    store.close()
    middle_s = (night.dusk_unix_s + night.dawn_unix_s) / 2
    return Time(middle_s if order["sky"] else night.sunset_unix_s - 600.0, format="unix", scale="utc")


def _open(obs: Observatory) -> None:
    obs.observe()
    deadline = time.monotonic() + _OPEN_REAL_S
    while time.monotonic() < deadline:
        with obs.store.session(read_only=True) as session:
            if session.get_one(Night, obs.services.night_id).status is NightStatus.OBSERVING:
                return
        time.sleep(0.02)
    # The recipe says better than this process why it can't work.


def _warm(obs: Observatory) -> None:
    """Take a frame with each camera, so that the first one's caches don't count as the recipe's time."""
    services = obs.services
    for camera in services.devices.cameras.values():
        context = context_of(camera, services, Target("", 0.0, 0.0))
        _, image = take_frame(camera, 0 * u.s, FrameKind.BIAS, context, services, Cancellation())
        analyse_or_log(image.id, services)


def _told(
    run: RecipeRun, began_s: float, ended_s: float, order: dict[str, Any], reason: str, result: Any
) -> dict[str, Any]:
    steps = [
        {
            "name": step.name,
            "start_s": step.started.timestamp() - began_s,
            "duration_s": ((step.ended or step.started) - step.started).total_seconds(),
            "status": step.status.value,
            "tries": step.tries,
            "reason": step.reason,
        }
        for step in run.steps
    ]
    return {
        "recipe": run.name,
        "state": run.state,
        "reason": reason,
        "began": str(Time(began_s, format="unix", scale="utc").isot)[:19],
        "duration_s": ended_s - began_s,
        "speed": order["speed"],
        "steps": steps,
        "refusals": list(run.refusals) + ([reason] if reason and reason not in run.refusals else []),
        "result": result,
    }


if __name__ == "__main__":
    main()
