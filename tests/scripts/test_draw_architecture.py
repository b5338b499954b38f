import subprocess
import sys
from pathlib import Path

from scripts.draw_architecture import LABELS, OUT
from utils.objective.video import TERMS

ROOT = Path(__file__).parents[2]


def test_every_term_is_drawn_as_text():
    assert list(LABELS) == list(TERMS)
    svg = OUT.read_text()
    assert all(f">{label}</text>" in svg for label in LABELS.values())


def test_the_committed_picture_is_what_the_script_draws(tmp_path):
    again = tmp_path / "again.svg"
    subprocess.run([sys.executable, "-m", "scripts.draw_architecture", str(again)], cwd=ROOT, check=True)
    assert again.read_bytes() == OUT.read_bytes()
