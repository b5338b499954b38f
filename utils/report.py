"""report.html."""

from pathlib import Path

from torch import Tensor


def write_report(run_dir: Path, frames: dict[str, Tensor]) -> Path:
    path = run_dir / "report.html"
    path.write_text("")
    return path
