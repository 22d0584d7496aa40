"""The end of a child process that lives only as long as its owner."""

from __future__ import annotations

import logging
import subprocess

logger = logging.getLogger(__name__)


def end_child(process: subprocess.Popen[bytes], what: str, within_s: float) -> None:
    """Close the child's standard input, which tells it to end, and wait; one that does not end is killed.

    :param process: with pipes for standard input and output
    :param what: its name, for the log
    :param within_s: real seconds that it may take
    """
    assert process.stdin is not None and process.stdout is not None  # asked for at its start
    process.stdin.close()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        logger.error("%s did not end within %.0f s: killed", what, within_s)
        process.kill()
        process.wait()
    process.stdout.close()
