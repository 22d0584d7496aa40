"""Check every prerequisite of an observatory, and say what mends what is wrong."""

from pyros_kernel.doctor.examine import examine
from pyros_kernel.doctor.finding import Finding

__all__ = ["Finding", "examine"]
