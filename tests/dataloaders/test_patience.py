import os
import subprocess
import sys
import threading

import pytest

from dataloaders.patience import at_most
from tests.over import assert_over

HANGS = """\
import multiprocessing, os, sys
from dataloaders.patience import at_most

child = multiprocessing.get_context("fork").Process(target=os.read, args=(os.pipe()[0], 1))
child.start()
print(child.pid, flush=True)
with at_most(0.5, "a/b.avi"):
    open(sys.argv[1])
print("not reached")
"""


def test_what_hangs_is_ended_with_its_name_and_the_children_too(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = subprocess.run([sys.executable, "-c", HANGS, tmp_path / "pipe"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert done.stderr == "\nerror: reading took over 0.5 s (--reader-timeout): a/b.avi\n"
    assert_over([int(done.stdout)])


@pytest.mark.parametrize("seconds, watched", [(300, True), (0, False)])
def test_what_does_not_hang_is_let_alone(seconds, watched):
    before = set(threading.enumerate())  # others' may end meanwhile
    with pytest.raises(KeyError), at_most(seconds, "a"):
        timers = set(threading.enumerate()) - before
        assert len(timers) == watched
        raise KeyError
    for timer in timers:
        timer.join()  # and does not wait for 300 seconds


def test_a_loader_process_is_let_alone(monkeypatch):
    monkeypatch.setattr("dataloaders.patience.get_worker_info", lambda: "one")
    before = set(threading.enumerate())
    with at_most(300, "a"):
        assert set(threading.enumerate()) <= before
