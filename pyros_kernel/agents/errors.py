"""What can go wrong with a message or an agent: one class per reaction of the caller.

:class:`NotDelivered`: send again later.  :class:`Refused`: the agent is there and said no, change the
message or wait.  :class:`UnknownAgent` and :class:`ConfigError`: mend the ini file.
:class:`AlreadyRunning`: use or stop the one that runs.
"""

from __future__ import annotations


class NotDelivered(Exception):
    """Nobody took the message within the deadline; if somebody listened, it may still have arrived."""


class Refused(Exception):
    """The agent got the message and did not take it; nothing of it will be done."""


class ConfigError(ValueError):
    """The agents' ini file, or an address in it, can't be used."""


class UnknownAgent(KeyError):
    """The agents' ini file does not describe this agent."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which garbles a sentence.
        return str(self.args[0])


class AlreadyRunning(Exception):
    """Another agent, or another program, holds the agent's address."""


class Abandoned(SystemExit):
    """End the thread of an agent that was replaced while it hung.

    A SystemExit, so that no ``except Exception`` of an action keeps the replaced agent talking.
    """
