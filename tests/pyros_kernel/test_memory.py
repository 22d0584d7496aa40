"""Memory that stays flat: threads share their arenas."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

CODE = """
import ctypes, sys, threading
from pyros_kernel.memory import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
here, there = threading.Barrier(9), threading.Barrier(9)
def work():
    kept = [bytearray(100_000) for _ in range(20)]
    here.wait(20)
    there.wait(20)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
here.wait(20)
ctypes.CDLL(None).malloc_stats()
there.wait(20)
for thread in threads: thread.join()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_two_arenas() -> None:
    def arenas(how: str) -> int:
        told = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, timeout=60, check=True)
        return told.stderr.count("Arena ")

    assert arenas("shared") <= 2 < arenas("by itself")
