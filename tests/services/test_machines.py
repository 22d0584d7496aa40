"""Store and broker, instruments, workers and notebook on four machines, each cut off in turn: nothing is lost.

It runs with PYROS_NIGHTLY=1; PYROS_CUT_S says how long each is cut off, a minute if left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pyros_kernel.agents.keys import Keys
from pyros_kernel.settings import ROOT
from tests.conftest import require
from tests.services.machines import Machines, NoNetwork
from tests.waiting import until

OPERATIONS = Path(__file__).parents[1] / "pyros_kernel" / "tasks"
CUT_S = float(os.environ.get("PYROS_CUT_S", "60"))
PORTS = range(11111, 11121)  # of the devices in fixtures/initial_fixture.json

PREPARE = """
import sys, time
from datetime import UTC, datetime, timedelta
from sqlalchemy import select
from pyros_kernel.opening import first_fixtures
from pyros_kernel.scheduling import night_name
from pyros_kernel.settings import Settings
from pyros_kernel.store import Device, Night, Site, Store
store = Store.open(Settings.from_environment().database_url)
first_fixtures(store, ())
with store.session() as session:
    site = session.scalars(select(Site)).one()
    for device in session.scalars(select(Device)):
        device.address = device.address.replace("127.0.0.1", sys.argv[1])
    hours = [datetime.now(UTC) + timedelta(hours=h) for h in (-2, -1, 8, 9)]
    times = dict(zip(("sunset", "dusk", "dawn", "sunrise"), hours))
    for name in {night_name(time.time() + hour * 3600, site) for hour in (0, 1)}:
        session.add(Night(name=name, site=site, **times))
store.close()
"""
AGENT = """
import sys, time
from pyros_kernel.agents import Agent
heard = set()
class Listener(Agent):
    def __init__(self):
        super().__init__(Agent.SCHEDULER)
        self.actions_by_message["Number"] = self.number
    def number(self, message):
        heard.add(message.payload["number"])
agent = Listener()
agent.start()
print("listening", flush=True)
sys.stdin.readline()
print(sorted(heard), flush=True)
agent.stop()
"""
NOTEBOOK = """
import json, sys, threading, time
import pyros_test_operations as operations
from pyros_kernel.agents import Agent, Sender
from pyros_kernel.tasks import app
stop, sent, said, refused = threading.Event(), {}, [], []
def send():
    number = 0
    while not stop.wait(0.2):
        try:
            sent[number] = operations.mul.delay(number, 3)
        except Exception as error:
            refused.append(repr(error))
            continue
        number += 1
def tell():
    number = 0
    while not stop.wait(0.2):
        try:
            Sender.send_to(Agent.SCHEDULER, "Number", {"number": number}, timeout_s=1.0)
        except Exception as error:
            refused.append(repr(error))
            continue
        said.append(number)
        number += 1
print(operations.mul.delay(4, 5).get(timeout=60), flush=True)
print(json.dumps(app.tasks["monitoring"].delay().get(timeout=60)), flush=True)
threads = [threading.Thread(target=each) for each in (send, tell)]
for thread in threads:
    thread.start()
for line in sys.stdin:
    if line == "how many\\n":
        print(len(sent), len(said), flush=True)
    else:
        break
stop.set()
for thread in threads:
    thread.join()
results = {number: result.get(timeout=90) for number, result in sent.items()}
print(json.dumps({"tasks": results, "said": said, "refused": len(refused)}), flush=True)
print(json.dumps(app.tasks["monitoring"].delay().get(timeout=60)), flush=True)
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def machines(stack: ExitStack) -> Machines:
    require("ip", "apt-get install iproute2")
    try:
        return Machines(("store", "instruments", "workers", "notebook"), stack)
    except NoNetwork as error:
        pytest.skip(f"no network namespaces here, which take root: {error}")


