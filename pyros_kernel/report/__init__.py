"""What remains of a night: a page to show, and figures to work with; names only."""

from pyros_kernel.report.notebook import NightCells
from pyros_kernel.report.page import write_report
from pyros_kernel.report.summary import summarise, write_summary

__all__ = ["NightCells", "summarise", "write_report", "write_summary"]
