"""An agent of one's own, beside the instruments: it notes each number that it is told, and tells them in the end."""

from __future__ import annotations

import json
import sys

from pyros_kernel.agents import Agent, Message


class Listener(Agent):
    """Note numbers."""

    def __init__(self) -> None:
        super().__init__("listener")
        self.heard: list[int] = []
        self.actions_by_message["Number"] = self.number

    def number(self, message: Message) -> None:
        """Note one."""
        self.heard.append(message.payload["number"])


agent = Listener()
agent.start()
print("listening", flush=True)
sys.stdin.readline()
agent.stop()
print(json.dumps(agent.heard), flush=True)
