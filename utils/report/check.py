"""check.html: what an audit has found, and what the network would see, on one page that needs no other file."""

from pathlib import Path

from utils.findings import LEVELS, Finding, worst_first
from utils.report.curves import thumbnails
from utils.report.frame import render
from utils.sheets import Sheet

TEMPLATE = "check.html.j2"
FRAMES = 3  # of a strip
BARS = 40  # of a distribution


def write_check_page(path: Path, recipe: str, findings: list[Finding], sheets: list[Sheet]) -> Path:
    """Write the page and return its path; the sheets' frames are shown small, so that it stays below some 5 MB."""
    counts = {level: sum(finding.level == level for finding in findings) for level in LEVELS}
    context = {
        "recipe": recipe, "counts": counts, "pictures": lambda strip: thumbnails(strip, FRAMES),
        "findings": {level: [finding for finding in worst_first(findings) if finding.level == level]
                     for level, count in counts.items() if count},
        "verdict": ", ".join(f"{count or 'no'} {level}{'' if count == 1 else 's'}" for level, count in counts.items()),
        "sheets": sheets, "bars": BARS,
    }
    path.write_text(render(TEMPLATE, context), encoding="utf-8")
    return path
