"""The table of flags against the Configs that it is made from, and against the one in docs/FLAGS.md."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.flag_table import COMMANDS, END, SHARED, START, TITLES, flag_table
from utils.config import CONFIGS, ClipDataConfig, ClipModelConfig, DataConfig, TrainConfig
from utils.errors import UserError
from utils.markers import insert

ROOT = Path(__file__).parents[2]


def parsed() -> dict[str, dict[str, list[str]]]:
    """By heading and key, the cells of a row."""
    tables = {}
    for line in flag_table().splitlines():
        if line.startswith("### "):
            table = tables.setdefault(line[4:], {})
            assert table == {}, "a heading stands there twice"
        elif line.startswith("| `"):
            row = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            key = re.match(r"`--([a-z-]+)`", row[0])[1].replace("-", "_")
            assert key not in table, "a flag stands there twice"
            table[key] = row
    return tables


TABLES = parsed()
NAMES = {"data": "data", "model": "model", "loss": "objective", "train": "training"}
SECTIONS = SHARED | {f"{TITLES[task]}: {NAMES[name]}": section
                     for task, config in CONFIGS.items() for name, section in config.sections().items()} | COMMANDS
ROWS = [(heading, key) for heading, table in TABLES.items() for key in table]


def test_what_tasks_share_comes_first_and_then_each_tasks_own():
    assert list(TABLES) == list(SECTIONS) == [
        "Data: all tasks", "Loop: all tasks", "Clips: data", "Clips: model", "Video: data", "Video: model",
        "Video: objective", "Video: training", "Text: data", "Text: model", "Text: objective", "Text: training",
        "SimCLR: data", "SimCLR: model", "SimCLR: objective", "SimCLR: training", *COMMANDS]
    assert list(SHARED.values()) == [DataConfig, TrainConfig, ClipDataConfig, ClipModelConfig]


@pytest.mark.parametrize("heading, section", SECTIONS.items())
def test_a_section_has_its_docstring_above_its_flags(heading, section):
    lines = flag_table().splitlines()
    place = lines.index(f"### {heading}")
    assert lines[place + 2 : place + 6] == [
        section.__doc__, "", "| flag | default | meaning |", "|---|---|---|"]


TWICE = {"video": [], "text": ["num_workers"], "simclr": ["lr", "optimizer", "warmup_epochs"]}


@pytest.mark.parametrize("task", CONFIGS)
def test_a_setting_of_a_task_is_in_one_table_of_those_it_has(task):
    """Its own, or one that it shares; in both, where its default is another one."""
    config = CONFIGS[task]
    shared = {heading: section for heading, section in SHARED.items()
              if any(issubclass(own, section) for own in config.sections().values())}
    assert len(shared) == {"video": 4, "text": 2, "simclr": 4}[task]
    places = [(key, section) for heading, section in shared.items() for key in TABLES[heading]]
    own = [key for heading, table in TABLES.items() if heading.startswith(TITLES[task] + ":") for key in table]
    assert sorted([*own, *(key for key, _ in places)]) == sorted([*config.settings(), *TWICE[task]])
    assert sorted(set(own) & {key for key, _ in places}) == TWICE[task]
    for key, section in places:
        same = default_of(config.settings()[key], key) == default_of(section, key)
        assert same == (key not in TWICE[task]), key


def default_of(section: type, key: str):
    return next(field.default for field in dataclasses.fields(section) if field.name == key)


@pytest.mark.parametrize("heading, key", ROWS)
def test_a_row(heading, key):
    flags, default, meaning = TABLES[heading][key]
    value = default_of(SECTIONS[heading], key)
    assert ("--no-" in flags) == isinstance(value, bool)
    if value in (None, "", ()):
        assert default == "–"
    else:
        kind = type(value)  # YAML reads 1e-05 as text
        assert kind(yaml.safe_load(default.strip("`"))) == value
    assert len(meaning) > 8 and (meaning.startswith(meaning[0].upper()) or meaning.startswith("`"))


def test_a_meaning_is_the_docstring_and_its_choices():
    assert TABLES["Data: all tasks"]["batch_size"][2] == "Samples per batch."
    assert TABLES["Text: data"]["num_workers"][1:] == ["`0`", "Loader processes; tokens need none."]
    assert TABLES["Video: objective"]["moco_keys"][2] == (
        "What the momentum side encodes: the class's text, or the same frames of the video. (`text`, `video`)")
    assert TABLES["Text: objective"]["loss_type"][2] == (
        "The classification loss of the sentiments. (`focal`, `ghm`, `unified`, `ce`)")
    assert TABLES["SimCLR: model"]["head_layers"][1:] == ["`2`", "Layers of the projection head. (`2`, `3`)"]
    assert TABLES["SimCLR: training"]["lr"][1:] == [
        "`auto`", "Learning rate; `auto` is 0.3 x batch / 256, or 0.001 x batch / 256 for AdamW."]
    assert TABLES["Loop: all tasks"]["use_amp"][0] == "`--use-amp` `--no-use-amp`"


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
        insert(text, "flags", flag_table())


def test_the_page_is_up_to_date():
    text = (ROOT / "docs" / "FLAGS.md").read_text(encoding="utf-8")
    assert insert(text, "flags", flag_table()) == text, "run python -m scripts.flag_table --write docs/FLAGS.md"
