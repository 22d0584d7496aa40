"""The control lease: one kernel commands the instruments, the others watch and know who does."""

from pyros_kernel.lease.control import ControlLease, LeaseHeld, NotCommanding
from pyros_kernel.lease.view import LeaseView, lapsed

__all__ = ["ControlLease", "LeaseHeld", "LeaseView", "NotCommanding", "lapsed"]
