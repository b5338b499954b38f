import logging
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from utils import checkpoint
from utils.config import VideoConfig, VideoLossConfig, VideoTrainConfig
from utils.errors import UserError
from utils.run_folder import RESULTS, RunLog, begin_results, has_results, open_run, run_to_resume


def config(**settings) -> VideoConfig:
    return VideoConfig(recipe="small", train=VideoTrainConfig(**settings))


def a_run(folder, **settings):
    """A run folder with a checkpoint of `config(**settings)`."""
    state = {"config": config(**settings).flat(), "epoch": 3}
    checkpoint.save(state, folder / "checkpoints" / "last.pt")
    checkpoint.save({"score": 0.5}, folder / "checkpoints" / "best.pt")
    return folder


def test_without_output_dir_runs_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/small", "runs/small-2", "runs/small-3"):
        assert str(open_run(config())) == str(open_run(config())) == name  # a start that failed is no run
        Path(name, "checkpoints").mkdir()
    assert str(open_run(config(resume="auto"))) == "runs/small-3"  # the newest
    for other in ("runs/small-er", "runs/small-4b", "runs/small-08", "runs/small-1", "runs/larger-9"):
        Path(other, "checkpoints").mkdir(parents=True)
    shutil.rmtree("runs/small")  # or a start that failed, beside which the others were begun
    assert str(open_run(config(resume="auto"))) == "runs/small-3" and str(open_run(config())) == "runs/small-4"


def test_a_folder_with_a_run_is_not_written_over(tmp_path):
    folder = a_run(tmp_path / "run")
    with pytest.raises(UserError, match="holds a run; give --resume auto"):
        open_run(config(output_dir=folder))
    assert open_run(config(output_dir=folder, resume="auto")) == folder


def test_an_output_dir_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(UserError, match=f"--output-dir {place}: cannot be made"):
            open_run(config(output_dir=place))


def test_a_checkpoint_names_its_own_folder(tmp_path):
    folder = a_run(tmp_path / "run")
    assert open_run(config(resume=str(folder / "checkpoints" / "last.pt"))) == folder


@pytest.mark.parametrize("place", ["checkpoints", "checkpoints/inner", "."])
def test_a_checkpoint_may_be_named_from_where_one_stands(tmp_path, monkeypatch, place):
    folder = a_run(tmp_path / "run")
    (folder / "checkpoints" / "inner").mkdir()
    monkeypatch.chdir(folder / place)
    path = os.path.relpath(folder / "checkpoints" / "last.pt")
    assert open_run(config(resume=path)).resolve() == folder


def test_a_checkpoint_that_lies_elsewhere_needs_a_folder_to_go_on_in(tmp_path):
    last = a_run(tmp_path / "run") / "checkpoints" / "last.pt"
    moved = last.rename(tmp_path / "last.pt")
    with pytest.raises(UserError, match=f"^--resume {moved}: lies in no run's checkpoints; give --output-dir too"):
        open_run(config(resume=str(moved)))
    assert open_run(config(resume=str(moved), output_dir=tmp_path / "new")) == tmp_path / "new"


def test_nothing_to_resume(tmp_path, caplog):
    assert run_to_resume(config(), tmp_path) is None
    assert run_to_resume(config(resume="auto"), tmp_path) is None


def test_resume_gives_the_state_of_the_same_settings(tmp_path):
    folder = a_run(tmp_path / "run", epochs=5)
    again = config(epochs=9, resume="auto", output_dir=folder, save_every=3, device="cpu")
    assert run_to_resume(again, folder)["epoch"] == 3
    assert run_to_resume(replace(again, recipe="config"), folder)["epoch"] == 3


def test_resume_refuses_other_settings_and_says_which(tmp_path):
    folder = a_run(tmp_path / "run")
    other = replace(config(resume="auto", seed=4), loss=VideoLossConfig(moco_k=8))
    with pytest.raises(UserError, match=r"moco_k 4096 -> 8; seed 0 -> 4"):
        run_to_resume(other, folder)


def test_resume_of_what_is_no_training_state(tmp_path):
    best = a_run(tmp_path / "run") / "checkpoints" / "best.pt"
    with pytest.raises(UserError, match=r"best.pt: .*last.pt"):
        run_to_resume(config(resume=str(best)), tmp_path)
    with pytest.raises(UserError, match=r"gone.pt: no such checkpoint"):
        run_to_resume(config(resume=str(tmp_path / "gone.pt")), tmp_path)


def test_resume_tells_no_setting_without_end(tmp_path):
    folder, nested = a_run(tmp_path / "run"), ["x"]
    for _ in range(60):
        nested = [nested, nested]
    last = folder / "checkpoints" / "last.pt"
    state = checkpoint.load(last)
    checkpoint.save(state | {"config": state["config"] | {"lr": nested, "milestones": [9]}}, last)
    with pytest.raises(UserError, match=r"lr a list -> 0.001; milestones \[9\] -> \[\]"):
        run_to_resume(config(resume="auto"), folder)
    checkpoint.save({"config": ["lr"]}, last)
    with pytest.raises(UserError, match="not the state of a training"):
        run_to_resume(config(resume="auto"), folder)


