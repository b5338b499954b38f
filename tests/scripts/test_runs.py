import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts import runs
from scripts.runs import ROOT, Run, spread, train_all, words_after_dashes


class Processes:
    """In the place of subprocess.run: keeps the commands; a run whose folder's name is in `fails` fails."""

    def __init__(self, *fails: str):
        self.commands, self.environments, self.fails = [], [], fails

    def __call__(self, command, check, stdout, stderr, env):
        self.commands.append([str(word) for word in command])
        self.environments.append(env)
        folder = Path(command[-1])
        stdout.write(f"training {folder.name}\n")
        if folder.name in self.fails:
            raise subprocess.CalledProcessError(2, command)
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps({"val": {"uar": len(self.commands)}}))


@pytest.fixture
def processes(monkeypatch):
    def replace(*fails: str) -> Processes:
        found = Processes(*fails)
        monkeypatch.setattr(runs.subprocess, "run", found)
        monkeypatch.setattr(runs.os, "cpu_count", lambda: 8)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        return found

    return replace


def some(root: Path, *names: str) -> list[Run]:
    return [Run(root / "deep" / name, "demo", ("--seed", name)) for name in names]


def test_each_run_is_a_command_of_its_own_with_a_share_of_the_processors(tmp_path, processes):
    found = processes()
    train_all(todo := some(tmp_path, "1", "2"), jobs=2)
    assert sorted(found.commands) == [
        [sys.executable, str(ROOT / "main.py"), "train", "demo", "--seed", name, "--resume", "auto", "--output-dir",
         str(tmp_path / "deep" / name)] for name in "12"]
    assert {env["OMP_NUM_THREADS"] for env in found.environments} == {"4"}
    assert (ROOT / "main.py").is_file()
    assert [run.words.read_text() for run in todo] == ["training 1\n", "training 2\n"]
    assert sorted(run.scores("val")["uar"] for run in todo) == [1, 2]


def test_threads_that_are_asked_for_stay(tmp_path, processes, monkeypatch):
    found = processes()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    train_all(some(tmp_path, "1"), jobs=20)
    assert [env["OMP_NUM_THREADS"] for env in found.environments] == ["3"]


def test_a_finished_run_is_not_run_again(tmp_path, processes):
    found = processes()
    one, other = some(tmp_path, "1", "2")
    train_all([one], jobs=1)
    train_all([one, other], jobs=1)
    assert [command[-1] for command in found.commands] == [str(one.folder), str(other.folder)]
    assert one.scores("val") == {"uar": 1}


def test_a_training_that_fails_is_named_and_none_begins_after_it(tmp_path, processes, monkeypatch):
    found, stopped = processes("2"), threading.Event()

    class Pool(ThreadPoolExecutor):
        """Its third training lasts until the pool is shut down."""

        def shutdown(self, wait=True, **options):
            super().shutdown(wait, **options)
            stopped.set()

        def submit(self, train, threads):
            run = train.__self__
            return super().submit(lambda: (run.folder.name > "2" and stopped.wait(10), train(threads)))

    monkeypatch.setattr(runs, "ThreadPoolExecutor", Pool)
    todo = some(tmp_path, *"123456789")
    with pytest.raises(SystemExit) as end:
        train_all(todo, jobs=1)
    assert end.value.code == f"error: {todo[1].words}: a training failed, its last lines say why"
    assert todo[1].words == tmp_path / "deep" / "2.out" and todo[1].words.read_text() == "training 2\n"
    assert [command[-1] for command in found.commands][:2] == [str(run.folder) for run in todo[:2]]
    assert len(found.commands) <= 3  # one may have begun before the failure was seen


def test_words_after_dashes():
    assert words_after_dashes(["a", "--b", "--", "--c", "--", "d"]) == (["a", "--b"], ["--c", "--", "d"])
    assert words_after_dashes(["a"]) == (["a"], []) and words_after_dashes(["--"]) == ([], [])


@pytest.mark.parametrize("values, sign, said", [
    ([0.25], "", "0.250"), ([0.25], "+", "+0.250"), ([-0.25], "+", "-0.250"), ([0.1, 0.3], "", "0.200 ± 0.141"),
    ([0.1, 0.2, 0.6], "+", "+0.300 ± 0.265"),
])
def test_spread_is_mean_and_sample_standard_deviation(values, sign, said):
    assert spread(iter(values), sign) == said
