"""Panels on a running observatory."""

from widgets.night import NightPanel
from widgets.observed import Observed
from widgets.panel import Panel

__all__ = ["NightPanel", "Observed", "Panel"]
