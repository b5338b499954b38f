import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataloaders.clips import frame_number, inside
from dataloaders.lists import label_base, read_daisee, read_lists, scan_folders, scan_unlabelled
from utils.errors import UserError

THREE = ["Anger", "Disgust", "Fear"]
HEADER = "ClipID,Boredom,Engagement,Confusion,Frustration \n"


def lists(folder, **texts):
    """Read list files of these texts; of three classes."""
    paths = {}
    for split, text in texts.items():
        paths[split] = folder / f"{split}.txt"
        paths[split].write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_lists(paths, folder, THREE)


def test_path_and_label_are_read(tmp_path):
    clips = lists(tmp_path, train="a/1.avi 16 0\nb/2.avi\t9\t1\n\n  c/3.avi   4   2  \n")["train"]
    assert [(clip.id, clip.label) for clip in clips] == [("a/1.avi", 0), ("b/2.avi", 1), ("c/3.avi", 2)]
    assert [clip.path for clip in clips] == [tmp_path / "a/1.avi", tmp_path / "b/2.avi", tmp_path / "c/3.avi"]


def test_path_may_hold_blanks_and_numbers(tmp_path):
    clips = lists(tmp_path, train="my clips/take 2  3.avi 16 0\nb 1 1\nc 1 2")["train"]
    assert clips[0].id == "my clips/take 2  3.avi"
    assert clips[0].path == tmp_path / "my clips" / "take 2  3.avi"


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    clips = lists(tmp_path, train=b"\xef\xbb\xbfa 1 0\r\nb 1 1\r\nc 1 2\r\n")["train"]
    assert [clip.id for clip in clips] == ["a", "b", "c"]


def test_windows_separators_become_slashes(tmp_path):
    clip = lists(tmp_path, train="train\\Anger\\1.avi 1 0\nb 1 1\nc 1 2")["train"][0]
    assert clip.id == "train/Anger/1.avi"
    assert clip.path == tmp_path / "train" / "Anger" / "1.avi"


@pytest.mark.parametrize("base", [0, 1])
def test_label_base_is_seen_over_all_splits_together(tmp_path, base):
    train = f"a 1 {base}\nb 1 {1 + base}"
    test = f"c 1 {2 + base}\nd 1 {1 + base}"
    found = lists(tmp_path, train=train, test=test)
    assert [clip.label for clip in found["train"]] == [0, 1]
    assert [clip.label for clip in found["test"]] == [2, 1]


@pytest.mark.parametrize(
    "labels, words",
    [
        ({1, 2}, "some class has no clip"),  # fits 0..2 and 1..3
        ({0, 2}, "some class has no clip"),  # a gap
        ({1, 3}, "some class has no clip"),
        ({-1, 0, 1}, "out of range"),
        ({0, 1, 2, 3}, "out of range"),
        ({0, 3}, "out of range"),
        ({1, 2, 3, 4}, "out of range"),
    ],
)
def test_labels_that_show_no_base_are_refused(labels, words):
    with pytest.raises(UserError, match=words) as error:
        label_base(labels, THREE)
    assert str(sorted(labels)) in str(error.value) and "Disgust" in str(error.value)


@given(st.integers(1, 12), st.sampled_from([0, 1]), st.data())
def test_a_whole_set_of_labels_shows_its_base_and_a_smaller_one_none(number, base, data):
    classes = [f"c{i}" for i in range(number)]
    whole = set(range(base, number + base))
    assert label_base(whole, classes) == base
    absent = data.draw(st.sampled_from(sorted(whole)))
    if number > 1:
        with pytest.raises(UserError):
            label_base(whole - {absent}, classes)


@pytest.mark.parametrize(
    "line",
    [
        "only_a_path",
        "path 3",
        "path x 1",
        "path 3 happy",
        "path 3 1.5",
        "path 3 --1",
        "path 3 \u00b2",
        "3 1",
        "path 1 " + "9" * 5000,
    ],
)
def test_malformed_line_is_named_with_file_and_number(tmp_path, line):
    with pytest.raises(UserError) as error:
        lists(tmp_path, train=f"a 1 0\n\n{line}\n")
    assert str(error.value).startswith(f"{tmp_path / 'train.txt'}:3: expected `path num_frames label`, found")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../up.avi",
        "a/../../up.avi",
        "C:\\clips\\1.avi",
        "a\\..\\..\\1.avi",
        "\\\\host\\share\\1.avi",
        ".",
        "a/\0.avi",
    ],
)
def test_path_out_of_the_root_is_refused(tmp_path, path):
    with pytest.raises(UserError, match="--root-dir") as error:
        lists(tmp_path, train=f"{path} 1 0\nb 1 1\nc 1 2")
    assert "train.txt" in str(error.value)


def test_dots_and_colons_inside_names_are_no_way_out(tmp_path):
    assert inside(tmp_path, "at 12:30/..a/b..avi", "here") == tmp_path / "at 12:30" / "..a" / "b..avi"


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_empty_list_is_refused(tmp_path, text):
    with pytest.raises(UserError, match="train.txt: lists no clip"):
        lists(tmp_path, train=text)


