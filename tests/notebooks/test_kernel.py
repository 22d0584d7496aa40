"""In a real kernel: interrupts, restarts, and starting again, with nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.waiting import until

START = """
from pyros_kernel import Observatory
obs = Observatory({data!r}, start="2022-09-30T08:00:00", speed=100, fixtures=("night_2022-09-29.json",))
obs.start()
run = obs.observe()
import time
while not any(s.status == "executing" for s in obs.snapshot().placed): time.sleep(0.02)
print("OBSERVING")
"""


class Kernel:
    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel()
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, timeout_s: float = 60) -> tuple[str, str]:
        """Run a cell; give what it printed, and the name of its error."""
        said: list[str] = []

        def hear(message: dict) -> None:
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])

        reply = self.client.execute_interactive(code, timeout=timeout_s, output_hook=hear)
        return "".join(said), reply["content"].get("ename", "")

    def children(self) -> list[psutil.Process]:
        me = psutil.Process(self.manager.provisioner.pid)  # type: ignore[union-attr]
        return me.children(recursive=True)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)
        self.manager.cleanup_resources()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    running = Kernel()
    yield running
    running.stop()


def gone(processes: list[psutil.Process], seconds: float = 10) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not alive


def test_an_interrupt_ends_the_wait_and_not_the_night(kernel: Kernel, tmp_path: Path) -> None:
    assert kernel.run(START.format(data=str(tmp_path)))[0].endswith("OBSERVING\n")
    for wait in ("run.wait()", "await run", "await obs.until(lambda: False)"):
        message = kernel.client.execute(wait)
        time.sleep(0.5)
        kernel.manager.interrupt_kernel()
        reply = kernel.client.get_shell_msg(timeout=20)
        while reply["parent_header"].get("msg_id") != message:
            reply = kernel.client.get_shell_msg(timeout=20)
        assert reply["content"]["ename"] in ("KeyboardInterrupt", "CancelledError")
        said, error = kernel.run("print(obs.snapshot().night.status, len(obs.snapshot().errors))")
        assert (said, error) == ("observing 0\n", "")
    simulators = kernel.children()
    assert simulators
    assert kernel.run("obs.stop(); obs.check()")[1] == ""
    assert gone(simulators)
    said, _ = kernel.run(
        "import threading; print([t.name for t in threading.enumerate() if t.name.startswith('pyros')])"
    )
    assert said == "[]\n"


def test_a_cell_that_is_run_again_goes_on_with_its_night(kernel: Kernel, tmp_path: Path) -> None:
    assert kernel.run(START.format(data=str(tmp_path)))[0].endswith("OBSERVING\n")
    kernel.run("first, panel = obs, obs.panel()")
    simulators = {process.pid for process in kernel.children()}
    said, error = kernel.run(START.format(data=str(tmp_path)))
    assert (said.endswith("OBSERVING\n"), error) == (True, "")
    assert {process.pid for process in kernel.children()} == simulators, "nothing was started twice"
    said, _ = kernel.run("again = obs.panel(); print(first.running, obs.running, panel.closed, again.closed)")
    assert said == "False True True False\n"
    other = START.format(data=str(tmp_path)).replace("speed=100", "speed=90")
    assert kernel.run(other)[1] == "Held", "what is wanted otherwise is another observatory"
    assert kernel.run("first = None; again.observatory.stop(); again.observatory.check()")[1] == ""


def test_a_restart_of_the_kernel_leaves_nothing_and_the_next_start_works_at_once(
    kernel: Kernel, tmp_path: Path
) -> None:
    for _ in range(2):
        assert kernel.run(START.format(data=str(tmp_path)))[0].endswith("OBSERVING\n")
        simulators = kernel.children()
        assert simulators
        kernel.manager.restart_kernel(now=False)
        kernel.client.wait_for_ready(timeout=60)
        assert gone(simulators)
    assert list(tmp_path.rglob("*.part")) == []


WATCH = """
from pyros_kernel import Observatory
obs = Observatory({data!r})
try:
    obs.start()
except Exception as held:
    print(type(held).__name__)
obs.watch()
"""
RUNNING = "print([s.id for s in obs.snapshot().placed if s.status == 'executing'])"
EXPOSING = "print([d.name for d in obs.snapshot().devices if d.state.get('activity') == 'exposing'])"
IMAGES = "print(obs.summary()['images']['total'])"


def test_a_reopened_notebook_sees_the_exposure_that_runs_and_the_night_as_it_is(kernel: Kernel, tmp_path: Path) -> None:
    start = START.format(data=str(tmp_path)).replace("speed=100", "speed=20")
    assert kernel.run(start)[0].endswith("OBSERVING\n")
    # The same notebook, closed and opened again: another client of its kernel, with a session of its own.
    again = BlockingKernelClient(connection_file=kernel.manager.connection_file)
    again.load_connection_file()
    again.start_channels()
    again.wait_for_ready(timeout=60)
    # By the reply itself: what a kernel prints may be said before a new client listens.
    message = again.execute("", user_expressions={"status": "obs.snapshot().night.status"})
    reply = again.get_shell_msg(timeout=60)
    while reply["parent_header"].get("msg_id") != message:
        reply = again.get_shell_msg(timeout=60)
    again.stop_channels()
    assert reply["content"]["user_expressions"]["status"]["data"]["text/plain"] == "'observing'"

    other = Kernel()  # and a notebook with a kernel of its own
    try:
        assert other.run(WATCH.format(data=str(tmp_path))) == ("Held\n", "")

        def both_see(what: str) -> bool:
            here, there = kernel.run(what)[0], other.run(what)[0]
            return here == there != "[]\n"

        until(lambda: both_see(RUNNING), "both see the same sequence run")
        until(lambda: both_see(EXPOSING), "both see the same cameras expose")
        images = int(other.run(IMAGES)[0])
        until(lambda: int(other.run(IMAGES)[0]) > images, "it sees the exposure end in an image")
        assert other.run("obs.stop()")[1] == ""
    finally:
        other.stop()
    assert kernel.run("print(obs.snapshot().night.status); obs.stop(); obs.check()") == ("observing\n", "")
