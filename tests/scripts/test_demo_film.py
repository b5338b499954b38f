import csv
import re
import sys

import av
import cv2
import numpy as np
import pytest

from dataloaders.demo.expression import CLASSES
from dataloaders.demo.generate import DemoSize, generate_demo
from dataloaders.readers import read_clip
from dataloaders.stream import Stream
from scripts.demo_film import SIDE, clips_of, join, main
from utils.errors import UserError

FRAMES = 3
SIZE = DemoSize(clips=(7, 7, 14), identities=(1, 1, 2), frames=FRAMES, width=64, height=48)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two people in the test split, with a clip of each class."""
    root = tmp_path_factory.mktemp("demo") / "data"
    generate_demo(root, size=SIZE, workers=1)
    return root


def test_the_clips_of_a_person_stand_by_class(root):
    first, second = clips_of(root, 0), clips_of(root, 1)
    assert set(first) | set(second) == set(root.glob("CAER/test/*/*.avi")) and not set(first) & set(second)
    with (root / "identities.csv").open(newline="") as file:
        identity = {root / row["clip"]: row["identity"] for row in csv.DictReader(file)}
    assert [{identity[clip] for clip in clips} for clips in (first, second)] == [{"2"}, {"3"}]  # of four people in all
    for clips in (first, second):
        assert [clip.parent.name for clip in clips] == sorted(CLASSES)


def test_the_film_is_the_clips_frame_by_frame(root, tmp_path):
    clips = clips_of(root, 1)
    join(clips, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        video = film.streams.video[0]
        assert (video.codec_context.name, video.average_rate, video.pix_fmt) == ("h264", 15, "yuv420p")
        assert (video.width, video.height, video.frames) == (64 * SIDE, 48 * SIDE, 7 * FRAMES)
    expected = [frame for clip in clips for frame in read_clip(clip, lambda count: list(range(count))).pixels]
    moments = list(Stream(tmp_path / "film.mp4"))
    assert [moment.time for moment in moments] == pytest.approx([number / 15 for number in range(7 * FRAMES)], abs=1e-3)
    for frame, moment in zip(expected, moments, strict=True):
        small = cv2.resize(moment.pixels, (64, 48), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - frame).mean() < 4
    content = (tmp_path / "film.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # a browser plays it while it loads


def test_by_the_command_line(root, tmp_path, monkeypatch):
    for words, person in (([], 0), (["--person", "1"], 1)):
        monkeypatch.setattr(sys, "argv", ["demo_film", str(root), str(tmp_path / "film.mp4"), *words])
        main()
        join(clips_of(root, person), tmp_path / "expected.mp4")
        assert (tmp_path / "film.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()


@pytest.mark.parametrize("where, person, said", [
    ("gone", 0, "gone: no demo data; `bash train.sh` makes it"), ("data", 2, "--person 2: must be from 0 to 1"),
    ("data", -1, "--person -1: must be from 0 to 1")])
def test_a_mistake_is_one_line(root, tmp_path, monkeypatch, capsys, where, person, said):
    with pytest.raises(UserError, match=re.escape(said)):
        clips_of(root.parent / where, person)
    words = [str(root.parent / where), str(tmp_path / "x.mp4"), f"--person={person}"]
    monkeypatch.setattr(sys, "argv", ["demo_film", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "x.mp4").exists()
