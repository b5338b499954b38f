"""The table of flags against the Config that it is made from, and against the one in README.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.flag_table import END, START, flag_table, insert
from utils.config import VideoConfig
from utils.errors import UserError
from utils.recipe import KEYS, SETTINGS

ROOT = Path(__file__).parents[2]
ROWS = [re.split(r"(?<!\\)\|", line)[1:-1] for line in flag_table().splitlines() if line.startswith("| `")]
CELLS = {re.match(r"`--([a-z-]+)`", row[0].strip())[1].replace("-", "_"): [cell.strip() for cell in row]
         for row in ROWS}


def test_every_key_once():
    assert len(ROWS) == len(CELLS) and list(CELLS) == list(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_row(key):
    flags, default, meaning = CELLS[key]
    value = VideoConfig().flat()[key]
    assert ("--no-" in flags) == isinstance(value, bool)
    if value in (None, "", []):
        assert default == "–"
    else:
        kind = type(value)  # YAML reads 1e-05 as text
        assert kind(yaml.safe_load(default.strip("`"))) == value
    assert len(meaning) > 8 and meaning.startswith(meaning[0].upper())


def test_a_meaning_is_the_docstring_and_its_choices():
    assert CELLS["batch_size"][2] == "Clips per batch."
    assert CELLS["moco_keys"][2] == ("What the momentum side encodes: the class's text, or the same frames of the video. "
                                     "(`text`, `video`)")
    assert CELLS["use_amp"][0] == "`--use-amp` `--no-use-amp`"


def test_sections_in_order_under_their_docstrings():
    headings = [line[4:] for line in flag_table().splitlines() if line.startswith("### ")]
    sections = list(dict.fromkeys(SETTINGS.values()))
    assert headings == [section.__doc__.split(". ")[0].rstrip(".") for section in sections]
    assert "Warm-ups and ramps are in epochs." in flag_table().splitlines()


def test_writing_replaces_the_marked_part_alone(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"# Café\n\n{START}\nold | row\n{END}\n\nthe end, no newline", encoding="utf-8")
    seen = []
    for _ in range(2):
        subprocess.run([sys.executable, "-m", "scripts.flag_table", "--write", str(path)], cwd=ROOT, check=True)
        seen.append(path.read_text(encoding="utf-8"))
    assert seen[0] == seen[1] == f"# Café\n\n{START}\n\n{flag_table()}\n{END}\n\nthe end, no newline"


@pytest.mark.parametrize("text", ["", START, END + START, START + END + START])
def test_a_page_without_one_pair_of_markers(text):
    with pytest.raises(UserError, match="<!-- flags -->"):
        insert(text, flag_table())


def test_readme_is_up_to_date():
    text = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").is_file() else ""
    if START not in text:
        pytest.skip("README.md has no markers")
    assert insert(text, flag_table()) == text, "run python -m scripts.flag_table --write README.md"
