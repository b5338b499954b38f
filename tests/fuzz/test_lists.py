"""Any list file, and any label table of DAiSEE's: clips inside the root with labels in range, or why not in a line."""

import pytest

from dataloaders.clips import ClipError
from dataloaders.fingerprints import size_of
from dataloaders.lists import read_daisee, read_lists
from dataloaders.readers import read_clip
from tests.fuzz.cases import NUMBERS, damaged, fuzzed, refused

CLASSES = ["Anger", "Disgust", "Fear"]
LISTS = ["a/1.avi 16 0\nb/take 2.avi\t9\t1\n\n  c\\3.mp4 4 2\n", "x 1 1\r\ny 1 2\r\nz 1 3\r\n"]
TABLES = ["ClipID,Boredom,Engagement,Confusion,Frustration \n11.avi,0,1,2,3\n12.avi,3,2,1,0\n",
          'ClipID,Engagement\n"11.avi","1"\n12,0\n99.avi,2\n']


@pytest.mark.parametrize("number", NUMBERS)
def test_lists(number, tmp_path):
    path = tmp_path / "train.txt"

    @fuzzed(number, damaged(LISTS, ["../", "/etc/passwd", "C:\\x", "\\\\host\\share", "a 1 0", "b 1 1", "c 1 2"]))
    def check(content):
        path.write_bytes(content)
        clips = refused(lambda: read_lists({"train": path}, tmp_path, CLASSES))
        for clip in clips["train"] if clips else ():
            assert tmp_path in clip.path.parents and ".." not in clip.path.parts and clip.id and "\0" not in clip.id
            assert clip.label in (0, 1, 2)
        for clip in clips["train"][:3] if clips else ():
            assert refused(lambda: read_clip(clip.path, lambda count: [0]), ClipError) is None
            assert size_of(clip.path) in ("absent", "folder")


@pytest.mark.parametrize("number", NUMBERS)
def test_daisee(number, tmp_path):
    videos = [tmp_path / f"DataSet/Train/1/{name}/{name}.avi" for name in ("11", "12")]
    for video in videos:
        video.parent.mkdir(parents=True)
        video.touch()
    path = tmp_path / "labels.csv"

    @fuzzed(number, damaged(TABLES, ["ClipID", "Engagement", "../11.avi", "/", "11.avi"]))
    def check(content):
        path.write_bytes(content)
        found = refused(lambda: read_daisee(path, tmp_path, "Engagement"))
        if found:
            clips, absent, unlabelled = found
            assert clips and {clip.path for clip in clips} <= {*videos} and absent >= 0 and 0 <= unlabelled <= 1
            assert all(clip.label in (0, 1, 2, 3) for clip in clips)
