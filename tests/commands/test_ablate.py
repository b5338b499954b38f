"""`main.py ablate`. Trainings run in this process, but where it says otherwise: a process takes seconds to start."""

import csv
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from main import main
from utils import processes
from utils.processes import Children
from utils.recipe import load_config


@pytest.fixture
def in_this_process(monkeypatch):
    """The runs trained, by folder and seed."""
    trained = []

    def train(self, run) -> bool:
        trained.append("/".join(run.folder.parts[-2:]))
        run.folder.mkdir(parents=True, exist_ok=True)
        run.words.write_text("error: spoiled\n" if "spoiled" in str(run.folder) else "")
        return "spoiled" not in str(run.folder) and main(run.command[2:]) == 0

    monkeypatch.setattr(Children, "train", train)
    return trained


@pytest.fixture
def study(recipe, tmp_path, in_this_process):
    """Writes a study of the small recipe; the words that run it."""
    def write(**changed) -> list[str]:
        settings = dict(recipe=str(recipe), settings={"epochs": 1}, seeds=[0, 1], baseline="full", also=["war"],
                        variants={"full": {}, "no MoCo": {"use_moco": False}}) | changed
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
        return ["ablate", str(tmp_path / "small.yaml"), "--output-dir", str(tmp_path / "out")]

    return write


