import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataloaders.boxes import Boxes
from utils.errors import UserError

BOX, OTHER = (1.0, 2.0, 30.5, 40.0), (5.0, 5.0, 9.0, 9.0)


@pytest.fixture
def boxes(tmp_path):
    def write(table):
        text = table if isinstance(table, str) else json.dumps(table)
        (tmp_path / "face.json").write_text(text, encoding="utf-8")
        return Boxes(tmp_path / "face.json")

    return write


@pytest.mark.parametrize(
    "key",
    [
        "CAER/train/Anger/0001",
        "CAER/train/Anger/0001.avi",
        "CAER\\train\\Anger\\0001.avi",
        "train/Anger/0001",
        "train\\Anger\\0001.AVI",
        "./CAER/train/Anger/0001.mp4",
    ],
)
@pytest.mark.parametrize(
    "clip", ["CAER/train/Anger/0001.avi", "CAER/train/Anger/0001", "train/Anger/0001.avi"]
)
def test_keys_match_in_every_spelling(boxes, key, clip):
    found = boxes({key: list(BOX), "CAER/test/Anger/0001": list(OTHER)})
    assert found.get(clip, 0) == BOX and found.has(clip)


def test_a_box_of_another_split_is_never_taken(boxes):
    found = boxes({"train/Anger/0001": list(BOX)})
    assert found.get("test/Anger/0001.avi", 0) is None and not found.has("test/Anger/0001.avi")
    assert boxes({"CAER/train/Anger/0001": list(BOX)}).get("CAER/test/Anger/0001.avi", 0) is None


def test_a_short_name_that_two_keys_share_matches_neither(boxes):
    found = boxes({"A/train/x/1": list(BOX), "B/train/x/1": list(OTHER)})
    assert found.get("train/x/1", 0) is None
    assert found.get("B/train/x/1", 0) == OTHER


def test_names_that_differ_in_their_extension_alone_have_each_their_own(boxes):
    found = boxes({"train/x/1.avi": list(BOX), "train/x/1.png": list(OTHER), "train/x/2": list(BOX)})
    assert (found.get("train/x/1.avi", 0), found.get("train/x/1.png", 0)) == (BOX, OTHER)
    assert found.get("train/x/1", 0) is None and found.get("train/x/1.mp4", 0) is None  # it might be either
    both = boxes({"train/x/1": list(BOX), "train/x/1.avi": list(OTHER)})  # a folder of frames beside a video
    assert (both.get("train/x/1", 0), both.get("train/x/1.avi", 0)) == (BOX, OTHER)


def test_a_dot_in_a_name_is_no_extension(boxes):
    found = boxes({"train/mr.smith": list(BOX), "train/mr.jones": list(OTHER)})
    assert found.get("train/mr.jones.avi", 0) == OTHER


@pytest.mark.parametrize(
    "frame, box", [(10, 0), (0, 0), (12, 0), (15, 0), (16, 1), (20, 1), (500, 2), (31, 2), (30, 2)]
)
def test_nested_gives_the_frames_own_box_or_the_nearest_and_the_earlier_of_two(boxes, frame, box):
    found = boxes(
        {"RAER/a/003": {"10.jpg": [0, 0, 9, 9], "20.jpg": [1, 0, 9, 9], "frame_030.jpg": [2, 0, 9, 9]}}
    )
    assert found.get("RAER/a/003", frame) == (box, 0, 9, 9)


def test_nested_without_any_frame_is_no_box(boxes):
    found = boxes({"a/b": {}})
    assert found.get("a/b", 3) is None and not found.has("a/b")


def test_boxes_beyond_the_frame_and_turned_round_are_kept_as_written(boxes):
    found = boxes({"a": [-5.5, -1, 1e5, 20], "b": [9, 9, 1, 1]})
    assert found.get("a", 0) == (-5.5, -1, 1e5, 20) and found.get("b", 0) == (9, 9, 1, 1)


