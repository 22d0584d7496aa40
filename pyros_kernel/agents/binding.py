"""One agent per name: take its address, or say who has it."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

import zmq

from pyros_kernel.agents.config import Address
from pyros_kernel.agents.errors import AlreadyRunning, ConfigError, NotDelivered
from pyros_kernel.agents.message import Message, new_id
from pyros_kernel.agents.names import STATUS
from pyros_kernel.agents.sender import exchange
from pyros_kernel.agents.transport import holder


def bind(listen: Callable[[], None], name: str, address: Address) -> None:
    """Call ``listen``, and explain its failure.

    :raises AlreadyRunning: if the address is taken, saying by whom and since when
    :raises ConfigError: if this machine can't listen there
    """
    try:
        listen()
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE:
            raise AlreadyRunning(f"agent {name!r} can't listen at {address}: {_who(name, address)}") from None
        raise ConfigError(
            f"agent {name!r} can't listen at {address}: {error.strerror}; give it an ip of this machine and "
            "a port above 1023 in the agents' ini file"
        ) from None


def _who(name: str, address: Address) -> str:
    question = Message(new_id(), "a second start", name, STATUS, is_question=True)
    try:
        status = exchange(address, question, 0.5).answer or {}
    except NotDelivered:
        return f"the port is taken by {holder(address)}, which is no agent"
    since_s = status.get("since_s")
    since = (
        "an unknown time"
        if not isinstance(since_s, (int, float))
        else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since_s))
    )
    return (
        f"agent {status.get('name')!r} holds it in process {status.get('pid')} on {status.get('host')} "
        f"since {since} (state {status.get('state')}); use it, or stop it first"
    )
