"""Which agent a thread works for: the sender of its messages, silenced once the agent was replaced."""

from __future__ import annotations

import os
import socket
import threading

from pyros_kernel.agents.errors import Abandoned


class Identity:
    """An agent as its threads know it.

    :param name: the agent's name
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.abandoned = threading.Event()

    def assume(self) -> None:
        """Make the calling thread speak for this agent."""
        _local.identity = self


class _Local(threading.local):
    identity: Identity | None = None


_local = _Local()


def sender_name() -> str:
    """Tell who speaks: the agent of this thread, or this process.

    :raises Abandoned: if that agent was replaced; its thread must end and has nothing to say any more
    """
    identity = _local.identity
    if identity is None:
        return f"process {os.getpid()} on {socket.gethostname()}"
    if identity.abandoned.is_set():
        raise Abandoned(f"agent {identity.name} was replaced while it hung")
    return identity.name
