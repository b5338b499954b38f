import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from scripts import label_efficiency
from scripts.label_efficiency import PRETRAINED, SCRATCH, draw, main, table, words_after_dashes
from utils.processes import Run
from utils.recipe import load_config

ROOT = Path(__file__).parents[2]


def scores(**starts: list[tuple[float, float]]) -> dict:
    """By start, a list of (UAR, WAR), one for each seed."""
    return {{"scratch": SCRATCH, "pretrained": PRETRAINED}[name]: [{"uar": uar, "war": war} for uar, war in pairs]
            for name, pairs in starts.items()}


# Two seeds at a hundredth of the labels, of which one gains 0.1 and one 0.3.
SCORES = {
    0.01: scores(scratch=[(0.2, 0.3), (0.4, 0.5)], pretrained=[(0.3, 0.5), (0.7, 0.5)]),
    1.0: scores(scratch=[(0.8, 0.9), (0.9, 0.9)], pretrained=[(0.7, 0.8), (0.8, 0.9)]),
}


def test_the_gain_is_paired_by_seed():
    assert table(SCORES, "test").splitlines() == [
        "| labels | test UAR, from scratch | test UAR, pretrained | gain | test WAR, from scratch | test WAR, "
        "pretrained |",
        "|---|---|---|---|---|---|",
        "| 0.01 | 0.300 ± 0.141 | 0.500 ± 0.283 | +0.200 ± 0.141 | 0.400 ± 0.141 | 0.500 ± 0.000 |",
        "| 1 | 0.850 ± 0.071 | 0.750 ± 0.071 | -0.100 ± 0.000 | 0.900 ± 0.000 | 0.850 ± 0.071 |",
    ]


def test_one_seed_has_no_spread():
    assert table({0.1: scores(scratch=[(0.25, 0.5)], pretrained=[(0.75, 0.5)])}, "val").splitlines()[2] == (
        "| 0.1 | 0.250 | 0.750 | +0.500 | 0.500 | 0.500 |")


def test_the_picture_shows_every_run_means_deviations_and_chance():
    axes, = draw(SCORES, "val", 1 / 7).axes
    assert axes.get_xscale() == "log" and axes.get_ylabel() == "val UAR, %"
    assert axes.get_xticks().tolist() == [1, 100]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "100"]
    handles, names = axes.get_legend_handles_labels()
    assert sorted(names) == sorted([PRETRAINED, SCRATCH, "chance"])
    means = {SCRATCH: [30, 85], PRETRAINED: [50, 75]}
    for handle, name in zip(handles, names):
        if name == "chance":
            assert handle.get_ydata() == pytest.approx([100 / 7] * 2)
            continue
        line, _, (bars,) = handle.lines
        assert line.get_xdata() == pytest.approx([1, 100]) and line.get_ydata() == pytest.approx(means[name])
        ends = np.array(bars.get_segments())[:, :, 1]  # lower and upper, of each share
        deviations = [np.std([100 * run["uar"] for run in SCORES[share][name]], ddof=1) for share in SCORES]
        assert ends[:, 1] - means[name] == pytest.approx(deviations)
        assert means[name] - ends[:, 0] == pytest.approx(deviations)
    dots = sorted((round(x), round(y)) for line in axes.lines if line.get_marker() == "."
                  for x, y in zip(line.get_xdata(), line.get_ydata()))
    assert dots == [(1, 20), (1, 30), (1, 40), (1, 70), (100, 70), (100, 80), (100, 80), (100, 90)]


def test_a_picture_of_one_seed():
    axes, = draw({0.1: scores(scratch=[(0.25, 0.5)], pretrained=[(0.75, 0.5)])}, "test", 0.1).axes
    assert axes.get_ylabel() == "test UAR, %" and axes.get_xticks() == pytest.approx([10])


# ---------------------------------------------------------------- the command

