"""The rules: read from ``rules.toml``, each applied to one quantity."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from pyros_kernel.safety.verdict import Safety

CONSEQUENCES = ("warn", "pause", "close", "close_now")


class RuleError(ValueError):
    """The rule table can't be used; says which rule and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit on one quantity.

    :param quantity: name of the quantity, as a source of readings calls it
    :param max_age_s: older than this, by the source's own clock, a reading is unknown
    :param reopen_s: how long it must have been safe again before the dome may open
    :param unsafe_above: unsafe beyond this value; once unsafe, safe again only below ``safe_below``
    :param unsafe_below: the same downwards, with ``safe_above``
    :param unsafe_if: the value of a contact that is unsafe
    :param agree: how many sources must say that it is safe
    :param confirm: how many sources must say that it is unsafe; of fewer living ones, all
    :param frozen_s: a source whose value has stood still for so long is stuck; 0 for what may stand still
    """

    quantity: str
    max_age_s: float
    reopen_s: float
    consequence: str
    why: str
    unit: str = ""
    unsafe_above: float | None = None
    safe_below: float | None = None
    unsafe_below: float | None = None
    safe_above: float | None = None
    unsafe_if: bool | None = None
    agree: int = 1
    confirm: int = 1
    frozen_s: float = 0.0

    def __post_init__(self) -> None:
        limits = [x for x in (self.unsafe_above, self.unsafe_below, self.unsafe_if) if x is not None]
        if len(limits) != 1:
            raise RuleError(f"rule {self.quantity!r} needs exactly one of unsafe_above, unsafe_below, unsafe_if")
        if self.consequence not in CONSEQUENCES:
            raise RuleError(f"rule {self.quantity!r}: consequence {self.consequence!r} is not one of {CONSEQUENCES}")
        if not (self.max_age_s > 0 and self.reopen_s >= 0):
            raise RuleError(f"rule {self.quantity!r}: max_age_s must be positive, reopen_s not negative")
        if self.agree < 1 or self.confirm < 1 or self.frozen_s < 0:
            raise RuleError(f"rule {self.quantity!r}: agree and confirm count from 1, frozen_s from 0")
        if self.unsafe_above is not None and self.safe_below is not None and self.safe_below > self.unsafe_above:
            raise RuleError(f"rule {self.quantity!r}: safe_below lies above unsafe_above")
        if self.unsafe_below is not None and self.safe_above is not None and self.safe_above < self.unsafe_below:
            raise RuleError(f"rule {self.quantity!r}: safe_above lies below unsafe_below")

    def judge(self, value: float | bool, was_unsafe: bool) -> tuple[Safety, str]:
        """Say whether a fresh value is safe, and in words why.

        :param was_unsafe: whether it was unsafe before, which asks for the stricter limit (hysteresis)
        """
        if self.unsafe_if is not None:
            word = "yes" if value else "no"
            safety = Safety.UNSAFE if bool(value) == self.unsafe_if else Safety.SAFE
            return safety, f"{self.quantity.replace('_', ' ')}: {word}"
        if isinstance(value, bool) or not math.isfinite(value):
            return Safety.UNKNOWN, f"{self._name}: {value!r} is not a number"
        shown = f"{self._name} {value:.1f} {self.unit}".rstrip()
        if self.unsafe_above is not None:
            back = self.unsafe_above if self.safe_below is None else self.safe_below
            return self._compare(
                shown, value - self.unsafe_above, value - back, was_unsafe, ">", self.unsafe_above, back
            )
        assert self.unsafe_below is not None  # __post_init__ saw to it
        back = self.unsafe_below if self.safe_above is None else self.safe_above
        return self._compare(shown, self.unsafe_below - value, back - value, was_unsafe, "<", self.unsafe_below, back)

    @property
    def _name(self) -> str:
        return self.quantity.replace("_", " ")

    def _compare(
        self,
        shown: str,
        over: float,
        over_back: float,
        was_unsafe: bool,
        sign: str,
        limit: float,
        back: float,
    ) -> tuple[Safety, str]:
        if over > 0:
            return Safety.UNSAFE, f"{shown} {sign} {limit:g} {self.unit}".rstrip()
        if was_unsafe and over_back > 0:
            return Safety.UNSAFE, f"{shown}, not yet back past {back:g} {self.unit}".rstrip()
        return Safety.SAFE, shown


def read_rules(path: Path | None = None) -> tuple[Rule, ...]:
    """Read the rule table.

    :param path: a TOML file of ``[[rule]]`` tables; PyROS's own ``rules.toml`` if left out
    :raises RuleError: if it isn't one; names the rule and the field
    """
    where = str(path) if path is not None else "rules.toml"
    text = (path or files("pyros_kernel.safety").joinpath("rules.toml")).read_text(encoding="utf-8")
    try:
        tables = tomllib.loads(text).get("rule", [])
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{where}: not TOML: {error}") from error
    known = {f.name for f in fields(Rule)}
    rules: list[Rule] = []
    for number, table in enumerate(tables, 1):
        if unknown := set(table) - known:
            raise RuleError(f"{where}: rule {number}: unknown field {', '.join(sorted(unknown))}")
        try:
            rules.append(Rule(**table))
        except (TypeError, RuleError) as error:
            raise RuleError(f"{where}: rule {number}: {error}") from error
    if not rules:
        raise RuleError(f"{where}: holds no rule: nothing would ever be unsafe")
    return tuple(rules)
