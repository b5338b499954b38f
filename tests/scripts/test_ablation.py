import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.ablation import BARE, FULL, VARIANTS, table
from utils.recipe import load_config

ROOT = Path(__file__).parents[2]
WEIGHTS = {"label smoothing": "label_smoothing", "MI": "lambda_mi", "DC": "lambda_dc", "mixup": "mixup_alpha"}


def off(flags) -> set[str]:
    """The terms that a recipe with everything on lacks under these flags."""
    loss = load_config("demo", list(flags)).loss
    on = {name: getattr(loss, key) > 0 for name, key in WEIGHTS.items()} | {"LDL": loss.use_ldl, "MoCo": loss.use_moco}
    return {name for name, is_on in on.items() if not is_on}


def test_each_variant_lacks_what_its_name_says():
    assert off(VARIANTS[FULL]) == set()
    assert off(VARIANTS[BARE]) == {*WEIGHTS, "LDL", "MoCo"}
    for variant in set(VARIANTS) - {FULL, BARE}:
        assert off(VARIANTS[variant]) == {variant.removeprefix("no ")}
    assert len(VARIANTS) == 2 + len(WEIGHTS) + 2


def test_differences_are_paired_by_seed():
    runs = {FULL: [(0.5, 0.6), (0.7, 0.8)], "no MI": [(0.4, 0.6), (0.5, 0.6)]}
    lines = table({name: [{"uar": uar, "war": war} for uar, war in pairs] for name, pairs in runs.items()}).splitlines()
    assert lines[2] == "| everything on | 0.600 ± 0.141 |  | 0.700 ± 0.141 |"
    assert lines[3] == "| no MI | 0.450 ± 0.071 | -0.150 ± 0.071 | 0.600 ± 0.000 |"


def script(*words):
    return subprocess.run([sys.executable, "-m", "scripts.ablation", *map(str, words)], cwd=ROOT, text=True,
                          capture_output=True)


@pytest.fixture
def tiny(caer, tmp_path):
    """The smallest recipe that a process of its own can run."""
    settings = dict(dataset="caer", root_dir=str(caer), clip_model="tiny", clip_pretrained="none", image_size=48,
                    num_segments=1, streams="face", batch_size=7, num_workers=0, epochs=1, temporal_heads=4,
                    ldl_warmup=0)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path / "tiny.yaml"


@pytest.mark.slow
def test_trains_every_variant_once_and_never_scores_test(tiny, tmp_path):
    words = (tiny, "--out", tmp_path / "out", "--seeds", "3", "--jobs", "2", "--", "--weight-decay", "0.2")
    first = script(*words)
    assert first.returncode == 0, first.stderr
    runs = {path.parent.name: path for path in tmp_path.glob("out/3/*/metrics.json")}
    assert set(runs) == {variant.replace(" ", "-") for variant in VARIANTS}
    for path in runs.values():
        config = yaml.safe_load((path.parent / "config.yaml").read_text())
        assert config["seed"] == 3 and config["weight_decay"] == 0.2
        scores = json.loads(path.read_text())
        assert set(scores) == {"val"} and f"{scores['val']['uar']:.3f}" in first.stdout
    times = {name: path.stat().st_mtime_ns for name, path in runs.items()}
    assert script(*words).stdout == first.stdout
    assert {name: path.stat().st_mtime_ns for name, path in runs.items()} == times


def test_a_training_that_fails_is_named(tiny, tmp_path):
    ended = script(tiny, "--out", tmp_path / "out", "--", "--root-dir", tmp_path / "absent")
    assert ended.returncode == 1 and ended.stderr.splitlines()[-1].startswith("error: ")
    assert "everything-on.out: a training failed" in ended.stderr and "Traceback" not in ended.stderr
    assert "no such folder" in (tmp_path / "out/0/everything-on.out").read_text()
