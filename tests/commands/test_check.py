"""`check`, and what `train` makes of its findings. The known answers and trials have tests of their own."""

import json

import pytest

from commands import examine, training
from commands.build import build_trainer
from main import main
from utils.findings import Finding

NOTE, WARNING, ERROR = (Finding(level, f"a-{level}", f"{level} <b>", "mend it", 2, "x/y")
                        for level in ("note", "warning", "error"))


@pytest.fixture
def finds(monkeypatch):
    """What the audit is made to find; it notes how often it was asked, and whether for all."""
    def find(*findings: Finding) -> list[bool]:
        asked = []
        for part in ("answers_of_utils", "answers_of_dataloaders", "answers_of_models", "answers_of_trainer",
                     "audit_settings", "trials"):
            monkeypatch.setattr(examine, part, lambda *_: [])
        monkeypatch.setattr(examine, "audit", lambda *given: asked.append(given[-1]) or list(findings))
        return asked

    return find


@pytest.fixture
def run(tmp_path, recipe, capsys):
    """The status, the output, and the folder of a command."""
    def run(command: str, *flags: str):
        folder = tmp_path / "run"
        status = main([command, str(recipe), "--output-dir", str(folder), *flags])
        return status, capsys.readouterr(), folder

    return run


@pytest.mark.parametrize("findings, flags, status", [
    ([], [], 0), ([], ["--strict"], 0), ([NOTE], ["--strict"], 0), ([WARNING], [], 0), ([WARNING], ["--strict"], 1),
    ([NOTE, ERROR], [], 1), ([ERROR, WARNING], ["--strict"], 1)])
def test_the_status_tells_of_the_worst(finds, run, findings, flags, status):
    finds(*findings)
    assert run("check", *flags)[0] == status


def test_the_table_and_the_page(finds, run):
    finds(WARNING, ERROR)
    _, said, folder = run("check")
    lines = said.out.splitlines()
    assert lines[0] == "error    a-error (2)" and lines[-2] == "1 error, 1 warning, 0 notes"
    assert lines[-1] == f"what the network sees: {folder / 'check.html'}"
    page = (folder / "check.html").read_text(encoding="utf-8")
    assert "error &lt;b&gt;" in page and "<img" in page
    assert [path.name for path in folder.iterdir()] == ["check.html"]


def test_json_is_all_that_is_printed(finds, run):
    finds(WARNING, ERROR)
    assert json.loads(run("check", "--json")[1].out) == [ERROR.as_dict(), WARNING.as_dict()]


@pytest.mark.parametrize("flags, full", [([], False), (["--full"], True)])
def test_full_reaches_the_audit(finds, run, flags, full):
    asked = finds()
    run("check", *flags)
    assert asked == [full]


def test_what_cannot_begin_is_a_finding(run):
    status, said, _ = run("check", "--json", "--train-annotation", "gone.txt")
    finding, = json.loads(said.out)
    assert status == 1 and (finding["level"], finding["name"]) == ("error", "cannot-begin")
    assert "gone.txt: no such file" in finding["text"]


def test_a_wrong_flag_is_a_mistake(run):
    status, said, _ = run("check", "--fulll")
    assert status == 2 and "unknown flag --fulll" in said.err


def test_help_lists_its_own_flags_and_those_of_training(recipe, capsys):
    with pytest.raises(SystemExit) as end:
        main(["check", str(recipe), "--help"])
    said = capsys.readouterr().out
    assert not end.value.code
    assert all(flag in said for flag in ("--full ", "--strict ", "--json ", "--lr-image-encoder", "--batch-size"))


def test_a_check_changes_nothing_of_the_training(configure, tmp_path):
    """The real one: whatever it tries, the weights and the losses' memory stay."""
    trainer = build_trainer(configure(), tmp_path)
    state = trainer.model.state_dict() | trainer.objective.state_dict()
    before = {name: value.clone() for name, value in state.items()}
    examine.examine(trainer)
    after = trainer.model.state_dict() | trainer.objective.state_dict()
    assert before.keys() == after.keys() and all(value.equal(after[name]) for name, value in before.items())


# ---------------------------------------------------------------- train

def test_training_begins_with_a_check_and_keeps_what_was_found(finds, run):
    asked = finds(WARNING)
    status, _, folder = run("train", "--epochs", "1")
    assert status == 0 and asked == [False]
    assert json.loads((folder / "check.json").read_text(encoding="utf-8")) == [WARNING.as_dict()]
    assert isinstance(json.loads((folder / "health.json").read_text(encoding="utf-8")), list)
    assert "check: warning: warning <b>, e.g. x/y; mend it [a-warning]" in (folder / "train.log").read_text()


def test_an_error_stops_a_training_before_it_begins(finds, run):
    finds(ERROR, WARNING)
    status, said, folder = run("train", "--epochs", "1")
    assert status == 2 and not (folder / "history.csv").exists()
    assert "not begun: error <b>, e.g. x/y; mend it [a-error]. `check` shows all; --force trains on" in said.err
    assert len(json.loads((folder / "check.json").read_text())) == 2


def test_force_goes_on(finds, run):
    finds(ERROR)
    status, _, folder = run("train", "--epochs", "1", "--force")
    assert status == 0 and (folder / "metrics.json").is_file()


def test_what_is_resumed_is_not_checked_again(finds, run, monkeypatch):
    asked = finds(WARNING)
    monkeypatch.setattr(training, "finish", lambda *_: None)
    run("train", "--epochs", "1")
    finds(ERROR)
    status, _, folder = run("train", "--epochs", "2", "--resume", "auto")
    assert status == 0 and asked == [False]
    assert len((folder / "history.csv").read_text().splitlines()) == 3
    assert [each["name"] for each in json.loads((folder / "check.json").read_text())] == ["a-warning"]


def test_a_folder_that_cannot_be_made_is_told_before_the_work(finds, recipe, tmp_path, capsys):
    asked = finds()
    (tmp_path / "run").touch()
    assert main(["check", str(recipe), "--output-dir", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == f"error: --output-dir {tmp_path / 'run'}: cannot be made: File exists\n"
    assert asked == []
