"""The agents of a configuration as seen over the network, wherever they run."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyros_kernel.agents.config import AgentConfig, current
from pyros_kernel.agents.errors import ConfigError, NotDelivered, Refused
from pyros_kernel.agents.names import SHUTDOWN, STATUS, WATCHER
from pyros_kernel.agents.sender import Sender
from pyros_kernel.agents.transport import answers

_PROBE_S = 0.5
_ABSENT = "was not running"


def status(config: AgentConfig | None = None, *, timeout_s: float = 1.0) -> list[dict[str, Any]]:
    """Ask every agent how it is.

    :param timeout_s: real seconds for each; they are asked at the same time
    :return: for each agent its status as of ``Sender.ask``, with ``address``; who does not listen is
        ``stopped``; who listens and does not answer as an agent is ``unknown``, with ``last_error``
    """
    config = config or current()
    with ThreadPoolExecutor(max(1, len(config.addresses)), "pyros-status") as pool:
        asked = [pool.submit(_status, config, name, timeout_s) for name in config.addresses]
        return [answer.result() for answer in asked]


def _status(config: AgentConfig, name: str, timeout_s: float) -> dict[str, Any]:
    address = config.address(name)
    known = {"name": name, "address": str(address)}
    if not answers(address, _PROBE_S):
        return {**known, "state": "stopped"}
    try:
        return {**Sender.ask(name, STATUS, timeout_s=timeout_s, config=config), "address": str(address)}
    except (ConfigError, NotDelivered, Refused) as error:
        return {**known, "state": "unknown", "last_error": str(error)}


def shutdown_all(config: AgentConfig | None = None, *, timeout_s: float = 5.0) -> dict[str, str]:
    """Tell every agent to shut down, the Watcher first and the others in reverse, and wait for their end.

    :param timeout_s: real seconds for all together
    :return: agent's name → ``stopped``, ``was not running``, or why it still runs
    """
    config = config or current()
    end_s = time.monotonic() + timeout_s
    outcome: dict[str, str] = {}
    for name in sorted(reversed(list(config.addresses)), key=lambda name: name != WATCHER):
        if not answers(config.address(name), _PROBE_S):
            outcome[name] = _ABSENT
            continue
        try:
            left_s = max(0.1, end_s - time.monotonic())
            Sender.send_to(name, SHUTDOWN, timeout_s=min(1.0, left_s), config=config)
        except (ConfigError, NotDelivered, Refused) as error:
            outcome[name] = str(error)
        else:
            outcome[name] = "took the message but still runs"
    for name, what in outcome.items():
        if what != _ABSENT and _ends(config, name, end_s):
            outcome[name] = "stopped"
    return outcome


def _ends(config: AgentConfig, name: str, end_s: float) -> bool:
    while answers(config.address(name), _PROBE_S):
        if time.monotonic() > end_s:
            return False
        time.sleep(0.02)
    return True
