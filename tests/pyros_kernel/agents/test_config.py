"""The ini file says where each agent listens, or the error says what to mend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyros_kernel.agents import Address, Agent, AgentConfig, ConfigError, UnknownAgent, current, use


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("PYROS_AGENT_CONFIG", "PYROS_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    use(None)
    yield
    use(None)


def test_the_default_is_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "pyros_agent_config.ini"
    AgentConfig.default(6000).write(path)
    read = AgentConfig.read(path)
    assert list(read.addresses) == ["majordome", "alert_manager", "scheduler", "monitoring", "watcher"]
    assert read.address(Agent.ALERT_MANAGER) == Address("127.0.0.1", 6001)
    assert "[majordome]\nip = 127.0.0.1\nport = 6000\n" in path.read_text()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[majordome]\nip = 127.0.0.1\n", r"\[majordome\] lacks port"),
        ("[majordome]\nport = 5550\n", r"\[majordome\] lacks ip"),
        ("[majordome]\nip = mount\nport = 5550\n", r"\[majordome\] ip = mount: is not an IP address"),
        ("[majordome]\nip = 127.0.0.1\nport = 0\n", r"port = 0: must be a whole number in 1…65535"),
        ("[majordome]\nip = 127.0.0.1\nport = 65536\n", "port = 65536: must be"),
        ("[majordome]\nip = 127.0.0.1\nport = ٣\n", "must be a whole number"),
        ("[a]\nip = ::1\nport = 1\n[b]\nip = ::1\nport = 1\n", r"\[b\] and \[a\] both have \[::1\]:1"),
        ("port = 5550\n", "is not an ini file"),
        ("[a]\n[a]\n", "is not an ini file"),
    ],
)
def test_a_bad_file_is_refused_with_file_section_and_option(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "bad.ini"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=what) as caught:
        AgentConfig.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.ini: can't be read: No such file"):
        AgentConfig.read(tmp_path / "none.ini")
    (tmp_path / "binary.ini").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not an ini file"):
        AgentConfig.read(tmp_path / "binary.ini")


def test_an_agent_without_a_section_is_named_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "one.ini"
    path.write_text("[scheduler]\nip = 127.0.0.1\nport = 5552\n")
    with pytest.raises(UnknownAgent) as caught:
        Agent(Agent.MAJORDOME, config=AgentConfig.read(path))
    assert str(caught.value) == f"no agent 'majordome' in {path} (known: scheduler); add [majordome] with ip and port"


def test_ports_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="port_base must lie in"):
        AgentConfig.default(65535)


def test_free_ports_are_all_different() -> None:
    first = AgentConfig.with_free_ports()
    assert len({a.port for a in first.addresses.values()}) == 5
    assert list(AgentConfig.with_free_ports(["dome"]).addresses) == ["dome"]


def test_where_the_configuration_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> int:
        use(None)
        return current().address(Agent.MAJORDOME).port

    assert found() == 5550
    AgentConfig.default(6100).write(tmp_path / "data" / "pyros_agent_config.ini")
    assert found() == 6100
    monkeypatch.setenv("PYROS_DATA", str(tmp_path / "elsewhere"))
    AgentConfig.default(6200).write(tmp_path / "elsewhere" / "pyros_agent_config.ini")
    assert found() == 6200
    AgentConfig.default(6300).write(tmp_path / "pyros_agent_config.ini")
    assert found() == 6300
    monkeypatch.setenv("PYROS_AGENT_CONFIG", str(tmp_path / "named.ini"))
    with pytest.raises(ConfigError, match=r"named\.ini: can't be read"):
        found()
    AgentConfig.default(6400).write(tmp_path / "named.ini")
    assert found() == 6400
    use(AgentConfig.default(6500))
    assert Agent(Agent.MAJORDOME).address.port == 6500
