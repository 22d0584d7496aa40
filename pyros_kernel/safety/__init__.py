"""Rules, verdict and its reasons; nothing opens a dome without a fresh SAFE verdict."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyros_kernel.safety.gate import GatedDome, Unsafe
    from pyros_kernel.safety.judge import Judge
    from pyros_kernel.safety.rules import Rule, RuleError, read_rules
    from pyros_kernel.safety.verdict import Reason, Safety, Verdict
    from pyros_kernel.safety.watch import SafetyWatch

__all__ = [
    "GatedDome",
    "Judge",
    "Reason",
    "Rule",
    "RuleError",
    "Safety",
    "SafetyWatch",
    "Unsafe",
    "Verdict",
    "read_rules",
]

_HOMES = {
    "gate": ("GatedDome", "Unsafe"),
    "judge": ("Judge",),
    "rules": ("Rule", "RuleError", "read_rules"),
    "verdict": ("Reason", "Safety", "Verdict"),
    "watch": ("SafetyWatch",),
}


def __getattr__(name: str) -> Any:
    # Looked up when first asked for: the guardian needs rules and verdicts, and must stay small without astropy.
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
