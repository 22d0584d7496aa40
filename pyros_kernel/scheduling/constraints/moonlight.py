"""Constraints of the Moon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.constraints.view import View
from pyros_kernel.scheduling.earth import Floats

_MOON_CYCLE_D = 29.530588853


@dataclass(frozen=True, slots=True)
class MoonAvoidance:
    """Distance from the Moon by its phase (the Lorentzian of Berry, "Moon avoidance") and its altitude.

    :param distance_deg: at full Moon
    :param width_days: so many days from full Moon it is half of that
    :param per_degree: less by this for each degree the Moon stands below ``full_above_deg``; nothing is asked while
        the Moon is down
    """

    distance_deg: float = 60.0
    width_days: float = 7.0
    per_degree: float = 0.0
    full_above_deg: float = 10.0
    unit = "°"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"Moon avoidance {self.distance_deg:g}° at full Moon"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        angle = np.arccos(np.clip(2 * view.moon_illumination(unix_s) - 1, -1, 1))  # 0 at full Moon
        days = angle / (2 * np.pi) * _MOON_CYCLE_D
        altitude = view.moon_altitude_deg(unix_s)
        needed = self.distance_deg / (1 + (days / self.width_days) ** 2)
        needed = needed - self.per_degree * np.maximum(0.0, self.full_above_deg - altitude)
        return np.maximum(view.moon_separation_deg(unix_s) - needed, -altitude)


@dataclass(frozen=True, slots=True)
class MoonSeparation:
    """Distance from the Moon, asked only while it is up and lit by more than ``lit``."""

    distance_deg: float
    lit: float = 0.0
    unit = "°"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"Moon {self.distance_deg:g}° away while up"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        far = np.maximum(view.moon_separation_deg(unix_s) - self.distance_deg, -view.moon_altitude_deg(unix_s))
        return np.maximum(far, 100.0 * (self.lit - view.moon_illumination(unix_s)))
