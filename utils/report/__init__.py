"""report.html: a run's scores and curves on one page that needs no other file."""

from utils.report.clips import write_report

__all__ = ["write_report"]
