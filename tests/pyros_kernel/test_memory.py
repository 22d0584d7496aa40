"""Memory that stays flat: threads share their arenas, and images are given back."""

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


FRAMES = """
import ctypes, os, sys
from pyros_kernel.memory import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
def resident():
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
larger = bytearray(16_000_000)
del larger  # from now on the library keeps what is smaller in its heap
before, frames, pins = resident(), [], []
for _ in range(40):
    frame = bytearray(1_000_000)
    frame[::1024] = b"x" * len(frame[::1024])
    frames.append(frame)
    pins.append(bytearray(60_000))
del frame
frames.clear()
print((resident() - before) // 1_000_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps them")
def test_frames_are_given_back_whatever_lies_between_them() -> None:
    def left_mb(how: str) -> int:
        told = subprocess.run(
            [sys.executable, "-c", FRAMES, how], capture_output=True, text=True, timeout=60, check=True
        )
        return int(told.stdout)

    assert left_mb("shared") < 10 < 30 < left_mb("by itself")
