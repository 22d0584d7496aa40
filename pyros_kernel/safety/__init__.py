"""Rules, verdict and its reasons; nothing opens a dome without a fresh SAFE verdict."""

from pyros_kernel.safety.verdict import Reason, Safety, Verdict

__all__ = ["Reason", "Safety", "Verdict"]
