"""The observatory's clock, the only source of time (see ``instruments.clock``, where it is made)."""

from instruments.clock import Cancelled, Clock, ManualClock, to_unix_s, utc

__all__ = ["Cancelled", "Clock", "ManualClock", "to_unix_s", "utc"]
