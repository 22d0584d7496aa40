"""Constraints of what the sky is like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyros_kernel.scheduling.constraints.view import View, airmass
from pyros_kernel.scheduling.earth import Floats

# The classes by name; words and limits are ours, within what observatories in service mode ask for.
SEEINGS = {"excellent": 0.8, "good": 1.2, "fair": 1.8, "poor": 3.0}  # largest FWHM at the target, arcsec
TRANSPARENCIES = {"photometric": 0.98, "clear": 0.9, "thin": 0.7}  # least share of the light that comes through


@dataclass(frozen=True, slots=True)
class SeeingBelow:
    """Seeing at the target (FWHM, arcsec): that at the zenith times airmass^0.6 (Kolmogorov turbulence)."""

    limit_arcsec: float
    unit = "arcsec"

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"seeing below {self.limit_arcsec:g} arcsec"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        if view.conditions is None:
            return np.full(unix_s.shape, np.inf)
        return self.limit_arcsec - view.conditions.seeing(unix_s) * airmass(view.altitude_deg(unix_s)) ** 0.6


@dataclass(frozen=True, slots=True)
class TransparencyAbove:
    """Transparency of the sky, 0 … 1."""

    limit: float
    unit = ""

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"transparency above {self.limit:g}"

    def margin(self, view: View, unix_s: Floats) -> Floats:
        """Give how far it is from being broken."""
        if view.conditions is None:
            return np.full(unix_s.shape, np.inf)
        return view.conditions.transparency(unix_s) - self.limit
