"""Each promise of speed, next to a peer or a physical limit, in one run."""

import sys

FULL = "--full" in sys.argv  # what takes more than a few minutes too
