"""Real processes and signals; what they run is a stand-in for main.py that starts at once."""

import json
import os
import signal
import sys

import pytest

from utils import processes
from utils.processes import ROOT, Run, train_all

STAND_IN = """\
import json, os, pathlib, signal, sys
folder = pathlib.Path(sys.argv[-1])
with open(folder / "ran", "a") as file:
    file.write(json.dumps([sys.argv[1:], os.environ["OMP_NUM_THREADS"], os.getpgid(0)]) + "\\n")
print("training " + folder.name, flush=True)

def stopped(*_):
    (folder / "saved").touch()
    if "--hangs" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getppid(), signal.SIGINT)
        while True:
            signal.pause()
    sys.exit(143)

if "--interrupts" in sys.argv:
    signal.signal(signal.SIGTERM, stopped)
    os.kill(os.getppid(), getattr(signal, sys.argv[sys.argv.index("--interrupts") + 1]))
    while True:
        signal.pause()
if "--fails" in sys.argv:
    sys.exit("error: it is broken")
if "--gives-nothing" not in sys.argv:
    (folder / "metrics.json").write_text(json.dumps({"val": {"uar": 0.5}}))
    (folder / "predictions.csv").write_text("split,clip\\n")
    (folder / "report.html").touch()
print("step 1\\rstep 2\\r\\n  ")
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path, monkeypatch):
    (tmp_path / "main.py").write_text(STAND_IN)
    monkeypatch.setattr(processes, "ROOT", tmp_path)
    monkeypatch.setattr(processes.os, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.fixture
def run(tmp_path):
    return lambda name, *flags: Run(tmp_path / "deep" / name, "demo", flags)


def ran(run: Run) -> list:
    path = run.folder / "ran"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def test_the_command_is_that_of_main():
    assert (ROOT / "main.py").is_file() and (ROOT / "trainer.py").is_file()


def test_each_run_is_a_process_of_its_own_with_a_share_of_the_processors(run, tmp_path):
    todo = [run("1", "--seed", "1"), run("2", "--seed", "2")]
    assert train_all(todo, jobs=2) == {}
    for one in todo:
        (words, threads, _), = ran(one)
        assert words == ["train", "demo", *one.flags, "--resume", "auto", "--output-dir", str(one.folder)]
        assert threads == "4" and one.words.read_text().startswith(f"training {one.folder.name}\n")
        assert one.scores("val") == {"uar": 0.5} and one.words == tmp_path / "deep" / f"{one.folder.name}.out"
        assert one.command[0] == sys.executable


def test_no_more_share_the_processors_than_there_are_runs(run):
    train_all([run("1")], jobs=20)
    assert ran(run("1"))[0][1] == "8"


def test_threads_that_are_asked_for_stay(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    train_all([run("1")], jobs=1)
    assert ran(run("1"))[0][1] == "3"


def test_a_finished_run_is_not_run_again(run):
    assert not run("1").done and not run("1").started
    train_all([run("1")], jobs=1)
    assert run("1").done and run("1").started
    train_all([run("1"), run("2")], jobs=1)
    assert len(ran(run("1"))) == len(ran(run("2"))) == 1


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv", "report.html"])
def test_one_killed_before_all_its_results_stood_is_not_finished(run, name):
    train_all([run("1")], jobs=1)
    (run("1").folder / name).unlink()
    assert train_all([run("1", "--gives-nothing")], jobs=1) == {run("1", "--gives-nothing"): "step 2"}
    train_all([run("1")], jobs=1)
    assert run("1").done


def test_a_failed_run_is_named_and_the_rest_go_on(run, capsys):
    todo = [run("1"), run("2", "--fails"), run("3"), run("4", "--fails")]
    assert train_all(todo, jobs=1) == {todo[1]: "error: it is broken", todo[3]: "error: it is broken"}
    assert [one.done for one in todo] == [True, False, True, False]
    said = capsys.readouterr().err
    assert said.count("failed: ") == 2 and f"failed: {todo[1].folder}\n" in said and "4/4" in said


@pytest.mark.parametrize("text, line", [
    ("", "no word was said"), ("a\nb\r50%\r \n\n", "50%"), ("error: this\nTraceback\n", "error: this"),
    ("error: one\nerror: two\nx", "error: two")])
def test_the_last_line_is_the_error_if_there_is_one(run, text, line):
    run("1").folder.mkdir(parents=True)
    run("1").words.write_text(text)
    assert run("1").last_line == line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_to_the_trainings_and_ends_the_program(run, number):
    todo = [run("0"), run("1", "--interrupts", number.name), run("2")]
    former = signal.getsignal(number)
    with pytest.raises(SystemExit) as end:
        train_all(todo, jobs=1)
    assert end.value.code == 128 + number and signal.getsignal(number) is former
    assert (todo[1].folder / "saved").exists() and todo[0].done and not todo[2].words.exists()
    assert ran(todo[1])[0][2] != os.getpgid(0)  # or the terminal's Ctrl-C would reach it as well


def test_a_second_signal_ends_a_training_that_does_not_end(run):
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            train_all([run("1", "--interrupts", "SIGINT", "--hangs"), run("2")], jobs=1)
    finally:
        signal.signal(signal.SIGINT, former)
    assert (run("1").folder / "saved").exists() and not ran(run("2"))
