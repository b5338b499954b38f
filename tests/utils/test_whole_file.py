import errno
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from tests.fresh import in_fresh_process
from utils import whole_file as module
from utils.errors import UserError
from utils.whole_file import whole_file


def write(path: Path, text: str, **options) -> None:
    with whole_file(path, **options) as file:
        file.write(text)


def test_the_new_file_is_there_when_the_block_ends(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write(path, "cũ")
    with whole_file(path, newline="") as file:
        file.write("mới\r\n")
        assert path.read_text(encoding="utf-8") == "cũ"
    assert path.read_bytes() == "mới\r\n".encode() and os.listdir(path.parent) == ["b.txt"]
    with whole_file(path, "wb") as file:
        file.write(b"\xff")
    assert path.read_bytes() == b"\xff"


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_a_block_that_breaks_off_leaves_the_old_one_alone(tmp_path, error):
    write(tmp_path / "a", "old")
    with pytest.raises(error), whole_file(tmp_path / "a") as file:
        file.write("new")
        raise error
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"


def test_what_a_killed_one_has_left_goes(tmp_path):
    (tmp_path / "a.tmp").write_text("half of something longer")
    write(tmp_path / "a", "new")
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "new"


def test_the_former_file_is_kept(tmp_path):
    for text in ("1", "2", "3"):
        write(tmp_path / "a", text, former=tmp_path / "b")
    assert [(tmp_path / name).read_text() for name in "ab"] == ["3", "2"] and len(os.listdir(tmp_path)) == 2


def test_bytes_are_on_the_disk_before_the_name_and_then_the_name(tmp_path, monkeypatch):
    done, path = [], tmp_path / "a"
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append(Path(os.readlink(f"/proc/self/fd/{file}")).name),
                                                   fsync(file)))
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append(f"{old.name} -> {new.name}"), replace(old, new)))
    write(path, "1")
    write(path, "2", former=tmp_path / "b")
    assert done == ["a.tmp", "a.tmp -> a", tmp_path.name, "a.tmp", "a -> b", "a.tmp -> a", tmp_path.name]


@pytest.mark.parametrize("refuses", ["open", "fsync"])
def test_a_folder_that_cannot_be_synced(tmp_path, monkeypatch, refuses):
    real = getattr(os, refuses)

    def refuse(what, *rest):
        if (isinstance(what, int) and os.path.isdir(f"/proc/self/fd/{what}")) or what == tmp_path:
            raise OSError(errno.EINVAL, "not here")
        return real(what, *rest)

    monkeypatch.setattr(module.os, refuses, refuse)
    before = set(os.listdir("/proc/self/fd"))
    write(tmp_path / "a", "1")
    assert (tmp_path / "a").read_text() == "1" and set(os.listdir("/proc/self/fd")) <= before


def test_no_folder_no_permission_no_room(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/a: cannot be written: (Not a directory|File exists)$"):
        write(tmp_path / "file" / "a", "1")
    (tmp_path / "a.tmp").mkdir()
    with pytest.raises(UserError, match="/a: cannot be written: Is a directory$"):
        write(tmp_path / "a", "1")
    (tmp_path / "b.tmp").symlink_to("/dev/full")
    with pytest.raises(UserError, match="/b: cannot be written: No space left on device$"):
        write(tmp_path / "b", "1")
    assert not (tmp_path / "b").exists() and not (tmp_path / "b.tmp").is_symlink()


def killed_at_line(number: int, work) -> bool:
    """Do the work in a process that is killed before the line of that number of the module; whether it was.

    The process is forked, so that this one must have no other threads, which may hold locks.
    """
    assert threading.active_count() == 1
    child = os.fork()
    if child == 0:
        lines = iter(range(1, number))

        def trace(frame, event, value):
            if frame.f_code.co_filename != module.__file__:
                return None
            if event == "line" and next(lines, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        work()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def kill_at_each_line(folder: Path) -> None:
    """The text is longer than what is buffered, so that part of it is on its way to the disk."""
    old, new, former, number = "a" * 99_999, "b" * 99_999, folder / "former", 0
    path, seen, going_on = folder / "a", set(), True
    while going_on:
        number += 1
        write(path, old)
        going_on = killed_at_line(number, lambda: write(path, new, former=former))
        found = path.read_text() if path.exists() else None
        seen.add(found and found[0])
        assert found in (old, new) or found is None and former.read_text() == old
        former.unlink(missing_ok=True)
    assert number > 12 and seen == {"a", "b", None} and os.listdir(folder) == ["a"]


def test_killed_at_any_line_one_of_both_files_is_whole(tmp_path):
    in_fresh_process(kill_at_each_line, tmp_path)
