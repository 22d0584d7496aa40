"""Every test of the kernel may ask for a store as a fresh installation has it, and for agents' addresses of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyros_kernel.agents import AgentConfig, Sender, use
from pyros_kernel.settings import ROOT
from pyros_kernel.store import Store, load
from tests.waiting import until

INITIAL_FIXTURE = ROOT / "fixtures" / "initial_fixture.json"


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the database file that each test's store is a copy of."""
    path = tmp_path_factory.mktemp("template") / "pyros.sqlite"
    store = Store.open(f"sqlite:///{path}")
    load(store, INITIAL_FIXTURE)
    store.close()  # the last connection to go writes the WAL back into the file
    return path


@pytest.fixture
def store(store_template: Path, tmp_path: Path) -> Iterator[Store]:
    """Give a fresh SQLite store, loaded with fixtures/initial_fixture.json."""
    path = tmp_path / "pyros.sqlite"
    shutil.copyfile(store_template, path)
    opened = Store.open(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture
def config() -> Iterator[AgentConfig]:
    """Give every agent an address that nobody uses, for this test."""
    made = AgentConfig.with_free_ports()
    use(made)
    yield made
    Sender.close()
    use(None)


@pytest.fixture(name="until")
def _until() -> Callable[..., object]:
    return until
