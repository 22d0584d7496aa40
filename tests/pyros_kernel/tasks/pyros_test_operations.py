"""Tasks for the tests, as a user would write them: in a module of one's own, named in PYROS_TASKS."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from pyros_kernel.tasks import app

QUEUES = ("my_operations_q", "nir_q", "one_q", "vis_q")


@app.task(name="operations.mul", goes_to="my_operations_q")
def mul(x: int, y: int) -> int:
    """Multiply."""
    return x * y


@app.task(name="operations.expose", goes_to="my_operations_q", bind=True)
def expose(self: Any, seconds: float, directory: str) -> str:
    """Expose step by step, and leave the camera safe whatever happens."""
    (Path(directory) / "began").touch()
    try:
        end = time.monotonic() + seconds
        step = 0
        while time.monotonic() < end and not (Path(directory) / "enough").exists():
            self.update_state(state="PROGRESS", meta={"done": step, "total": 100})
            step += 1
            time.sleep(0.02)
    finally:
        time.sleep(0.3)
        (Path(directory) / "safe").touch()
    return "exposed"


@app.task(name="operations.stubborn", goes_to="my_operations_q", grace_s=1.0)
def stubborn(directory: str) -> None:
    """Refuse to end."""
    (Path(directory) / "pid").write_text(str(os.getpid()))
    while True:
        try:
            time.sleep(60)
        except BaseException:  # noqa: BLE001 - that is what it is for
            (Path(directory) / "ignored").touch()


@app.task(
    name="operations.flaky",
    goes_to="my_operations_q",
    autoretry_for=(OSError,),
    retry_backoff=0.1,
    retry_jitter=False,
    max_retries=5,
)
def flaky(directory: str, failures: int) -> int:
    """Fail so many times, then succeed."""
    path = Path(directory) / "calls"
    calls = len(path.read_text()) if path.exists() else 0
    path.write_text("x" * (calls + 1))
    if calls < failures:
        raise OSError("the disk is busy")
    return calls + 1


@app.task(name="operations.hang", goes_to="my_operations_q", soft_time_limit=1, time_limit=30)
def hang(directory: str) -> None:
    """Take too long."""
    try:
        time.sleep(60)
    finally:
        (Path(directory) / "safe").touch()


@app.task(name="operations.hang_hard", goes_to="my_operations_q", time_limit=1)
def hang_hard() -> None:
    """Take too long, and not even notice."""
    time.sleep(60)


@app.task(name="operations.schedule", goes_to="one_q")
def schedule(path: str, name: str) -> None:
    """Note when it began and when it ended."""
    with Path(path).open("a") as log:
        log.write(f"{name} begins\n")
        log.flush()
        time.sleep(0.2)
        log.write(f"{name} ends\n")


@app.task(name="operations.slew", goes_to="my_operations_q")
def slew(target: str) -> str:
    """Slew."""
    return f"{target} slewed"


@app.task(name="operations.vis", goes_to="vis_q")
def vis(before: str, path: str) -> str:
    """Take the visible plan; it ends only once the other one has begun."""
    return _meet(before, path, "vis", "nir")


@app.task(name="operations.nir", goes_to="nir_q")
def nir(before: str, path: str) -> str:
    """Take the near-infrared plan; it ends only once the other one has begun."""
    return _meet(before, path, "nir", "vis")


@app.task(name="operations.analyse", goes_to="one_q")
def analyse(images: list[str]) -> str:
    """Put together what both plans took."""
    return " + ".join(images)


@app.task(name="operations.note", goes_to="one_q")
def note(found: list[Any]) -> list[Any]:
    """Give back what both parts gave."""
    return found


@app.task(name="operations.fail", goes_to="my_operations_q")
def fail() -> None:
    """Fail."""
    raise ValueError("no such star")


@app.task(name="operations.die_once", goes_to="my_operations_q", rerun=True)
def die_once(directory: str) -> str:
    """Die with the process at the first try; may run again."""
    if not (Path(directory) / "died").exists():
        (Path(directory) / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@app.task(name="operations.die", goes_to="my_operations_q")
def die(directory: str) -> None:
    """Die with the process; must not run again by itself."""
    with (Path(directory) / "tries").open("a") as tries:
        tries.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="operations.long_rerun", goes_to="my_operations_q", rerun=True)
def long_rerun(directory: str) -> str:
    """Take long at the first try only."""
    path = Path(directory) / "first"
    if not path.exists():
        path.touch()
        time.sleep(60)
    return "done"


def _meet(before: str, path: str, me: str, other: str) -> str:
    (Path(path) / me).touch()
    deadline = time.monotonic() + 20
    while not (Path(path) / other).exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{me} and {other} did not run at the same time")
        time.sleep(0.01)
    return f"{before}, {me}"
