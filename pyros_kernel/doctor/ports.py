"""The ports that agents and devices need: free, ours, or taken by a stranger."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pyros_kernel.agents.config import AgentConfig
from pyros_kernel.agents.errors import ConfigError
from pyros_kernel.doctor.finding import Finding
from pyros_kernel.doctor.services import missing_file
from pyros_kernel.lock import FILE_NAME, is_held, read_holder
from pyros_kernel.store import Device, StoreError, schema
from pyros_kernel.store.engine import make_engine, reader

Address = tuple[str, int]


def agent_ports(config: Path, data: Path) -> Finding:
    """Check the ports of the agents.

    :param config: pyros_agent_config.ini; the defaults hold if there is none
    :param data: the data directory, whose observatory may hold them
    """
    try:
        agents = AgentConfig.read(config) if config.is_file() else AgentConfig.default()
    except ConfigError as error:
        return Finding("ports of agents", False, str(error), f"rm {config} (the next start writes a new one)")
    wanted = {name: (address.ip, address.port) for name, address in agents.addresses.items()}
    return ports("ports of agents", wanted, data, f"give the agent another port in {config}")


def device_ports(url: str, data: Path) -> Finding:
    """Check the ports of the devices of this computer, as the store's rows name them.

    :param url: the store's address
    :param data: the data directory, whose observatory's simulators may hold them
    """
    name = "ports of devices"
    if missing_file(url) is not None:
        return Finding(name, None, "no database yet that would name them", "pyros setup")
    try:
        wanted = _addresses(url)
    except (StoreError, DBAPIError):
        return Finding(name, None, "the database does not tell them: see there")
    except SQLAlchemyError:
        return Finding(name, None, "the database is not filled yet", "pyros setup")
    return ports(name, wanted, data, "change the address of the device's row")


def ports(name: str, wanted: Mapping[str, Address], data: Path, otherwise: str) -> Finding:
    """Check ports of this computer.

    :param name: what they are, together
    :param wanted: who needs it → ip and port
    :param data: the data directory, whose observatory may hold them
    :param otherwise: what helps instead of ending the process that holds one
    """
    listening = _listening()
    family = _family(data)
    strangers: list[tuple[str, int | None]] = []
    ours = free = 0
    for who, (ip, port) in wanted.items():
        if port not in listening:
            free += 1
            continue
        pid = listening[port]
        if pid in family or _is_pyros(_command(pid)):
            ours += 1
        else:
            strangers.append((f"{ip}:{port} ({who}) is held by {_describe(pid)}", pid))
    if not strangers:
        return Finding(name, True, f"{len(wanted)} in all: {free} free, {ours} held by PyROS")
    pids = sorted({pid for _, pid in strangers if pid is not None})
    end = f"kill {' '.join(map(str, pids))}, or " if pids else ""
    return Finding(name, False, "; ".join(text for text, _ in strangers), end + otherwise)


def _addresses(url: str) -> dict[str, Address]:
    engine = make_engine(url)
    try:
        if schema.current(engine) != schema.head():
            raise StoreError("not of this version")
        with reader(engine).connect() as connection:
            rows = connection.execute(select(Device.name, Device.address).where(Device.enabled)).all()
    finally:
        engine.dispose()
    found: dict[str, Address] = {}
    for name, address in rows:
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError:
            continue
        if host in {"127.0.0.1", "localhost", "::1", socket.gethostname()} and port:
            found[name] = (host, port)
    return found


def _listening() -> dict[int, int | None]:
    """Give port → process that listens there (None if the system won't say)."""
    found: dict[int, int | None] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            found[connection.laddr[1]] = connection.pid
    return found


def _family(data: Path) -> set[int]:
    """Give the processes of the observatory that holds the data directory: a notebook's kernel, and its children."""
    path = data / FILE_NAME
    holder = read_holder(path) if is_held(path) else None
    if holder is None:
        return set()
    try:
        return {holder.pid, *(child.pid for child in psutil.Process(holder.pid).children(recursive=True))}
    except psutil.Error:
        return {holder.pid}


def _command(pid: int | None) -> list[str]:
    try:
        return [] if pid is None else psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def _is_pyros(command: list[str]) -> bool:
    return any(Path(word).name == "pyros" for word in command[:2]) or command[1:3] == ["-m", "simulators"]


def _describe(pid: int | None) -> str:
    if pid is None:
        return "another user's process"
    return f"process {pid} ({' '.join(_command(pid))[:60] or 'unknown command'})"
