"""A Majordome that dies in the middle of the night: one machine closes before the next one begins."""

from __future__ import annotations

import threading
from pathlib import Path

from pyros_kernel import Observatory
from pyros_kernel.agents import Agent, Sender
from pyros_kernel.agents.majordome import Majordome
from tests.waiting import status, until


def test_the_night_goes_on_with_one_machine_at_a_time(tmp_path: Path) -> None:
    fixtures = ("night_2022-09-29.json",)
    with Observatory(tmp_path, start="2022-09-30T08:00:00", speed=100, fixtures=fixtures) as obs:
        run = obs.observe()
        until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "a sequence executes")
        first = obs.agents.agent(Agent.MAJORDOME)
        assert isinstance(first, Majordome)

        def die() -> None:
            raise SystemExit("a defect")

        first.actions_by_message["Die"] = die
        Sender.send_to(Agent.MAJORDOME, "Die")
        seen: set[tuple[bool, bool]] = set()

        def replaced() -> bool:
            now = obs.agents.agent(Agent.MAJORDOME)
            assert isinstance(now, Majordome)
            if now is not first and now.state == "running":
                closing = first._thread_of_night.is_alive()  # looked at first: it can only end
                begun = now.machine._begun
                seen.add((closing and first._thread_of_night.is_alive(), begun))
                return begun
            return False

        until(replaced, "a new Majordome whose machine has begun")
        assert (True, True) not in seen
        until(lambda: status(obs) == "observing", "observing again")
        until(lambda: any(s.status == "executing" for s in obs.snapshot().placed), "a sequence executes")
        assert sum(t.name == "pyros-night" for t in threading.enumerate()) == 1
        assert not run.ended
        assert [d for d in obs.services.logbook.defects if "SystemExit" not in d] == []
