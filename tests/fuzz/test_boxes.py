"""Any box file: boxes of four finite numbers for whatever clip is asked for, or one line that says why."""

import json
import math

import pytest

from dataloaders.boxes import FURTHEST, Boxes
from tests.fuzz.cases import NUMBERS, changed, damaged, fuzzed, refused

CLIPS = ["train/Anger/1.avi", "Anger/1", "a", "", "/", "..", ".jpg", "CAER\\train\\Anger\\1.avi"]
FILES = [json.dumps({"train/Anger/1.avi": [1, 2, 30.5, 40], "CAER/train/Fear/2": {"1.jpg": [0, 0, 9, 9],
                                                                                 "frame_20.jpg": [1e3, -5, 2, 1]}}),
         json.dumps({"a": {"0": [0, 0, 1, 1]}, "b\\c.mp4": [1.5, 2, 3, 4]}, indent=1)]


@pytest.mark.parametrize("number", NUMBERS)
def test_boxes(number, tmp_path):
    path = tmp_path / "face.json"

    @fuzzed(number, changed(json.loads(FILES[0])) | damaged(FILES, [
        '"1.jpg"', "[1,2,3,4]", "{}", "[]", "1e308", "-1e5", '"a":', "false"]))
    def check(content):
        path.write_bytes(content)
        boxes = refused(lambda: Boxes(path))
        if boxes:
            for clip in (*CLIPS, *boxes.table):
                for frame in (0, 5, 10**18):
                    box = boxes.get(clip, frame)
                    assert box is None or len(box) == 4 and all(
                        type(side) is float and math.isfinite(side) and abs(side) < FURTHEST for side in box)
                    boxes.borrowed(clip, frame)
            said = boxes.warn_if_few_match(CLIPS)
            assert said is None or len(said.splitlines()) == 1
