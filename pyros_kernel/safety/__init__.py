"""Rules, verdict and its reasons; nothing opens a dome without a fresh SAFE verdict."""

from pyros_kernel.safety.gate import GatedDome, Unsafe
from pyros_kernel.safety.rules import Rule, RuleError, read_rules
from pyros_kernel.safety.verdict import Reason, Safety, Verdict
from pyros_kernel.safety.watch import SafetyWatch

__all__ = [
    "GatedDome",
    "Reason",
    "Rule",
    "RuleError",
    "Safety",
    "SafetyWatch",
    "Unsafe",
    "Verdict",
    "read_rules",
]