def _postgresql(machines: Machines, stack: ExitStack) -> str:
    """Run a PostgreSQL of this test's own on the store's machine; give its address."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        missing = "no PostgreSQL programs under /usr/lib/postgresql: apt-get install postgresql"
        pytest.fail(missing) if os.environ.get("PYROS_REQUIRE") == "all" else pytest.skip(missing)
    directory = Path(tempfile.mkdtemp(prefix="pyros-pg-"))
    stack.callback(shutil.rmtree, directory, ignore_errors=True)
    shutil.chown(directory, "postgres", "postgres")
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    init = [*as_postgres, str(found[-1]), "-D", str(directory / "data"), "-A", "trust", "-N", "-U", "postgres"]
    subprocess.run(init, check=True, capture_output=True, cwd=directory, timeout=120)
    (directory / "data" / "pg_hba.conf").write_text("host all all 10.77.0.0/24 trust\n", encoding="ascii")
    here = machines.address["store"]
    options = [f"listen_addresses={here}", "port=5432", f"unix_socket_directories={directory}", "fsync=off"]
    machines.start(
        "store",
        *as_postgres,
        str(found[-1].with_name("postgres")),
        "-D",
        str(directory / "data"),
        *(word for option in options for word in ("-c", option)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
    )
    return f"postgresql://postgres@{here}/postgres"


@pytest.mark.skipif(not os.environ.get("PYROS_NIGHTLY"), reason="takes minutes: PYROS_NIGHTLY=1 PYROS_CUT_S=3")
@pytest.mark.timeout(900)
def test_each_machine_is_cut_off_in_turn_and_nothing_is_lost(
    machines: Machines, stack: ExitStack, tmp_path: Path
) -> None:
    where = machines.address
    database = _postgresql(machines, stack)
    redis = require("redis-server", "apt-get install redis-server")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    machines.start("store", redis, "--bind", where["store"], "--protected-mode", "no", "--save", "", **quiet)
    keys = Keys.make()

    def environment(name: str) -> dict[str, str]:
        """Give each machine a data directory, and a copy of the agents' ini file and key, of its own."""
        data = tmp_path / name
        data.mkdir(exist_ok=True)
        ini = data / "pyros_agent_config.ini"
        ini.write_text(f"[scheduler]\nip = {where['instruments']}\nport = 5552\n", encoding="ascii")
        if not (data / "pyros_agents.key").exists():
            keys.write(data / "pyros_agents.key")
        return {
            "PYROS_DATA": str(data),
            "PYROS_AGENT_CONFIG": str(ini),
            "PYROS_DATABASE_URL": database,
            "PYROS_BROKER_URL": f"redis://{where['store']}:6379/0",
            "PYROS_TASKS": "pyros_test_operations",
            "PYTHONPATH": os.pathsep.join([str(OPERATIONS), str(ROOT)]),
        }

    python, pipe = sys.executable, subprocess.PIPE
    until(
        lambda: machines.start("notebook", python, "-c", PREPARE, where["instruments"], env=environment("notebook"),
                               stderr=subprocess.DEVNULL).wait(90) == 0,
        "the store is prepared", 120,
    )  # fmt: skip
    local = {**environment("instruments"), "PYROS_DATABASE_URL": f"sqlite:///{tmp_path}/instruments/devices.sqlite"}
    machines.start("instruments", python, "-m", "pyros_kernel.cli", "simulators", env=local, **quiet)
    for port in PORTS:  # the simulators themselves never listen beyond the loopback
        relay = f"TCP-LISTEN:{port},bind={where['instruments']},fork,reuseaddr"
        machines.start(
            "instruments", require("socat", "apt-get install socat"), relay, f"TCP:127.0.0.1:{port}", **quiet
        )
    agent = machines.start("instruments", python, "-c", AGENT, env=environment("instruments"), stdin=pipe, stdout=pipe)
    assert agent.stdin is not None and agent.stdout is not None
    assert agent.stdout.readline() == "listening\n"
    workers = machines.start(
        "workers", python, "-m", "pyros_kernel.cli", "workers", "--queues", "my_operations_q,monitoring_q",
        env=environment("workers"), stdout=pipe, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert workers.stdout is not None
    while workers.stdout.readline() != "ALL\n":
        assert workers.poll() is None
    notebook = machines.start("notebook", python, "-c", NOTEBOOK, env=environment("notebook"), stdin=pipe, stdout=pipe)
    asked, said = notebook.stdin, notebook.stdout
    assert asked is not None and said is not None
    assert said.readline() == "20\n"
    assert set(json.loads(said.readline()).values()) == {"ok"}

    def counts() -> tuple[int, int]:
        asked.write("how many\n")
        asked.flush()
        tasks, messages = said.readline().split()
        return int(tasks), int(messages)

    for name in where:
        before = counts()
        until(lambda before=before: all(a > b for a, b in zip(counts(), before, strict=True)), "it works", 60)
        machines.cut(name)
        time.sleep(CUT_S)
        machines.heal(name)
        healed = counts()
        until(
            lambda healed=healed: all(a > b + 2 for a, b in zip(counts(), healed, strict=True)), f"{name} is back", 90
        )
    asked.write("enough\n")
    asked.flush()
    end = json.loads(said.readline())
    assert end["tasks"] == {str(number): 3 * number for number in range(len(end["tasks"]))}
    assert end["refused"] > 0  # the cuts were felt
    assert set(json.loads(said.readline()).values()) == {"ok"}  # the workers reach the instruments again
    agent.stdin.write("\n")
    agent.stdin.flush()
    assert json.loads(agent.stdout.readline()) == end["said"] == list(range(len(end["said"])))
