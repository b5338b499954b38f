import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from inference.web import private
from inference.web.private import forget, private_folder


def test_a_folder_for_this_user_alone_that_gradio_is_told_of(tmp_path, monkeypatch):
    removed = []
    monkeypatch.setattr(private.atexit, "register", lambda *words, **more: removed.append((words, more)))
    monkeypatch.setenv("GRADIO_TEMP_DIR", "of all users")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    former = os.umask(0)
    try:
        first, second = private_folder(), private_folder()
    finally:
        os.umask(former)
    assert first != second and first.parent == second.parent == tmp_path
    assert stat.S_IMODE(first.stat().st_mode) == 0o700 and os.environ["GRADIO_TEMP_DIR"] == str(second)
    (first / "deep").mkdir()
    for (remove, folder), more in removed:
        remove(folder, **more)
        remove(folder, **more)  # one that is gone already is no error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise RuntimeError"])
def test_it_goes_with_what_is_in_it_however_python_ends(tmp_path, end):
    code = (f"import sys; exec(open({private.__file__!r}).read())\n"  # without its package, which takes seconds
            f"folder = private_folder(); (folder / 'film.mp4').touch(); print(folder, flush=True)\n{end}")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                           env=os.environ | {"TMPDIR": str(tmp_path)})
    assert Path(ended.stdout.strip()).parent == tmp_path and not list(tmp_path.glob("camxuc-*"))


def test_files_are_forgotten_with_the_folders_that_held_nothing_else(tmp_path):
    for name in ("alone/a.mp4", "shared/b.mp4", "shared/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    forget(tmp_path / "alone" / "a.mp4", None, str(tmp_path / "shared" / "b.mp4"), tmp_path / "nowhere" / "d.mp4", "")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["shared", "shared/c.mp4"]


def test_what_a_killed_page_left_is_removed_and_what_a_running_one_has_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, running, other = (tmp_path / f"camxuc-{name}" for name in (f"{ended.pid}-a", f"{os.getpid()}-b", "of-others"))
    for folder in (left, running, other):
        folder.mkdir()
        (folder / "clip.mp4").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    new = private_folder()
    assert not left.exists() and running.exists() and other.exists() and new.name.startswith(f"camxuc-{os.getpid()}-")
