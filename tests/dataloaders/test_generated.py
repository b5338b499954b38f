import json

import pytest

from dataloaders.generated import write_once
from utils.errors import UserError

MANIFEST = {"version": 1, "seed": 3}


def fill(folder):
    folder.mkdir()
    (folder / "a.txt").write_text("a")


def make(folder, manifest=MANIFEST, write=fill) -> None:
    write_once(folder, "mark.json", "demo data", manifest, write)


def test_it_is_written_once_with_its_manifest(tmp_path):
    make(tmp_path / "new" / "data")
    assert {path.name for path in (tmp_path / "new" / "data").iterdir()} == {"a.txt", "mark.json"}
    assert json.loads((tmp_path / "new" / "data" / "mark.json").read_text()) == MANIFEST
    make(tmp_path / "new" / "data", write=lambda folder: pytest.fail("written again"))


def test_what_is_there_is_not_written_over(tmp_path):
    make(tmp_path / "data")
    with pytest.raises(UserError, match="data exists and is not the demo data of seed 4: remove it or name another"):
        make(tmp_path / "data", MANIFEST | {"seed": 4})
    (tmp_path / "thesis").write_text("thesis")
    with pytest.raises(UserError, match="thesis exists and is not the demo data"):
        make(tmp_path / "thesis")
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty")
    assert (tmp_path / "empty" / "a.txt").is_file() and (tmp_path / "thesis").read_text() == "thesis"


def test_interrupted_writing_leaves_nothing_and_can_be_repeated(tmp_path):
    def interrupted(folder):
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "data", write=interrupted)
    assert list(tmp_path.iterdir()) == []
    make(tmp_path / "data")


def test_the_slower_of_two_processes_keeps_what_the_faster_wrote(tmp_path):
    def overtaken(folder):
        fill(folder)
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "mark.json").write_text(json.dumps(MANIFEST, indent=1))

    make(tmp_path / "data", write=overtaken)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mark.json"]


def test_a_folder_that_another_program_fills_meanwhile_is_an_error(tmp_path):
    def disturbed(folder):
        fill(folder)
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "other").write_text("x")

    with pytest.raises(OSError):
        make(tmp_path / "data", write=disturbed)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["other"]
