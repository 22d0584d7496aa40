"""Agent, Sender, and the agents of a night."""

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import Address, AgentConfig, current, use
from pyros_kernel.agents.errors import AlreadyRunning, ConfigError, NotDelivered, Refused, UnknownAgent
from pyros_kernel.agents.message import BadMessage, Message
from pyros_kernel.agents.sender import Sender

__all__ = [
    "Address",
    "Agent",
    "AgentConfig",
    "AlreadyRunning",
    "BadMessage",
    "ConfigError",
    "Message",
    "NotDelivered",
    "Refused",
    "Sender",
    "UnknownAgent",
    "current",
    "use",
]
