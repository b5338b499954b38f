"""A folder that one process at a time writes to: another process is a real one, which is killed."""

import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from main import main
from tests.over import assert_over
from tests.utils.test_run_folder import config
from utils.alone import LOOK, alone_in, is_taken
from utils.errors import UserError
from utils.run_folder import open_run

FORK = multiprocessing.get_context("fork")


def stay(folder: Path, end: Connection) -> None:
    """In the folder, with a child as loaders are, until it is killed."""
    with alone_in(folder):
        child = FORK.Process(target=wait, daemon=True)
        child.start()
        end.send(child.pid)
        wait()


def wait() -> None:
    while True:
        multiprocessing.connection.wait([], 3600)


@pytest.fixture
def other(tmp_path):
    """A process that is at work in a folder, and its child's number."""
    folder, (own, its) = tmp_path / "run", multiprocessing.Pipe()
    folder.mkdir()
    process = FORK.Process(target=stay, args=(folder, its))
    process.start()
    child = own.recv()
    yield folder, process
    process.kill()
    process.join()
    os.kill(child, 9)
    assert_over([child])


def test_another_process_is_kept_out_until_the_first_is_killed_though_its_child_lives(other):
    folder, process = other
    with pytest.raises(UserError, match=f"^{folder}: another process is at work there; wait for its end, or take "):
        alone_in(folder).__enter__()
    assert is_taken(folder) and not is_taken(folder.parent)
    process.kill()
    process.join()
    assert not is_taken(folder)
    with alone_in(folder):
        pass


def test_one_that_waits_comes_in_when_the_first_is_gone(other):
    folder, process = other
    process.kill()
    with alone_in(folder, give_up=lambda: None) as alone:
        assert alone and (not process.is_alive() or process.join() is None)


def test_one_that_waits_may_give_up(other, monkeypatch):
    waits, asked = [], iter([None, None, 15])
    monkeypatch.setattr(time, "sleep", waits.append)
    with alone_in(other[0], give_up=lambda: next(asked)) as alone:
        assert alone is False and waits == [LOOK, LOOK]
    assert is_taken(other[0])


def test_one_that_need_not_wait_is_alone(tmp_path):
    for give_up in (None, lambda: True):
        with alone_in(tmp_path, give_up) as alone:
            assert alone is True


def test_where_nothing_can_be_written_nobody_is_kept_out(tmp_path):
    with alone_in(tmp_path / "absent"):
        assert not is_taken(tmp_path / "absent")


def test_an_error_within_is_not_taken_for_one_of_the_lock(tmp_path):
    with pytest.raises(OSError, match="mine"), alone_in(tmp_path):
        raise OSError("mine")


def test_a_training_takes_another_folder_or_says_that_it_is_in_use(other, recipe, tmp_path, monkeypatch, capsys):
    folder, _ = other
    assert main(["train", str(recipe), "--output-dir", str(folder)]) == 2
    said = capsys.readouterr().err
    assert said == f"error: {folder}: another process is at work there; wait for its end, or take another folder\n"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    folder.rename("runs/small")
    assert str(open_run(config())) == "runs/small-2"
    assert str(open_run(config(resume="auto"))) == "runs/small"
