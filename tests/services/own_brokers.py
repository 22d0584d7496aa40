"""Brokers of a test's own, on ports of their own, that it may kill and start again: they keep what they have."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Protocol

from tests.conftest import require
from tests.waiting import until

START_S = 120.0  # of a RabbitMQ on a busy machine


class Broker(Protocol):
    """A broker that can be killed."""

    url: str

    def start(self) -> None:
        """Start it, and return once it answers."""
        ...

    def kill(self) -> None:
        """End it without a word; twice is once."""
        ...


class Redis:
    """A Redis that writes down each message before it says that it has it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        program = require("redis-server", "apt-get install redis-server")
        words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", ""]
        self._server = _Server([program, *words, "--appendonly", "yes", "--appendfsync", "always"], {})

    def start(self) -> None:
        self._server.start()
        import redis

        def answers() -> bool:
            with redis.Redis.from_url(self.url) as client:
                try:
                    return bool(client.ping())
                except redis.exceptions.ConnectionError:
                    return False

        until(answers, "Redis answers")

    def kill(self) -> None:
        self._server.kill()


def rabbitmq_at(directory: Path, address: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Give the command, and its environment, of a RabbitMQ node apart from the machine's own."""
    require("rabbitmqctl", "apt-get install rabbitmq-server")  # the package's own start script wants another user
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        between_nodes = free.getsockname()[1]
    (directory / "plugins").write_text("[].\n", encoding="ascii")
    # The guest may come from another machine: it is the only user, on a network of the test's own.
    (directory / "rabbitmq.conf").write_text("loopback_users = none\n", encoding="ascii")
    return ["/usr/lib/rabbitmq/bin/rabbitmq-server"], {
        "HOME": str(directory),
        "RABBITMQ_NODENAME": f"pyros{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": address,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(between_nodes),
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
    }


class RabbitMQ:
    """A RabbitMQ node, apart from the machine's own."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url, self._port = f"amqp://guest:guest@127.0.0.1:{port}//", port
        self._server = _Server(*rabbitmq_at(directory, "127.0.0.1", port))

    def start(self) -> None:
        self._server.start()

        def greets() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", self._port), 1) as link:
                    link.sendall(b"AMQP\x00\x00\x09\x01")
                    return bool(link.recv(8))
            except OSError:
                return False

        until(greets, "RabbitMQ answers", START_S)

    def kill(self) -> None:
        self._server.kill()


class _Server:
    """A program in a session of its own, so that all of it can be killed."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command, self._environment = command, {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
