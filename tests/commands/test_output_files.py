from pathlib import Path

import pytest

from commands.output_files import make_folder, output_files
from utils.errors import UserError


def test_a_file_for_each_input_in_its_order():
    out = Path("out")
    assert output_files(["b.mp4", "a/c.d.mp4"], out, ["b", "c.d"], ".jsonl", [".png", ".why.png"]) == [
        out / "b.jsonl", out / "c.d.jsonl"]
    assert output_files([], out, ["stdin"], ".csv") == [out / "stdin.csv"] and output_files([], out, [], ".csv") == []


@pytest.mark.parametrize("stems, beside, path", [
    (["a", "b", "a"], [], "out/a.csv"), (["a", "a"], [".png"], "out/a.csv"),
    (["a", "a.why"], [".png", ".why.png"], "out/a.why.png")])
def test_two_files_of_the_same_name(stems, beside, path):
    with pytest.raises(UserError, match=f"predict: two inputs would be written to {path}; give them one at a time"):
        output_files(["x.txt"], Path("out"), stems, ".csv", beside)


@pytest.mark.parametrize("given, suffix, beside", [
    ("a.csv", ".csv", []), ("a.mp4", ".jsonl", [".png", ".mp4"]), ("a.png", ".jsonl", [".png"]),
    ("a.why.png", ".jsonl", [".png", ".why.png"])])
def test_an_input_is_not_written_over_by_whatever_way_it_is_named(tmp_path, monkeypatch, given, suffix, beside):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in (given, f"other/../{given}", f"link/{given}", str(tmp_path / given)):
        with pytest.raises(UserError, match=f"{given} is an input, and would be written over; give another"):
            output_files([name], Path("."), ["a"], suffix, beside)
        assert output_files([name], Path("other"), ["a"], suffix, beside) == [Path("other") / f"a{suffix}"]


def test_a_folder_of_frames_is_not_written_into(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path} is an input, and would be written into; give another"):
        output_files([str(tmp_path / "x" / "..")], tmp_path, ["a"], ".jsonl")


def test_a_folder_is_made_with_those_above_it(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below"):
        with pytest.raises(UserError, match=f"--output-dir {tmp_path / place}: cannot be made: "):
            make_folder(tmp_path / place)
