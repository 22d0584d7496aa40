"""A night over four machines, of which each is cut off in turn: nothing is lost, and nothing done twice.

Store and broker, instruments with the agents beside them, workers, and the observer's notebook.  Each run has the end
of a night, on a clock on which a cut of five seconds lasts 20 minutes; PYROS_NIGHTLY=1 a whole night, cut for minutes,
on Redis and on RabbitMQ.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pyros_kernel.agents.keys import Keys
from pyros_kernel.agents.names import NAMES
from pyros_kernel.settings import ROOT
from tests.conftest import require
from tests.services.machines import Machines, NoNetwork
from tests.services.own_brokers import START_S, rabbitmq_at
from tests.waiting import until

HERE = Path(__file__).parent
OPERATIONS = HERE.parents[0] / "pyros_kernel" / "tasks"
PYTHON, PIPE, NOWHERE = sys.executable, subprocess.PIPE, subprocess.DEVNULL
ANSWER_S = 300.0  # real seconds, of the notebook: it waits for the store, and at the end for all results
BACK_S = 150.0  # real seconds until all goes on after a cut


@dataclass(frozen=True)
class Form:
    """How much of a night, and how long each machine is cut off (real seconds)."""

    clock: tuple[str, ...]
    cut_s: float
    end_s: float
    at_least: int


SHORT = Form(("--start", "2022-09-30T07:30:00", "--speed", "240"), cut_s=5.0, end_s=240.0, at_least=3)
WHOLE = Form(("--night", "2022-09-29", "--speed", "100"), cut_s=60.0, end_s=900.0, at_least=4)


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
        stdout=NOWHERE,
        stderr=NOWHERE,
        cwd=directory,
    )
    return f"postgresql://postgres@{here}/postgres"


def _redis(machines: Machines, _directory: Path) -> str:
    redis, here = require("redis-server", "apt-get install redis-server"), machines.address["store"]
    words = ("--bind", here, "--protected-mode", "no", "--save", "")
    machines.start("store", redis, *words, stdout=NOWHERE, stderr=NOWHERE)
    return f"redis://{here}:6379/0"


def _rabbitmq(machines: Machines, directory: Path) -> str:
    own, here = directory / "rabbitmq", machines.address["store"]
    own.mkdir()
    command, environment = rabbitmq_at(own, here, 5672)
    machines.start("store", *command, env=environment, stdout=NOWHERE, stderr=NOWHERE)
    greet = (
        f"import socket; link = socket.create_connection(({here!r}, 5672), 2); "
        "link.sendall(b'AMQP\\0\\0\\x09\\x01'); assert link.recv(8)"
    )

    def greets() -> bool:
        return machines.start("notebook", PYTHON, "-c", greet, stderr=NOWHERE).wait(30) == 0

    until(greets, "RabbitMQ answers", START_S)
    return f"amqp://guest:guest@{here}:5672//"


class Night:
    """The four machines with all that runs on them.

    :param directory: in which each machine has its own data directory, ini file and key
    :param broker: starts one on the store's machine, and gives its address
    """

    def __init__(
        self,
        form: Form,
        machines: Machines,
        stack: ExitStack,
        directory: Path,
        broker: Callable[[Machines, Path], str],
    ) -> None:
        self._machines, self._directory, self._keys = machines, directory, Keys.make()
        self._database = _postgresql(machines, stack)
        self._broker = broker(machines, directory)
        until(lambda: self._python("notebook", "prepare", stderr=NOWHERE).wait(90) == 0, "the store is prepared", 120)
        self.listener = self._python("instruments", "listener", stdin=PIPE, stdout=PIPE)
        assert self.listener.stdout is not None and self.listener.stdout.readline() == "listening\n"
        self._pyros("workers", "workers", "--queues", "my_operations_q,monitoring_q", "ALL")
        self._notebook = self._python("notebook", "notebook", stdin=PIPE, stdout=PIPE)
        instruments = machines.address["instruments"]
        self._pyros("instruments", "simulators", *form.clock, "--listen", instruments, "READY ")  # the clock runs
        self._pyros("instruments", "agents", "start", "observatory San Pedro")
        assert self.ask("the agents are there") == float(form.clock[-1]), "it goes by the simulators' clock"

    def ask(self, question: str) -> Any:
        """Ask the notebook."""
        return _ask(self._notebook, question)

    def judge(self) -> dict[str, Any]:
        """Look through the store, and compare it with the files on the instruments' machine."""
        judge = self._python("notebook", "judge", stdout=PIPE)
        found = json.loads(judge.communicate(timeout=60)[0])
        images = self._directory / "instruments"
        files = sorted(str(path.relative_to(images)) for path in images.rglob("*.fits"))
        kept = [path for path in files if "/master_" not in path]
        if missing := sorted(set(found["images"]) - set(files)):
            found["wrong"].append(f"no file of {missing}")
        if unknown := sorted(set(kept) - set(found["images"])):
            found["wrong"].append(f"no row of {unknown}")
        return found

    def _python(self, machine: str, script: str, **how: Any) -> subprocess.Popen[str]:
        path = str(HERE / "on_machines" / f"{script}.py")
        return self._machines.start(machine, PYTHON, path, env=self._environment(machine), **how)

    def _pyros(self, machine: str, *words: str) -> None:
        """Run a command of pyros until the end, and wait until it says its last word."""
        log = self._directory / f"{machine}-{words[0]}.log"
        with log.open("w") as output:
            command = (PYTHON, "-m", "pyros_kernel.cli", *words[:-1])
            process = self._machines.start(
                machine, *command, env=self._environment(machine), stdout=output, stderr=subprocess.STDOUT
            )
        until(lambda: words[-1] in log.read_text() or process.poll() is not None, f"{words[0]} is ready", 90)
        assert process.poll() is None, log.read_text()

    def _environment(self, machine: str) -> dict[str, str]:
        where = self._machines.address
        data = self._directory / machine
        data.mkdir(exist_ok=True)
        ini = data / "pyros_agent_config.ini"
        agents = [
            f"[{name}]\nip = {where['instruments']}\nport = {5550 + i}\n" for i, name in enumerate((*NAMES, "listener"))
        ]
        ini.write_text("\n".join(agents), encoding="ascii")
        if not (data / "pyros_agents.key").exists():
            self._keys.write(data / "pyros_agents.key")
        return {
            "PYROS_DATA": str(data),
            "PYROS_AGENT_CONFIG": str(ini),
            "PYROS_DATABASE_URL": self._database,
            "PYROS_BROKER_URL": self._broker,
            "PYROS_SIMULATORS": f"{where['instruments']}:11110",
            "PYROS_TASKS": "pyros_test_operations",
            "PYTHONPATH": os.pathsep.join([str(OPERATIONS), str(ROOT)]),
        }


