import csv

import pytest

from benchmarks.resources import Held
from dataloaders.video import VideoDataset
from scripts import soak

EPOCHS = 20


def held(**more) -> Held:
    return Held(**dict(resident=500.0, children_resident=900.0, gpu=0.0, shared=2.0, shared_files=3, open_files=40,
                       threads=12, children=4) | more)


@pytest.mark.slow
def test_a_real_training_and_one_whose_data_set_leaves_a_file_open_in_every_epoch(configure, tmp_path, monkeypatch):
    config = configure(f"--epochs {EPOCHS} --num-workers 1 --force")
    seen = soak.soak(config, tmp_path / "sound", 3600)
    sound = soak.trends(seen)
    assert len(seen) == EPOCHS
    assert not any(trend.grows for name, trend in sound.items() if name not in ("resident", "children_resident"))
    first, last = (sum(held.resident + held.children_resident for held in part) for part in (seen[5:10], seen[-5:]))
    assert last < 1.03 * first  # so few epochs are too short for the trend of memory
    with (tmp_path / "sound" / "soak.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    assert [int(row["open_files"]) for row in rows] == [held.open_files for held in seen]
    assert {held.children for held in seen} == {seen[0].children} and seen[0].children >= 2  # of train and val

    finish, left = VideoDataset._finish, []

    def leaky(self, frames, stream):
        if self.ids[0].startswith("CAER/train") and len(left) % 28 == 0:  # 14 clips of two streams
            left.append(open(__file__))
        left.append(None)
        return finish(self, frames, stream)

    monkeypatch.setattr(VideoDataset, "_finish", leaky)
    leaking = soak.trends(soak.soak(config, tmp_path / "leaking", 3600))["open_files"]
    assert leaking.grows and leaking.second == pytest.approx(1, abs=0.1)


def test_it_ends_after_the_epoch_in_which_the_time_is_up(configure, tmp_path):
    seen = soak.soak(configure("--epochs 9"), tmp_path, 0, lambda: held())
    assert seen == [held()]


def test_the_line_and_the_picture(tmp_path):
    seen = [held(open_files=40 + epoch, resident=500.0 + epoch % 2) for epoch in range(50)]
    found = soak.trends(seen)
    assert [name for name, of in found.items() if of.grows] == ["open_files"] and "gpu" not in found
    line = soak.verdict(found, 50)
    assert line.startswith("soak: 50 epochs: open_files still grow: resident +0 an epoch (")
    assert "open_files +1 an epoch (+1 to +1), before +1" in line and "\n" not in line
    assert soak.verdict(soak.trends([held()] * 50), 50).startswith("soak: 50 epochs: nothing grows: ")
    soak.picture(seen, tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("leak, status", [(0, 0), (1, 1)])
def test_the_exit_status(recipe, tmp_path, monkeypatch, capsys, leak, status):
    monkeypatch.setattr(soak, "soak", lambda config, folder, seconds: (
        folder.mkdir(), [held(threads=9 + leak * epoch) for epoch in range(50)])[1])
    assert soak.main(["--recipe", str(recipe), "--output-dir", str(tmp_path / "out"), "--lr", "0.1"]) == status
    assert capsys.readouterr().out.startswith("soak: 50 epochs: ")
    assert (tmp_path / "out" / "soak.png").is_file()


@pytest.mark.parametrize("words, said", [("--lr=none", "--lr"), ("--minutes 0 --epochs 1", "1 epochs are too few")])
def test_mistakes_are_one_line(recipe, tmp_path, capsys, words, said):
    assert soak.main(["--recipe", str(recipe), "--output-dir", str(tmp_path / "out"), *words.split()]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and said in lines[0]