@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Runs main() with these words, without training; its runs by folder. A score tells its run."""
    def run(*words: str) -> dict[str, Run]:
        found, of_jobs = [], []
        monkeypatch.setattr(label_efficiency, "train_all",
                            lambda runs, jobs: found.extend(runs) or of_jobs.append(jobs))
        monkeypatch.setattr(Run, "scores", lambda self, split: {
            "uar": number(self), "war": {"val": 0.25, "test": 0.5}[split], "baselines": {"majority": {"uar": 0.125}}})
        monkeypatch.setattr(sys, "argv", ["label_efficiency", "fer2013", "--init-from", "runs/simclr", "--out",
                                          str(tmp_path / "out"), *words])
        (tmp_path / "out").mkdir(exist_ok=True)
        main()
        run.jobs, = of_jobs
        return {one.folder.relative_to(tmp_path / "out").as_posix(): one for one in found}

    return run


def number(run: Run) -> float:
    """0.01 for each unit of the seed, and 0.5 where it is pretrained."""
    return int(run.folder.name.split("-")[-1]) / 100 + 0.5 * ("--init-from" in run.flags)


def test_a_run_for_each_share_start_and_seed(trained):
    runs = trained("--shares", "0.01", "1", "--seeds", "3", "5", "--jobs", "4")
    assert sorted(runs) == sorted(f"{share}/{start}-{seed}" for share in ("0.01", "1")
                                  for start in ("from-scratch", "pretrained") for seed in (3, 5))
    assert {run.recipe for run in runs.values()} == {"fer2013"} and trained.jobs == 4
    for place, run in runs.items():
        config = load_config(run.recipe, list(run.flags))
        assert place.startswith(f"{config.data.label_fraction:g}/") and place.endswith(f"-{config.train.seed}")


def test_the_starts_differ_in_the_encoder_alone(trained):
    runs = trained("--shares", "0.1", "--seeds", "0", "--", "--epochs", "9", "--clip-model", "tiny")
    one, other = (load_config(run.recipe, list(run.flags)).flat() for run in runs.values())
    assert {key for key in one if one[key] != other[key]} == {"init_from"}
    assert {one["init_from"], other["init_from"]} == {None, "runs/simclr"}
    assert one["epochs"] == 9 and one["clip_model"] == "tiny" and one["score_test"] is True


def test_own_flags_of_a_start_and_of_a_share(trained):
    runs = trained("--shares", "0.1", "1", "--seeds", "0", "--at", "0.10", "--epochs 3 --batch-size 5",
                   "--at", "1", " --no-use-moco", "--at", "1.0", "--lr 1", "--scratch", "--epochs 7 --lr-adapter 0.5",
                   "--pretrained", "--lr-adapter 0.25", "--", "--epochs", "2", "--lr", "3")
    found = {place: load_config(run.recipe, list(run.flags)).flat() for place, run in runs.items()}
    keys = ("epochs", "batch_size", "use_moco", "lr", "lr_adapter")
    plain = load_config("fer2013").flat()
    size, moco = plain["batch_size"], plain["use_moco"]
    assert moco and size != 5
    assert {place: tuple(flat[key] for key in keys) for place, flat in found.items()} == {
        "0.1/from-scratch-0": (7, 5, True, 3, 0.5), "0.1/pretrained-0": (3, 5, True, 3, 0.25),
        "1/from-scratch-0": (7, size, False, 1, 0.5), "1/pretrained-0": (2, size, False, 1, 0.25),
    }


@pytest.mark.parametrize("share", ["0.2", "all"])
def test_flags_at_a_share_that_is_not_run(trained, capsys, share):
    with pytest.raises(SystemExit) as end:
        trained("--shares", "0.1", "1", "--at", share, "--epochs 3")
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: --at {share}: must be one of --shares 0.1 1\n")


@pytest.mark.parametrize("split, scored, war", [("val", False, "0.250"), ("test", True, "0.500")])
def test_test_is_read_where_it_is_asked_for(trained, tmp_path, capsys, split, scored, war):
    runs = trained("--shares", "0.1", "--seeds", "1", "2", "--split", split)
    assert {load_config(run.recipe, list(run.flags)).train.score_test for run in runs.values()} == {scored}
    said = capsys.readouterr().out
    assert said == (tmp_path / "out/table.md").read_text()
    assert said.splitlines()[2] == (f"| 0.1 | 0.015 ± 0.007 | 0.515 ± 0.007 | +0.500 ± 0.000 | {war} ± 0.000 | "
                                    f"{war} ± 0.000 |")
    assert f"| {split} UAR, from scratch |" in said
    assert (tmp_path / "out/label_efficiency.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "out/label_efficiency.svg").read_text()


def test_words_after_dashes():
    assert words_after_dashes(["a", "--b", "--", "--c", "--", "d"]) == (["a", "--b"], ["--c", "--", "d"])
    assert words_after_dashes(["a"]) == (["a"], []) and words_after_dashes(["--"]) == ([], [])


# ---------------------------------------------------------------- processes

def python(*words):
    return subprocess.run([sys.executable, *map(str, words)], cwd=ROOT, text=True, capture_output=True, env=os.environ)


@pytest.fixture
def recipes(caer, tmp_path):
    """The smallest recipes that a process of its own can run: SimCLR and the recogniser of its encoder."""
    shared = dict(dataset="caer", root_dir=str(caer), clip_model="tiny", clip_pretrained="none", image_size=48,
                  num_segments=1, streams="face", batch_size=7, num_workers=0, epochs=1, temporal_heads=4)
    for name, own in (("video", {}), ("simclr", dict(model="simclr", score_test=False))):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(shared | own))
    return tmp_path


@pytest.mark.slow
def test_from_pretraining_to_the_picture(recipes):
    pretrained = python("main.py", "train", recipes / "simclr.yaml", "--output-dir", recipes / "simclr")
    assert pretrained.returncode == 0, pretrained.stderr
    words = ("-m", "scripts.label_efficiency", recipes / "video.yaml", "--init-from", recipes / "simclr", "--out",
             recipes / "out", "--shares", "0.5", "--seeds", "3", "--split", "val", "--", "--weight-decay", "0.2")
    first = python(*words)
    assert first.returncode == 0, first.stderr
    runs = {path.parent.name: path for path in recipes.glob("out/0.5/*/metrics.json")}
    assert set(runs) == {"from-scratch-3", "pretrained-3"}
    for name, path in runs.items():
        config = yaml.safe_load((path.parent / "config.yaml").read_text())
        assert (config["seed"], config["weight_decay"], config["label_fraction"]) == (3, 0.2, 0.5)
        assert config["init_from"] == (str(recipes / "simclr") if name == "pretrained-3" else None)
        assert ("encoder from" in (path.parent / "train.log").read_text()) == (name == "pretrained-3")
        scores = json.loads(path.read_text())
        assert set(scores) == {"val"} and f"{scores['val']['uar']:.3f}" in first.stdout
    assert (recipes / "out/table.md").read_text() == first.stdout
    times = {name: path.stat().st_mtime_ns for name, path in runs.items()}
    assert python(*words).stdout == first.stdout
    assert {name: path.stat().st_mtime_ns for name, path in runs.items()} == times