def figures(out: Path) -> dict[str, dict[str, str]]:
    with (out / "table.csv").open() as file:
        return {row["variant"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory):
    """The folder of a finished study; copy it before it is changed."""
    folder = tmp_path_factory.mktemp("finished")
    for variant, flags in (("full", ()), ("no-MoCo", ("--no-use-moco",))):
        for seed in "01":
            words = ["train", str(recipe), "--epochs", "1", *flags, "--seed", seed, "--score-test", "--output-dir"]
            assert main([*words, str(folder / variant / seed)]) == 0
    return folder


@pytest.fixture
def out(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def test_from_a_study_to_its_tables(study, tmp_path, capsys, in_this_process):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- ablation small -->\n<!-- /ablation small -->\nafter\n")
    assert main([*study(split="val"), "--write", str(page)]) == 0
    assert in_this_process == ["full/0", "no-MoCo/0", "full/1", "no-MoCo/1"]  # a whole seed before the next
    out = tmp_path / "out"
    for variant in ("full", "no-MoCo"):
        for seed in (0, 1):
            config = load_config(str(out / variant / str(seed) / "config.yaml"))
            assert config.loss.use_moco == (variant == "full") and config.train.seed == seed
            assert config.train.epochs == 1 and not config.train.score_test
    table = (out / "table.md").read_text()
    said = capsys.readouterr().out
    assert said.endswith(table) and "| no MoCo | `--no-use-moco` | " in table and "Missing" not in table
    assert page.read_text() == f"before\n<!-- ablation small -->\n\n{table}\n<!-- /ablation small -->\nafter\n"
    assert (out / "table.tex").read_text().count("toprule") == 1
    assert {path.name for path in out.glob("differences.*")} == {"differences.png", "differences.svg"}
    rows = figures(out)
    assert float(rows["no MoCo"]["difference"]) == pytest.approx(
        float(rows["no MoCo"]["uar"]) - float(rows["full"]["uar"]))


@pytest.mark.slow
def test_what_is_finished_is_not_run_again_and_what_is_not_goes_on(study, out, in_this_process):
    words = study()
    assert main(words) == 0 and in_this_process == []
    first = figures(out)
    stopped = out / "no-MoCo" / "1"
    for name in ("metrics.json", "predictions.csv"):
        (stopped / name).unlink()
    times = {path: path.stat().st_mtime_ns for path in out.glob("*/*/metrics.json")}
    assert main([*words, "--jobs", "2"]) == 0 and in_this_process == ["no-MoCo/1"]
    assert {path: path.stat().st_mtime_ns for path in times} == times and len(times) == 3
    assert "resumed" in (stopped / "train.log").read_text() and figures(out) == first


def test_a_failed_run_is_named_and_the_table_says_what_is_missing(study, out, capsys, in_this_process):
    with pytest.raises(SystemExit) as end:
        main(study(variants={"full": {}, "spoiled": {"lr": 0.1}, "no MoCo": {"use_moco": False}}))
    assert end.value.code == 1 and in_this_process == ["spoiled/0", "spoiled/1"]
    said = capsys.readouterr()
    assert f"failed: {out}/spoiled/0: error: spoiled\n" in said.err
    assert "Missing: spoiled, seed 0, 1." in said.out and "| spoiled | `--lr 0.1` | – | – | – | – |" in said.out
    rows = figures(out)
    assert rows["spoiled"]["uar"] == "" and rows["no MoCo"]["difference"]


def test_a_run_that_cannot_be_read_is_a_failed_one(study, out, capsys):
    path = out / "full" / "1" / "predictions.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    with pytest.raises(SystemExit) as end:
        main(study())
    assert end.value.code == 1 and f"failed: {out}/full/1: {path}: gives test " in capsys.readouterr().err
    assert figures(out)["full"]["seeds"] == "1"


@pytest.mark.parametrize("changed, said", [
    (dict(settings={"epochs": 2}), "full/0: holds a run with other settings (epochs 1 -> 2); delete it"),
    (dict(split="val"), "full/0: holds a run with other settings (score_test True -> False)"),
    (dict(variants={"full": {}, "no MoCo": {"lambda_mi": 0}}), "(lambda_mi 0.1 -> 0.0; use_moco False -> True)")])
def test_runs_of_other_settings_are_never_mixed_in(study, out, capsys, in_this_process, changed, said):
    assert main(study(**changed)) == 2 and in_this_process == []
    assert said in capsys.readouterr().err and not (out / "table.md").exists()


def test_an_unfinished_run_of_other_settings_is_not_gone_on_with(study, out, capsys):
    (out / "full" / "0" / "metrics.json").unlink()
    assert main(study(settings={"epochs": 2})) == 2 and "epochs 1 -> 2" in capsys.readouterr().err


def test_where_the_data_lie_and_how_they_are_loaded_may_change(study, out, caer, in_this_process):
    moved = {"epochs": 1, "root_dir": f"{caer}/../{caer.name}", "save_every": 7}
    assert main(study(settings=moved)) == 0 and in_this_process == []


def test_a_dry_run_prints_the_commands_and_writes_nothing(study, out, tmp_path, recipe, capsys, in_this_process):
    shutil.rmtree(out / "full" / "1")
    (out / "no-MoCo" / "1" / "predictions.csv").unlink()
    assert main([*study(), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" /")[0].strip() for line in lines] == ["finished", "finished", "train", "go on"]
    assert lines[2].split()[1:] == [str(processes.ROOT / "main.py"), "train", str(recipe), "--epochs", "1",
                                    "--score-test", "--seed", "1", "--resume", "auto", "--output-dir",
                                    str(out / "full" / "1")]
    assert in_this_process == [] and not (out / "full" / "1").exists() and not (out / "table.md").exists()


@pytest.mark.parametrize("flags, said", [
    (["--job", "2"], "ablate: unrecognized arguments: --job 2"), (["--jobs", "0"], "--jobs 0: must be at least 1"),
    (["--jobs", "many"], "ablate: argument --jobs: invalid int value"),
    (["--write", "/gone.md"], "--write /gone.md: No")])
def test_mistakes_in_the_command(study, capsys, in_this_process, flags, said):
    assert main([*study(), *flags]) == 2 and in_this_process == []
    said_all = capsys.readouterr().err
    assert said_all.startswith("error: ") and said in said_all and said_all.count("\n") == 1


def test_a_mistake_in_the_last_variant_is_found_before_the_first_training(study, tmp_path, capsys, in_this_process):
    assert main(study(variants={"full": {}, "odd": {"use_moko": False}})) == 2
    assert "variant 'odd': unknown key 'use_moko'; did you mean use_moco?" in capsys.readouterr().err
    assert in_this_process == [] and not (tmp_path / "out").exists()


def test_a_page_without_markers_is_found_before_the_first_training(study, tmp_path, capsys, in_this_process):
    (tmp_path / "page.md").write_text("no markers\n")
    assert main([*study(), "--write", str(tmp_path / "page.md")]) == 2 and in_this_process == []
    assert "page.md: must hold <!-- ablation small --> and, after it" in capsys.readouterr().err
    (tmp_path / "page.md").write_bytes(b"\xff <!-- ablation small --> <!-- /ablation small -->")
    assert main([*study(), "--write", str(tmp_path / "page.md")]) == 2 and in_this_process == []
    assert capsys.readouterr().err == f"error: --write {tmp_path}/page.md: not UTF-8\n"


def test_help(capsys):
    with pytest.raises(SystemExit) as end:
        main(["ablate", "losses", "--help"])
    assert not end.value.code and "--dry-run" in capsys.readouterr().out


# ---------------------------------------------------------------- real processes

@pytest.fixture
def tiny(caer) -> dict:
    """What a recipe needs that a process of its own can run."""
    return dict(dataset="caer", root_dir=str(caer), clip_model="tiny", clip_pretrained="none", image_size=48,
                num_segments=1, streams="face", batch_size=7, num_workers=0, temporal_heads=4)


def write_study(folder: Path, recipe: dict, **changed) -> list[str]:
    (folder / "tiny.yaml").write_text(yaml.safe_dump(recipe))
    settings = dict(recipe=str(folder / "tiny.yaml"), seeds=[3], baseline="full", variants={"full": {}}) | changed
    (folder / "study.yaml").write_text(yaml.safe_dump(settings))
    return ["ablate", str(folder / "study.yaml"), "--output-dir", str(folder / "out")]


@pytest.mark.slow
def test_a_training_that_fails_says_why(tiny, tmp_path, capsys):
    words = write_study(tmp_path, tiny, settings={"root_dir": str(tmp_path / "absent")})
    with pytest.raises(SystemExit) as end:
        main(words)
    said = capsys.readouterr()
    assert end.value.code == 1 and said.out == "" and not (tmp_path / "out/table.md").exists()
    assert f"failed: {tmp_path}/out/full/3: error: --root-dir {tmp_path}/absent: no such folder" in said.err
    assert "no such folder" in (tmp_path / "out/full/3.out").read_text()


@pytest.mark.slow
def test_processes_are_stopped_and_go_on(tiny, tmp_path):
    """Stopped after the first epoch of the first run, by a signal to the whole command."""
    words = write_study(tmp_path, tiny, seeds=[0, 1], settings={"epochs": 40}, variants={
        "full": {}, "bare": {"use_moco": False}})
    command = [sys.executable, str(processes.ROOT / "main.py"), *words, "--jobs", "2"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    first = tmp_path / "out" / "full" / "0"
    while not (first / "history.csv").is_file() and child.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.1)
    child.send_signal(signal.SIGINT)
    assert child.wait() == 130 and "stopping; the trainings save" in child.stderr.read()
    assert (first / "checkpoints" / "last.pt").is_file() and not (first / "metrics.json").exists()
    assert "stopped in epoch" in (first / "train.log").read_text()
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "resumed" in (first / "train.log").read_text()
    assert len(list(tmp_path.glob("out/*/*/predictions.csv"))) == 4 and "| bare | `--no-use-moco` |" in ended.stdout


def test_a_folder_that_cannot_be_made_is_told_before_the_work(study, tmp_path, in_this_process, capsys):
    (tmp_path / "out").touch()
    assert main(study()) == 2
    assert capsys.readouterr().err == f"error: --output-dir {tmp_path / 'out'}: cannot be made: File exists\n"
    assert in_this_process == []
