import json
from pathlib import Path

import pytest

from benchmarks import text_tower
from benchmarks.results import Comparison
from commands.bench import BENCHES
from main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stand_in(monkeypatch) -> None:
    """A benchmark that takes no time."""
    monkeypatch.setattr(text_tower, "run", lambda rounds: [Comparison(
        "Stand-in", {"slow": [0.2] * rounds, "fast": [0.1] * rounds}, [("slow", "fast")])])


def test_table_figures_and_picture(stand_in, tmp_path, capsys):
    assert main(["bench", "text_tower", "--rounds", "3", "--output-dir", str(tmp_path / "bench")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("## text_tower\n\n**Stand-in**\n") and "**2 times as fast** (2 to 2 over 3 rounds)" in out
    found = json.loads((tmp_path / "bench" / "text_tower.json").read_text())
    assert found["rounds"] == 3 and found["results"][0]["seconds"] == {"slow": [0.2] * 3, "fast": [0.1] * 3}
    assert found["results"][0]["ratios"] == [{"slow": "slow", "fast": "fast", "ratio": [2, 2, 2]}]
    assert found["machine"]["processors"] and found["torch"]
    assert (tmp_path / "bench" / "text_tower.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("words, said", [
    (["nothing"], "bench nothing: no such benchmark"),
    (["stepp"], "bench stepp: no such benchmark; did you mean step?"),
    (["step", "--rounds", "0"], "--rounds 0: must be at least 1"),
    (["step", "--round", "2"], "bench: unknown flag --round; did you mean --rounds?"),
    (["step", "--output-dir", "main.py"], "--output-dir main.py: cannot be made: File exists"),
])
def test_mistakes(words, said, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["bench", *words]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_without_a_name_all_are_run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmarks.report.measure", lambda name, rounds, folder: f"{name} {rounds} {folder}")
    assert main(["bench"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name} 7 runs/bench" for name in BENCHES]


def test_every_benchmark_that_is_named_is_there():
    found = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "\ndef run(" in path.read_text()}
    assert found == set(BENCHES)
