"""Each promise of speed, next to a peer or to the physical limit, measured in the same run."""
