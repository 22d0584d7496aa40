"""Python's garbage collector in a program of our own that takes packets."""

from __future__ import annotations

import gc

# A packet makes some hundred objects, without cycles, which live until it has its row: looking through them after
# every 700, as Python does, took a tenth of the processor time per packet and frees nothing.
_NEW_OBJECTS = 50_000


def spare_collector() -> None:
    """Leave what the program has loaded out of each collection, and collect less often; not for a user's kernel."""
    gc.freeze()  # without a collection before it: that would take 0.2 s in which authors wait
    gc.set_threshold(_NEW_OBJECTS)
