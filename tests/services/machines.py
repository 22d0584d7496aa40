"""Machines on a network of their own, made of network namespaces: a switch, and to each a cable that can be cut."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any


class NoNetwork(Exception):
    """No network namespace can be made here; says why."""


class Machines:
    """Machines that reach each other at 10.77.0.x, and nothing else.

    :param names: of the machines; the first has 10.77.0.1
    :param stack: ends what runs on them, then takes them away
    :raises NoNetwork: if this takes rights or programs that are missing
    """

    def __init__(self, names: tuple[str, ...], stack: ExitStack) -> None:
        self._prefix = f"py{os.getpid()}"
        self._stack = stack
        self.address = {name: f"10.77.0.{number}" for number, name in enumerate(names, 1)}
        try:
            self._add("switch")
            self._in("switch", "ip link add hub type bridge")
            self._in("switch", "ip link set hub up")
            for name in names:
                self._add(name)
                here, there = self._space(name), self._space("switch")
                _run(f"ip -n {there} link add to-{name[:8]} type veth peer name cable netns {here}")
                self._in("switch", f"ip link set to-{name[:8]} master hub up")
                self._in(name, f"ip addr add {self.address[name]}/24 dev cable")
                self._in(name, "ip link set cable up")
                self._in(name, "ip link set lo up")
        except (OSError, subprocess.CalledProcessError) as error:
            raise NoNetwork(f"{error}: {getattr(error, 'stderr', '')}") from error

    def start(self, name: str, *command: str, **how: Any) -> subprocess.Popen[str]:
        """Start a program on a machine; it ends with the stack, by SIGTERM or in the end SIGKILL."""
        environment: Mapping[str, str] = how.pop("env", {})
        process = subprocess.Popen(
            ["ip", "netns", "exec", self._space(name), *command],
            env={**os.environ, **environment},
            text=True,
            start_new_session=True,
            **how,
        )
        self._stack.callback(_end, process)
        return process

    def cut(self, name: str) -> None:
        """Pull a machine's cable: packets are lost in silence, nobody is told."""
        self._in("switch", f"ip link set to-{name[:8]} down")

    def heal(self, name: str) -> None:
        """Plug it in again."""
        self._in("switch", f"ip link set to-{name[:8]} up")

    def _space(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def _add(self, name: str) -> None:
        _run(f"ip netns add {self._space(name)}")
        self._stack.callback(subprocess.run, ["ip", "netns", "del", self._space(name)], check=False)

    def _in(self, name: str, command: str) -> None:
        _run(f"ip netns exec {self._space(name)} {command}")


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True, text=True, timeout=20)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