def test_going_on_in_another_folder_takes_the_best_weights_along(tmp_path):
    old, new = a_run(tmp_path / "old"), tmp_path / "new"
    assert run_to_resume(config(resume=str(old / "checkpoints" / "last.pt"), output_dir=new), new)["epoch"] == 3
    assert checkpoint.load(new / "checkpoints" / "best.pt") == {"score": 0.5}


@pytest.mark.parametrize("best, lacks", [
    ({"epoch": 3, "score": 0.5}, True), ({"epoch": 0}, False), ({"epoch": -1}, False), ({"epoch": []}, False),
    (None, False)])
def test_without_the_best_weights_nothing_goes_on(tmp_path, best, lacks):
    """No later epoch may be better, and training would end without any."""
    kept = tmp_path / "run" / "checkpoints"
    checkpoint.save({"config": config().flat(), "epoch": 3, "best": best}, kept / "last.pt")
    for words, folder in ((dict(resume="auto"), tmp_path / "run"),
                          (dict(resume=str(kept / "last.pt"), output_dir=tmp_path / "new"), tmp_path / "new")):
        if lacks:
            with pytest.raises(UserError, match="/run/checkpoints/best.pt: no such file; .*: put it beside last.pt$"):
                run_to_resume(config(**words), folder)
        else:
            assert run_to_resume(config(**words), folder)["epoch"] == 3


def test_resume_falls_back_to_the_checkpoint_before(tmp_path, caplog):
    folder = a_run(tmp_path / "run")
    kept = folder / "checkpoints"
    checkpoint.save_last({"config": config().flat(), "epoch": 4, "steps": 20}, kept)
    (kept / "last.pt").write_bytes(b"PK")
    elsewhere = config(resume=str(kept / "last.pt"), output_dir=tmp_path / "new")
    assert run_to_resume(elsewhere, tmp_path / "new")["epoch"] == 3 and len(caplog.records) == 1
    assert {path.name for path in kept.iterdir()} == {"best.pt", "last.pt", "previous.pt"}
    for resume in ("auto", str(kept / "last.pt")):
        assert run_to_resume(config(resume=resume), folder)["epoch"] == 3
        assert {path.name for path in kept.iterdir()} == {"best.pt", "damaged.pt", "previous.pt"}
    assert run_to_resume(config(resume=str(kept / "previous.pt")), folder)["epoch"] == 3 and len(caplog.records) == 3
    with pytest.raises(UserError, match="damaged.pt: not a whole checkpoint"):  # only the last has one before it
        run_to_resume(config(resume=str(kept / "damaged.pt")), folder)


@pytest.mark.parametrize("name", RESULTS)
def test_a_run_has_results_when_the_last_of_them_stands(tmp_path, name):
    for each in RESULTS:
        (tmp_path / each).touch()
    assert has_results(tmp_path)
    (tmp_path / name).unlink()
    assert not has_results(tmp_path)


def test_results_of_an_earlier_end_are_none_of_the_one_to_come(tmp_path):
    begin_results(tmp_path)
    for name in RESULTS:
        (tmp_path / name).touch()
    begin_results(tmp_path)
    assert not has_results(tmp_path) and (tmp_path / "metrics.json").is_file()


def test_a_log_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="gone/train.log: cannot be written: No such file or directory$"):
        RunLog(tmp_path / "gone")
    (tmp_path / "train.log").symlink_to("/dev/full")
    log = logging.getLogger("camxuc")
    with pytest.raises(UserError, match="train.log: cannot be written: No space left on device$"), RunLog(tmp_path):
        log.info("five clips")
    assert not log.handlers


def test_writes_that_fail_in_another_thread_are_left_to_the_main_one_to_tell(tmp_path, monkeypatch):
    def end(error: Exception) -> None:
        raise error

    told = []
    monkeypatch.setattr(threading, "excepthook", lambda error: told.append(error.exc_type))
    former = threading.excepthook
    with RunLog(tmp_path):
        for error in (OSError(28, "No space left on device"), KeyError("mine")):
            thread = threading.Thread(target=end, args=(error,))
            thread.start()
            thread.join()
    assert threading.excepthook is former and told == [KeyError]


def test_the_log_goes_to_screen_and_file_and_leaves_nothing_behind(tmp_path, capsys):
    log = logging.getLogger("camxuc")
    with RunLog(tmp_path):
        log.info("five %s", "clips")
    log.info("not seen")
    assert "five clips" in "".join(capsys.readouterr())
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert len(lines) == 1 and lines[0].endswith("INFO five clips")
    assert log.propagate and not log.handlers


def test_the_log_of_a_failed_start_is_written_over_and_that_of_a_run_goes_on(tmp_path):
    log = logging.getLogger("camxuc")
    for text, made in (("đầu tiên", False), ("hai", True), ("ba", True)):
        with RunLog(tmp_path):
            log.warning(text)
        if made:
            (tmp_path / "checkpoints").mkdir(exist_ok=True)
    lines = (tmp_path / "train.log").read_text(encoding="utf-8").splitlines()
    assert [line.split()[-1] for line in lines] == ["hai", "ba"]
