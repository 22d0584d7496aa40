"""The drill: each promise of safety and recovery, tried with real processes that are really killed."""
