"""Run cells in a real ipykernel, interrupt some of them, and see what each printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

INTERRUPTED = None  # what is expected of a cell that is interrupted while it runs
_PAUSE_S = 0.5  # a cell is well under way then


def run_cells(cells: dict[str, str | None], directory: Path, timeout_s: float, **environment: str) -> None:
    """Run cells one after the other in a kernel of their own, and fail unless each prints what is expected of it.

    :param cells: source → what it prints, or INTERRUPTED
    :param directory: where the kernel works
    :param environment: of the kernel; one that is empty is taken away
    """
    variables = {
        **os.environ,
        "IPYTHONDIR": str(directory),
        "JUPYTER_RUNTIME_DIR": str(directory),
        "PYTHONPATH": os.pathsep.join(sys.path),
        **environment,
    }
    ran = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps({"cells": list(cells.items()), "timeout_s": timeout_s}),
        env={name: value for name, value in variables.items() if value},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=1.5 * timeout_s,
        start_new_session=True,
        check=False,
    )
    assert ran.stdout.strip() == "[]", ran.stdout + ran.stderr


def _main() -> None:
    """Drive the kernel, in a process of its own: its interrupts must not reach the tests."""
    from jupyter_client.manager import KernelManager

    asked = json.load(sys.stdin)
    manager = KernelManager()
    manager.start_kernel(independent=False)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        wrong = [what for each in asked["cells"] if (what := _run(manager, client, *each, asked["timeout_s"]))]
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    print(wrong)


def _run(manager: Any, client: Any, source: str, expected: str | None, timeout_s: float) -> list[object]:
    printed: list[str] = []

    def hook(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            printed.append(content["text"])
        busy = message["msg_type"] == "status" and content["execution_state"] == "busy"
        if busy and expected is INTERRUPTED:
            time.sleep(_PAUSE_S)
            manager.interrupt_kernel()

    reply = client.execute_interactive(source, output_hook=hook, timeout=timeout_s)["content"]
    if expected is INTERRUPTED:
        return [] if reply.get("ename") == "KeyboardInterrupt" else [source, reply]
    return [] if "".join(printed).strip() == expected else [source, printed, reply.get("traceback")]


if __name__ == "__main__":
    _main()