@pytest.mark.parametrize(
    "value",
    [
        "[1, 2, 3]",
        "[1, 2, 3, 4, 5]",
        "[]",
        '"1 2 3 4"',
        "5",
        "null",
        '[1, 2, 3, "4"]',
        "[1, 2, 3, NaN]",
        "[1, 2, 3, Infinity]",
        "[-Infinity, 2, 3, 4]",
        "[1, 2, 3, null]",
        "[1, 2, 3, true]",
        "[1, 2, 3, 1e308]",
        f"[1, 2, 3, {10**400}]",
        '{"0.jpg": [1, 2]}',
        '{"0.jpg": {}}',
    ],
)
def test_what_is_no_box_is_refused_with_its_key(boxes, value):
    with pytest.raises(UserError, match=r"face.json: 'a/clip': expected \[x1, y1, x2, y2\], found"):
        boxes(f'{{"a/clip": {value}}}')


def test_frame_without_number_is_refused(boxes):
    with pytest.raises(UserError, match="'a': frame 'cover.jpg' has no number"):
        boxes({"a": {"cover.jpg": [1, 2, 3, 4]}})


@pytest.mark.parametrize(
    "text, words",
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[1]", "not a list"),
        ("3", "not a int"),
        ("[" * 100_000, "not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
    ],
)
def test_file_that_is_no_object_is_refused(boxes, text, words):
    with pytest.raises(UserError, match=f"face.json: .*{words}"):
        boxes(text)


def test_few_matches_are_told_with_an_example_of_each_side(boxes):
    found = boxes({"x/1": list(BOX), "x/odd": list(BOX)})
    assert found.warn_if_few_match(["x/1", "x/2"]) is None  # half is enough
    sentence = found.warn_if_few_match(["x/1", "x/2", "x/3"])
    assert sentence.endswith(
        "only 1 of 3 clips have a box; the clips look like 'x/2', the file's keys like 'x/1'"
    )
    assert "'(none)'" in boxes({}).warn_if_few_match(["x/1"])


NUMBERS = st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=3))
VALUES = st.one_of(
    st.lists(NUMBERS, max_size=5),
    st.lists(st.integers(-99, 999), min_size=4, max_size=4),
    NUMBERS,
    st.dictionaries(st.text(max_size=6), st.lists(NUMBERS, max_size=5), max_size=3),
)
KEYS = st.one_of(st.text(max_size=8), st.text("./\\aj pg", max_size=10))


@given(st.one_of(st.dictionaries(KEYS, VALUES, max_size=4).map(json.dumps), st.text(max_size=40)), KEYS)
@example('{"..jpg": [1, 2, 3, 4]}', "..jpg")
@example('{"a": {"\u00b2.jpg": [1, 2, 3, 4]}}', "a")
def test_any_file_and_any_clip_give_a_box_or_none_or_a_user_error(scratch, text, clip):
    (scratch / "fuzz.json").write_text(text, encoding="utf-8", errors="replace")
    try:
        box = Boxes(scratch / "fuzz.json").get(clip, 3)
    except UserError:
        return
    assert box is None or len(box) == 4 and all(abs(v) < 1e7 for v in box)


def test_share_with_box_of_a_real_file_equals_counting_by_hand(shared):
    root = shared("emoji-caer")
    ids = [
        line.split()[0]
        for name in ("train", "validation", "test")
        for line in (root / f"{name}.txt").read_text().splitlines()
    ]
    keys = json.loads((root / "face.json").read_text())
    found = Boxes(root / "face.json")
    by_hand = [clip for clip in ids if clip[: -len(".avi")] in keys]
    assert [clip for clip in ids if found.has(clip)] == by_hand
    assert 0 < len(by_hand) < len(ids)
    assert all(found.get(clip, 7) == tuple(keys[clip[: -len(".avi")]]) for clip in by_hand)
