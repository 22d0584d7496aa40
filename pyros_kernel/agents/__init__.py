"""Agent, Sender, and the agents of a night."""

from pyros_kernel.agents.agent import Agent
from pyros_kernel.agents.config import Address, AgentConfig, current, use
from pyros_kernel.agents.elsewhere import AgentsElsewhere
from pyros_kernel.agents.errors import AlreadyRunning, ConfigError, NotDelivered, Refused, UnknownAgent
from pyros_kernel.agents.host import AgentHost
from pyros_kernel.agents.message import BadMessage, Message
from pyros_kernel.agents.network import shutdown_all, status
from pyros_kernel.agents.restart import RestartPolicy
from pyros_kernel.agents.sender import Sender
from pyros_kernel.agents.watcher import Watcher
from pyros_kernel.signs import sign

__all__ = [
    "Address",
    "Agent",
    "AgentConfig",
    "AgentHost",
    "AgentsElsewhere",
    "AlreadyRunning",
    "BadMessage",
    "ConfigError",
    "Message",
    "NotDelivered",
    "Refused",
    "RestartPolicy",
    "Sender",
    "UnknownAgent",
    "Watcher",
    "current",
    "shutdown_all",
    "sign",
    "status",
    "use",
]