def test_list_that_is_not_utf8_is_refused_with_the_place(tmp_path):
    with pytest.raises(UserError, match=r"train.txt: not UTF-8 text \(byte 2\)"):
        lists(tmp_path, train=b"ab\xff 1 0")


def test_list_that_is_endless_is_refused_unread(tmp_path):
    (tmp_path / "long.txt").touch()
    os.truncate(tmp_path / "long.txt", 2**29 + 1)
    with pytest.raises(UserError, match="long.txt: 536,870,913 bytes are too much for a list"):
        read_lists({"train": tmp_path / "long.txt"}, tmp_path, THREE)


def test_missing_list_is_refused(tmp_path):
    with pytest.raises(UserError, match="absent.txt: cannot be read: No such file"):
        read_lists({"train": tmp_path / "absent.txt"}, tmp_path, THREE)


LINES = st.one_of(
    st.text(max_size=30),
    st.builds("{} {} {}".format, st.text(max_size=10), st.integers(-3, 99), st.integers(-2, 4)),
    st.sampled_from(
        [
            "a 1 0",
            "b 1 1",
            "c 1 2",
            ". 1 0",
            ".. 1 0",
            "/ 1 0",
            "\\ 1 0",
            "a 1 -",
            "a 1 --2",
            "a \u00b2 \u00b2",
        ]
    ),
)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(LINES, max_size=6).map(lambda lines: "\n".join(lines).encode(errors="surrogatepass")),
    )
)
@example(b"a 1 0\nb 1 1\nc 1 2")
def test_any_bytes_give_clips_inside_the_root_or_a_user_error(scratch, content):
    try:
        clips = lists(scratch, train=content)["train"]
    except UserError:
        return
    assert {clip.label for clip in clips} == {0, 1, 2}
    assert all(scratch in clip.path.parents and ".." not in clip.path.parts for clip in clips)


@pytest.mark.parametrize(
    "name, number",
    [
        ("28.jpg", 28),
        ("0007.png", 7),
        ("frame_00012.jpg", 12),
        ("cam2_frame31.jpg", 31),
        ("a9/x/5.jpg", 5),
        ("a\\5.jpg", 5),
        ("cover.jpg", None),
        ("\u00b2.jpg", None),
    ],
)
def test_frame_number_is_the_last_in_the_name(name, number):
    assert frame_number(name) == number


# DAiSEE


