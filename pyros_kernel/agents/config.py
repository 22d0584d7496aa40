"""Where each agent listens: pyros_agent_config.ini, read, checked and written."""

from __future__ import annotations

import configparser
import ipaddress
import os
import random
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from pyros_kernel.agents.errors import ConfigError, UnknownAgent
from pyros_kernel.agents.keys import FILE_NAME as KEY_FILE
from pyros_kernel.agents.keys import Keys
from pyros_kernel.agents.names import NAMES
from pyros_kernel.settings import Settings

FILE_NAME = "pyros_agent_config.ini"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an agent listens.

    :param keys: with which those who speak over the network prove who they are; this machine needs none
    """

    ip: str
    port: int
    keys: Keys | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def endpoint(self) -> str:
        """The address as ZeroMQ writes it."""
        return f"tcp://{self}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.ip).is_loopback

    def needed_keys(self) -> Keys | None:
        """Give the keys that a connection must have; None where it needs none.

        :raises ConfigError: if it is reached over the network, and there are none
        """
        if self.is_local:
            return None
        if self.keys is None:
            raise ConfigError(
                f"{self} is reached over the network, where agents authenticate and encrypt, and has no key: make one "
                f"with `pyros keys`, and copy it ({KEY_FILE}) next to the agents' ini file on each machine"
            )
        return self.keys


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """The addresses of all agents of an observatory.

    :param addresses: agent's name → address, in the order of the file
    :param source: where they come from, for messages to people
    """

    addresses: Mapping[str, Address]
    source: str = "built-in defaults"

    def __post_init__(self) -> None:
        taken: dict[Address, str] = {}
        for name, address in self.addresses.items():
            if address in taken:
                raise ConfigError(f"{self.source}: [{name}] and [{taken[address]}] both have {address}")
            taken[address] = name
        object.__setattr__(self, "addresses", MappingProxyType(dict(self.addresses)))

    @classmethod
    def default(cls, port_base: int = 5550) -> AgentConfig:
        """Give every agent of a night a port of this machine, from ``port_base`` upwards.

        :raises ConfigError: if that leaves the range of ports
        """
        if not 1 <= port_base <= 65535 - len(NAMES) + 1:
            raise ConfigError(f"port_base must lie in 1…{65535 - len(NAMES) + 1}, got {port_base}")
        return cls({name: Address("127.0.0.1", port_base + i) for i, name in enumerate(NAMES)})

    @classmethod
    def with_free_ports(cls, names: Iterable[str] = NAMES) -> AgentConfig:
        """Give every agent a port of this machine that nobody uses now.

        They lie below the range from which the system takes the ports of outgoing connections, so that none
        is lost again before its agent starts.

        :raises ConfigError: if none can be found
        """
        addresses: dict[str, Address] = {}
        draw = random.SystemRandom()
        with ExitStack() as held:
            for name in names:
                for port in draw.sample(range(12000, 32000), 200):
                    taken = held.enter_context(socket.socket())
                    try:
                        taken.bind(("127.0.0.1", port))
                    except OSError:
                        continue
                    addresses[name] = Address("127.0.0.1", port)
                    break
                else:
                    raise ConfigError("200 ports between 12000 and 32000 are all taken")
        return cls(addresses, "free ports")

    @classmethod
    def read(cls, path: Path | str) -> AgentConfig:
        """Read the ini file: a section per agent, with ``ip`` and ``port``; and the agents' key beside it, if needed.

        :raises ConfigError: if it can't be read, naming file, section and option
        """
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(Path(path).read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
        except (configparser.Error, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: is not an ini file: {error}") from None
        addresses = {name: _address(path, parser[name]) for name in parser.sections()}
        key_file = Path(path).with_name(KEY_FILE)
        if key_file.exists() and not all(address.is_local for address in addresses.values()):
            keys = Keys.read(key_file)
            addresses = {name: a if a.is_local else replace(a, keys=keys) for name, a in addresses.items()}
        return cls(addresses, str(path))

    def write(self, path: Path | str) -> None:
        """Write the ini file, complete or not at all."""
        lines = ["; Where each agent of this observatory listens.\n"]
        lines += [f"\n[{name}]\nip = {a.ip}\nport = {a.port}\n" for name, a in self.addresses.items()]
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            unfinished.write_text("".join(lines), encoding="utf-8")
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)

    def address(self, name: str) -> Address:
        """Look up where an agent listens.

        :raises UnknownAgent: if it is not described
        """
        try:
            return self.addresses[name]
        except KeyError:
            known = ", ".join(self.addresses) or "none"
            raise UnknownAgent(
                f"no agent {name!r} in {self.source} (known: {known}); add [{name}] with ip and port"
            ) from None


def _address(path: Path | str, section: configparser.SectionProxy) -> Address:
    where = f"{path}: [{section.name}]"
    ip, port = section.get("ip"), section.get("port")
    if ip is None or port is None:
        raise ConfigError(f"{where} lacks {'ip' if ip is None else 'port'}")
    try:
        ipaddress.ip_address(ip)
    except ValueError:
        raise ConfigError(f"{where} ip = {ip}: is not an IP address") from None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise ConfigError(f"{where} port = {port}: must be a whole number in 1…65535")
    return Address(ip, int(port))


_lock = threading.Lock()
_used: list[AgentConfig] = []


def use(config: AgentConfig | None) -> None:
    """Make all agents and senders of this process use ``config``; None looks for the file again."""
    with _lock:
        _used[:] = [] if config is None else [config]


def current() -> AgentConfig:
    """Tell which configuration agents and senders use.

    The one given to :func:`use`; else the file PYROS_AGENT_CONFIG names; else ``pyros_agent_config.ini`` in
    the present directory; else the one in the data directory; else the defaults. It is looked for once.

    :raises ConfigError: if the file can't be read
    """
    with _lock:
        if not _used:
            _used.append(_find())
        return _used[0]


def _find() -> AgentConfig:
    if "PYROS_AGENT_CONFIG" in os.environ:
        return AgentConfig.read(os.environ["PYROS_AGENT_CONFIG"])
    for path in (Path(FILE_NAME), Settings.from_environment().agent_config):
        if path.is_file():
            return AgentConfig.read(path)
    return AgentConfig.default()
