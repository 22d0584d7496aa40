"""The cell of a notebook that the drill kills and starts again: ``python -m drill.cell``, one JSON object on its line.

It starts an observatory, lets it observe, and answers each line that it is told with one line of JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drill.witness import Frames
from pyros_kernel import Observatory
from pyros_kernel.agents import Agent, AgentHost
from pyros_kernel.agents.majordome import Majordome

FIXTURE = "night_2022-09-29.json"


def main(argv: list[str]) -> int:
    """Observe, and answer until the end of the input.

    :param argv: one argument, a JSON object: ``data``, ``start`` (ISO, UTC) and ``speed``
    """
    told: dict[str, Any] = json.loads(argv[0])
    with (
        Frames.watched(Path(told["data"])),
        Observatory(told["data"], start=told["start"], speed=float(told["speed"]), fixtures=(FIXTURE,)) as obs,
    ):
        obs.observe()
        _say({"port": obs.alerts.address[1], "control": obs.simulators.control_address})
        for line in sys.stdin:
            _answer(obs, *line.split())
    return 0


def _answer(obs: Observatory, word: str, *rest: str) -> None:
    match word:
        case "state":
            _say(_state(obs))
        case "simulators":
            obs.simulators.start()
            _say({"pid": obs.simulators.pid})
        case "hold":
            _say({})
            ctypes.PyDLL(None).sleep(int(rest[0]))  # holds the interpreter's lock: no other thread here runs
        case _:
            _say({"error": f"{word!r} is not understood"})


def _say(what: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _state(obs: Observatory) -> dict[str, object]:
    """Say who executes what, from the machine itself and not from the store."""
    agents = obs.agents
    assert isinstance(agents, AgentHost)
    majordome = agents.agent(Agent.MAJORDOME)
    assert isinstance(majordome, Majordome)
    course = majordome.machine.course
    running, entry = course.running, course.agenda.next()
    return {
        "status": majordome.machine.status.value,
        "reason": majordome.machine.reason,
        "running": running.sequence_id if running is not None and not running.ended else None,
        "waiting": course.agenda.waiting_for_schedule,
        "due": entry is not None and entry.start_s <= obs.clock.unix_s(),
        "simulators": obs.simulators.pid,
        "pid": os.getpid(),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