@pytest.fixture
def daisee(tmp_path):
    """Clips 11 and 12 of two people; what they hold is not read here."""
    for person, clip in (("1", "11.avi"), ("2", "12.mp4")):
        folder = tmp_path / "DataSet" / "Train" / person / clip[:2]
        folder.mkdir(parents=True)
        (folder / clip).touch()
        (folder / "notes.txt").touch()

    def read(text, target="Engagement"):
        (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
        return read_daisee(tmp_path / "labels.csv", tmp_path, target)

    return read


@pytest.mark.parametrize(
    "target, labels",
    [("Boredom", [0, 3]), ("Engagement", [1, 2]), ("Confusion", [2, 1]), ("Frustration", [3, 0])],
)
def test_daisee_target_picks_the_column_whatever_blanks_it_has(daisee, target, labels):
    clips, absent, _ = daisee("\ufeff" + HEADER + "11.avi,0,1,2,3\n12.avi, 3 ,2,1,0 \n", target)
    assert [clip.label for clip in clips] == labels and absent == 0
    assert [clip.id for clip in clips] == ["DataSet/Train/1/11/11.avi", "DataSet/Train/2/12/12.mp4"]
    assert all(clip.path.is_file() for clip in clips)


def test_daisee_labels_without_clip_and_clips_without_label_are_counted(daisee, tmp_path):
    elsewhere = tmp_path / "DataSet" / "Test" / "3" / "13" / "13.avi"  # a split that this list says nothing of
    elsewhere.parent.mkdir(parents=True)
    elsewhere.touch()
    clips, absent, unlabelled = daisee(HEADER + "11.avi,0,1,2,3\n98.avi,0,0,0,0\n99.avi,0,0,0,0\n")
    assert [clip.id for clip in clips] == ["DataSet/Train/1/11/11.avi"]
    assert (absent, unlabelled) == (2, 1)


def test_daisee_clip_ids_with_blanks_or_without_extension(daisee):
    clips, absent, unlabelled = daisee(HEADER + " 11.avi ,0,1,2,3\n12,0,1,2,3\n")
    assert len(clips) == 2 and absent == unlabelled == 0


def test_daisee_without_any_clip_is_refused(daisee):
    with pytest.raises(UserError, match="none of its 2 clips is under"):
        daisee(HEADER + "98.avi,0,1,2,3\n99.avi,0,1,2,3\n")


@pytest.mark.parametrize("cell", ["4", "-1", "", "high", "1.0"])
def test_daisee_bad_value_is_named_by_line(daisee, cell):
    with pytest.raises(UserError, match=rf"labels.csv:4: Engagement is '{cell}'; expected 0, 1, 2 or 3"):
        daisee(HEADER + f"11.avi,0,1,2,3\n\n12.avi,0,{cell},2,3\n")


def test_daisee_ragged_rows(daisee):
    assert len(daisee(HEADER + "11.avi,0,1\n12.avi,0,1,2,3,9,9\n")[0]) == 2
    with pytest.raises(UserError, match="labels.csv:2: Frustration is ''"):
        daisee(HEADER + "11.avi,0,1\n", "Frustration")


@pytest.mark.parametrize("target", ["engagement", "Joy"])
def test_daisee_unknown_column_names_those_there_are(daisee, target):
    with pytest.raises(UserError, match=f"no column '{target}'.*Boredom, Engagement, Confusion, Frustration"):
        daisee(HEADER + "11.avi,0,1,2,3\n", target)


@given(
    st.one_of(
        st.text(max_size=60),
        st.text('0123,"\n 19.avi', max_size=40).map((HEADER + "11.avi,0,1,2,3\n").__add__),
    )
)
@example(HEADER + "11.avi," + "9" * 140_000)
def test_any_csv_gives_clips_or_a_user_error(scratch, text):
    clip = scratch / "DataSet" / "Train" / "1" / "11" / "11.avi"
    clip.parent.mkdir(parents=True, exist_ok=True)
    clip.touch()
    (scratch / "fuzz.csv").write_text(text, encoding="utf-8", errors="replace")
    try:
        clips, _, _ = read_daisee(scratch / "fuzz.csv", scratch, "Engagement")
    except UserError:
        return
    assert clips and {found.path for found in clips} == {clip}


# Folder names


def test_folder_names_give_labels_in_class_order(tmp_path):
    for path in (
        "fear/b.avi",
        "fear/a.PNG",
        "Anger/frames/0.jpg",
        "Anger/readme.txt",
        "Anger/.hidden.avi",
        ".git/x.avi",
    ):
        (tmp_path / "train" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "train" / path).touch()
    clips = scan_folders(tmp_path / "train", tmp_path, THREE)
    assert [(clip.id, clip.label) for clip in clips] == [
        ("train/Anger/frames", 0),
        ("train/fear/a.PNG", 2),
        ("train/fear/b.avi", 2),
    ]


def test_folder_that_names_no_class_is_refused(tmp_path):
    (tmp_path / "Joy").mkdir()
    with pytest.raises(UserError, match="Joy: names no class; classes are Anger, Disgust, Fear"):
        scan_folders(tmp_path, tmp_path, THREE)


def test_folders_without_a_clip_are_refused(tmp_path):
    (tmp_path / "Fear").mkdir()
    with pytest.raises(UserError, match="holds no clip"):
        scan_folders(tmp_path, tmp_path, THREE)


# Folders without labels


def test_unlabelled_clips_are_found_at_any_depth(tmp_path):
    names = ["b.mp4", "B.AVI", "a/2.png", "a/10.JPG", "a/c/1.webm", "z.mkv/1.bmp"]
    others = [".hidden.mp4", ".cache/1.png", "a/.cache/2.avi", "notes.txt", "face.json", "mp4"]
    for name in (*names, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty.avi").mkdir()
    clips = scan_unlabelled(tmp_path)
    assert [clip.id for clip in clips] == ["B.AVI", "a/10.JPG", "a/2.png", "a/c/1.webm", "b.mp4", "z.mkv/1.bmp"]
    assert [clip.path for clip in clips] == [tmp_path / clip.id for clip in clips]
    assert [clip.label for clip in clips] == list(range(6))


def test_a_hidden_folder_that_is_named_is_searched_and_a_loop_of_links_is_not(tmp_path):
    (tmp_path / ".clips").mkdir()
    (tmp_path / ".clips" / "1.png").touch()
    (tmp_path / ".clips" / "again").symlink_to(tmp_path / ".clips")
    assert [clip.id for clip in scan_unlabelled(tmp_path / ".clips")] == ["1.png"]


def test_no_unlabelled_clip(tmp_path):
    with pytest.raises(UserError, match=r"--unlabelled .*absent: No such file or directory$"):
        scan_unlabelled(tmp_path / "absent")
    (tmp_path / "1.png").touch()
    with pytest.raises(UserError, match=r"--unlabelled .*1\.png: Not a directory$"):
        scan_unlabelled(tmp_path / "1.png")
    (tmp_path / "sub").mkdir()
    with pytest.raises(UserError, match=r"--unlabelled .*sub: holds no video or image$"):
        scan_unlabelled(tmp_path / "sub")


def test_an_unlabelled_folder_that_may_not_be_read_is_not_passed_over(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    (tmp_path / "1.png").touch()
    scan = os.scandir

    def refusing(place):
        if str(place).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(UserError, match=r"--unlabelled .*locked: Permission denied"):
        scan_unlabelled(tmp_path)
