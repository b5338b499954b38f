"""Any index of a pack, table of a split and account of a clip: clips with labels in range and frames that are whole or
refused, or why not in a line."""

import json
import zlib

import numpy as np
import pytest

from dataloaders.clips import ClipError
from dataloaders.packed import Pack
from dataloaders.packed_clip import PackedClip, from_json
from scripts.pack import main as pack
from tests.dataloaders.footage import frame, write_image
from tests.fuzz.cases import NUMBERS, changed, damaged, fuzzed, refused
from utils.provenance.hashes import sha256

CLASSES = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
RECIPE = "dataset: caer\nclip_pretrained: none\nimage_size: 16\nval_fraction: 0.5\nroot_dir: "
WORDS = ['"../x.tar"', "[]", "{}", "null", "-1", "1.5", "1e99", "true", '"bad":"x"', "2000000000000", '"\\u0000"']


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A pack of two images a class, three frames in a folder, and a file of no video."""
    folder = tmp_path_factory.mktemp("packed")
    for number in (1, 2):
        for name in CLASSES:
            write_image(folder / f"files/train/{name}/{number}.png", frame(number))
    for number in range(3):
        write_image(folder / f"files/train/Sad/film/{number}.png", frame(number))
    (folder / "files/train/Sad/3.avi").write_bytes(b"no video" * 9)
    (folder / "recipe.yaml").write_text(f"{RECIPE}{folder / 'files'}\n")
    assert pack([str(folder / "recipe.yaml"), "--output", str(folder / "pack"), "--workers", "0"]) == 0
    return folder / "pack"


def any_json(text: str):
    return changed(json.loads(text)) | changed(json.loads(text)) | damaged([text], WORDS)


def look_through(folder) -> None:
    found = refused(lambda: Pack(folder))
    for clips in (refused(found.clips) or {}).values() if found else ():
        for clip in clips:
            assert 0 <= clip.label < len(found.classes) and folder in clip.path.parents
            look_at(lambda: found.streams(clip.id, ends, 16, both=True), 16)


def look_at(streams, side: int) -> None:
    pictures = refused(lambda: [*(found := streams())[0], *found[1]], ClipError)
    for picture in pictures or ():
        assert picture.dtype == np.uint8 and picture.shape == (side, side, 3)


def ends(count: int) -> list[int]:
    return [0, count - 1]


@pytest.mark.parametrize("number", NUMBERS)
def test_indices(number, packed):
    index = (packed / "index.json").read_text(encoding="utf-8")

    @fuzzed(number, any_json(index))
    def check(content):
        (packed / "index.json").write_bytes(content)
        look_through(packed)

    (packed / "index.json").write_text(index, encoding="utf-8")


@pytest.mark.parametrize("number", NUMBERS)
def test_tables(number, packed):
    """The index says of each that it is the right one."""
    index, table = ((packed / name).read_text(encoding="utf-8") for name in ("index.json", "train.json"))

    @fuzzed(number, any_json(table))
    def check(content):
        (packed / "train.json").write_bytes(content)
        told = json.loads(index)
        told["splits"]["train"]["table"] = sha256(packed / "train.json")
        (packed / "index.json").write_text(json.dumps(told))
        look_through(packed)

    (packed / "index.json").write_text(index, encoding="utf-8")
    (packed / "train.json").write_text(table, encoding="utf-8")


@pytest.mark.parametrize("number", NUMBERS)
def test_clips(number, packed):
    """The CRC at the head of each is that of what follows."""
    whole = Pack(packed)
    (name,) = (clip.id for clips in whole.clips().values() for clip in clips if clip.id.endswith("film"))
    clip = whole.clip(name)
    held = [bytes(clip._data(place)) for place in range(len(clip.entry["sizes"]))]
    entry = json.dumps({key: value for key, value in clip.entry.items() if key != "crc"})

    @fuzzed(number, any_json(entry))
    def check(content):
        rest = content[1:]
        found = from_json(b'{"crc":%d,' % zlib.crc32(rest) + rest)
        if found:
            made = PackedClip("x.tar", "000000000", found, lambda place: held[place % len(held)])
            look_at(lambda: made.streams(ends, 16, both=True), 16)