def _ask(process: subprocess.Popen[str], question: str) -> Any:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{question}\n")
    process.stdin.flush()
    assert select.select([process.stdout], [], [], ANSWER_S)[0], f"no answer to {question!r} within {ANSWER_S:g} s"
    return json.loads(process.stdout.readline())


def _more(night: Night, by: int) -> Callable[[], bool]:
    """Tell whether tasks and messages have gone on, and the night too."""
    before = night.ask("how many")

    def gone_on() -> bool:
        tasks, messages, _, status = night.ask("how many")
        observed = status in ("observing", "closing", "calibrating", "done")
        return observed and tasks > before[0] + by and messages > before[1] + by

    return gone_on


@pytest.mark.timeout(2400)
@pytest.mark.parametrize(
    ("form", "broker"),
    [
        pytest.param(SHORT, _redis, id="short"),
        pytest.param(WHOLE, _redis, id="whole"),
        pytest.param(WHOLE, _rabbitmq, id="whole-rabbitmq"),
    ],
)
def test_each_machine_is_cut_off_in_turn_and_nothing_is_lost(
    form: Form, broker: Callable[[Machines, Path], str], machines: Machines, stack: ExitStack, tmp_path: Path
) -> None:
    if form is WHOLE and not os.environ.get("PYROS_NIGHTLY"):
        pytest.skip("a whole night with cuts of a minute takes 20 minutes: PYROS_NIGHTLY=1")
    night = Night(form, machines, stack, tmp_path, broker)
    until(lambda: night.ask("how many")[2] > 0 or night.ask("how many")[3] == "done", "a sequence was observed", 300)
    assert night.ask("how many")[3] == "observing", "not before its end"
    for name in machines.address:
        until(_more(night, 3), "it works", BACK_S)
        machines.cut(name)
        time.sleep(form.cut_s)
        machines.heal(name)
        until(_more(night, 3), f"all goes on after {name} was away", BACK_S)
    until(lambda: night.ask("how many")[3] == "done", "the night has ended", form.end_s)
    seen = night.ask("snapshot")
    assert (seen["dome"]["shutter"], set(seen["agents"].values()) - {"busy"}) == ("closed", {"running"}), seen
    end = night.ask("enough")
    assert end["tasks"] == {str(number): 3 * number for number in range(len(end["tasks"]))}
    assert set(end["tries"]) == {1}
    assert set(end["looks"][-1].values()) == {"ok"}, "the workers reach the instruments again"
    assert end["doubtful"], "the cuts were felt"
    heard = _ask(night.listener, "")
    assert len(heard) == len(set(heard)), "none was heard twice"
    assert set(end["said"]) <= set(heard) <= {*end["said"], *end["doubtful"]}, "what was acknowledged was heard"
    found = night.judge()
    assert found["wrong"] == []
    assert found["executed"] >= form.at_least
