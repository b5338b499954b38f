"""Any index of a pack: clips with labels in range and frames that are whole or refused, or one line of why not."""

import json

import numpy as np
import pytest

from dataloaders.clips import ClipError
from dataloaders.packed import Pack
from scripts.pack import main as pack
from tests.dataloaders.footage import frame, write_image
from tests.fuzz.cases import NUMBERS, changed, damaged, fuzzed, refused

CLASSES = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
# Not refused in one line yet: an endless size, notes of a frame that name no step of the ladder, a key of no number.
LACKING = (OverflowError, IndexError, UnicodeEncodeError)
RECIPE = "dataset: caer\nclip_pretrained: none\nimage_size: 16\nval_fraction: 0.5\nroot_dir: "


def _packed(folder):
    """A pack of an image a class, three frames in a folder, and a file of no video."""
    for number in (1, 2):
        for name in CLASSES:
            write_image(folder / f"files/train/{name}/{number}.png", frame(number))
    for number in range(3):
        write_image(folder / f"files/train/Sad/film/{number}.png", frame(number))
    (folder / "files/train/Sad/3.avi").write_bytes(b"no video" * 9)
    (folder / "recipe.yaml").write_text(f"{RECIPE}{folder / 'files'}\n")
    assert pack([str(folder / "recipe.yaml"), "--output", str(folder / "pack"), "--workers", "0"]) == 0
    return folder / "pack"


@pytest.mark.parametrize("number", NUMBERS)
def test_indices(number, tmp_path):
    folder = _packed(tmp_path)
    index = (folder / "index.json").read_text(encoding="utf-8")

    @fuzzed(number, changed(json.loads(index)) | changed(json.loads(index)) | damaged([index], [
        '"../x.tar"', "[]", "{}", "null", "-1", "1.5", "1e99", "true", '"bad":"x"', "2000000000000", '"\\u0000"']))
    def check(content):
        (folder / "index.json").write_bytes(content)
        found = refused(lambda: Pack(folder), *LACKING)
        for split in found.clips().values() if found else ():
            for clip in split:
                assert 0 <= clip.label < len(found.classes)
                pictures = refused(lambda: _first(found, clip.id), ClipError, *LACKING)
                for picture in pictures or ():
                    assert picture.dtype == np.uint8 and picture.shape == (16, 16, 3)


def _first(found, name):
    """The clip's first and last frame, of both streams."""
    face, context, _ = found.streams(name, lambda count: [0, count - 1], 16, both=True)
    return [*face, *context]
