"""Over the network only who has the observatory's key is heard, and nobody else can read along."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from click.testing import CliRunner

from pyros_kernel.agents import Address, Agent, AgentConfig, ConfigError, NotDelivered, Sender, network
from pyros_kernel.agents.keys import FILE_NAME, Keys
from pyros_kernel.agents.message import Message
from pyros_kernel.agents.sender import exchange
from pyros_kernel.cli import main

SECRET_WORD = "a sentence that must not be read on the way"


@pytest.fixture
def network_config(tmp_path: Path) -> AgentConfig:
    """One agent on all of this machine's addresses: Linux connects to 0.0.0.0 by way of the loopback."""
    path = tmp_path / "pyros_agent_config.ini"
    port = AgentConfig.with_free_ports([Agent.SCHEDULER]).address(Agent.SCHEDULER).port
    path.write_text(f"[{Agent.SCHEDULER}]\nip = 0.0.0.0\nport = {port}\n")
    Keys.make().write(path.with_name(FILE_NAME))
    return AgentConfig.read(path)


@pytest.fixture
def heard(network_config: AgentConfig) -> Iterator[list[object]]:
    got: list[object] = []
    agent = Agent(Agent.SCHEDULER, config=network_config)
    agent.actions_by_message["Hello"] = lambda m: got.append(m.payload)
    agent.start()
    yield got
    assert agent.stop()
    Sender.close()


def test_who_has_the_key_is_heard(network_config: AgentConfig, heard: list[object], until) -> None:  # type: ignore[no-untyped-def]
    Sender.send_to(Agent.SCHEDULER, "Hello", {"n": 1}, config=network_config)
    until(lambda: heard == [{"n": 1}])
    assert network.status(network_config)[0]["state"] == "running"


def test_another_key_is_not(network_config: AgentConfig, heard: list[object]) -> None:
    address = network_config.address(Agent.SCHEDULER)
    stranger = replace(address, keys=replace(Keys.make(), public=address.needed_keys().public))  # type: ignore[union-attr]
    for keys in (Keys.make(), stranger.keys):
        other = AgentConfig({Agent.SCHEDULER: replace(address, keys=keys)})
        with pytest.raises(NotDelivered, match="or has another key"):
            Sender.send_to(Agent.SCHEDULER, "Hello", {"n": 2}, timeout_s=1.0, config=other)
    assert not heard


def test_the_right_server_key_with_a_client_key_of_ones_own_is_not(
    network_config: AgentConfig, heard: list[object]
) -> None:
    """What ZeroMQ alone would let in: a client that knows the server's public key."""
    address, (public, secret) = network_config.address(Agent.SCHEDULER), zmq.curve_keypair()
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.curve_publickey, dealer.curve_secretkey = public, secret
        dealer.curve_serverkey = address.needed_keys().public  # type: ignore[union-attr]
        dealer.connect(address.endpoint)
        dealer.send(Message("id", "stranger", Agent.SCHEDULER, "Hello").encode())
        assert not dealer.poll(1000)
    assert not heard


def test_what_is_said_in_the_clear_is_not_heard(network_config: AgentConfig, heard: list[object]) -> None:
    clear = Address("127.0.0.1", network_config.address(Agent.SCHEDULER).port)
    with pytest.raises(NotDelivered):
        exchange(clear, Message("id", "stranger", Agent.SCHEDULER, "Hello"), 1.0)
    assert not heard


def test_nothing_readable_goes_over_the_wire(network_config: AgentConfig, heard: list[object], until) -> None:  # type: ignore[no-untyped-def]
    """A tap between both sees the message pass, and none of its words."""
    address, seen = network_config.address(Agent.SCHEDULER), bytearray()

    def pump(a: socket.socket, b: socket.socket) -> None:
        while chunk := a.recv(65536):
            seen.extend(chunk)
            b.sendall(chunk)

    with socket.create_server(("127.0.0.1", 0)) as tap:
        through = replace(address, ip="0.0.0.0", port=tap.getsockname()[1])

        def carry() -> None:
            a, _ = tap.accept()
            b = socket.create_connection(("127.0.0.1", address.port))
            with a, b:
                back = threading.Thread(target=pump, args=(b, a), daemon=True)
                back.start()
                pump(a, b)
                b.shutdown(socket.SHUT_RDWR)
                back.join(5)

        carrier = threading.Thread(target=carry, daemon=True)
        carrier.start()
        config = AgentConfig({Agent.SCHEDULER: through})
        Sender.send_to(Agent.SCHEDULER, "Hello", {"text": SECRET_WORD}, config=config, timeout_s=5.0)
        until(lambda: heard)
        Sender.close()
        carrier.join(5)
    assert heard == [{"text": SECRET_WORD}]
    assert b"CURVE" in seen and SECRET_WORD.encode() not in seen


def test_without_a_key_no_agent_starts_on_the_network_and_nothing_is_sent_there() -> None:
    config = AgentConfig({Agent.SCHEDULER: Address("0.0.0.0", 5552)})
    with pytest.raises(ConfigError, match="make one with `pyros keys`"):
        Agent(Agent.SCHEDULER, config=config).start()
    with pytest.raises(ConfigError, match="make one with `pyros keys`"):
        Sender.send_to(Agent.SCHEDULER, "Hello", config=config)


def test_the_key_is_a_secret_file_never_overwritten(tmp_path: Path) -> None:
    runner, path = CliRunner(), tmp_path / FILE_NAME
    assert runner.invoke(main, ["--data", str(tmp_path), "keys"]).exit_code == 0
    first = Keys.read(path)
    assert path.stat().st_mode & 0o777 == 0o600 and first.secret.decode() not in repr(first)
    again = runner.invoke(main, ["--data", str(tmp_path), "keys"])
    assert again.exit_code == 1 and "is there already" in again.output
    assert Keys.read(path) == first
    assert runner.invoke(main, ["--data", str(tmp_path), "keys", "--new"]).exit_code == 0
    assert Keys.read(path) != first
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Keys.read(path)


@pytest.mark.parametrize("text", ["", "[curve]\npublic = a\nsecret = b\n", "nonsense", "[curve]\nsecret = \xff\n"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is no key of agents"):
        Keys.read(path)
    mixed, other = Keys.make(), Keys.make()
    path.unlink()
    replace(mixed, public=other.public).write(path)
    with pytest.raises(ConfigError, match="is no key of agents"):
        Keys.read(path)
