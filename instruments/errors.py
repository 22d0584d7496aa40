"""What can go wrong with an instrument: one class per reaction of the caller.

:class:`NotConnected`: connect again.  :class:`Timeout`: the outcome is unknown, read the state before
anything else.  :class:`Rejected`: nothing moved, change the command.  :class:`Failed`: it began and could not
finish, look at the device.  :class:`ProtocolError`: the device talks nonsense, have it looked at.
"""

from __future__ import annotations


class InstrumentError(Exception):
    """Something went wrong with an instrument.

    :param device: name of the device
    :param command: what was asked of it
    :param what: what happened, in words
    :param last_state: its last known state, in words, with its age
    """

    def __init__(self, device: str, command: str, what: str, last_state: str = "no state was ever read") -> None:
        super().__init__(device, command, what, last_state)
        self.device, self.command, self.what, self.last_state = device, command, what, last_state

    def __str__(self) -> str:
        return f"{self.device}: {self.command}: {self.what} (last known state: {self.last_state})"


class NotConnected(InstrumentError):
    """There is no link to the device, or it broke; what was running has an unknown outcome."""


class Timeout(InstrumentError):
    """The device did not answer or did not arrive within the deadline; the outcome is unknown."""


class Rejected(InstrumentError):
    """The device, or the check before it, said no; nothing was moved."""


class Failed(InstrumentError):
    """The device took the command and said later that it could not finish it."""


class ProtocolError(InstrumentError):
    """The device answered something that its language does not hold."""
