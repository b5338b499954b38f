"""Known answers of what files are read as. See utils/known_answers."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from dataloaders.boxes import Boxes
from dataloaders.clips import frame_number
from dataloaders.lists import label_base, read_daisee, read_lists, scan_folders, scan_unlabelled
from dataloaders.readers import frame_files, read_clip
from dataloaders.reviews import encode_labels, label_names, read_reviews
from utils.known_answers.answer import Answer

CLASSES = ["a", "b", "c"]


def of_files() -> dict:
    """What a folder of tiny files is read as."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {"boxes": _boxes(folder), "frames": _frames(folder), "lists": _lists(folder), "reviews": _table(folder)}


def _boxes(folder: Path) -> list:
    """Found by any spelling; of frames the nearest, the earlier of two; of a short name that two share, none."""
    (folder / "boxes.json").write_text(
        '{"CAER\\\\train\\\\x\\\\1.avi": [1, 2, 3, 4], '
        '"train/y/2": {"f_3.jpg": [1, 1, 2, 2], "f_7.jpg": [5, 5, 6, 6]}, '
        '"p/z/z/3": [0, 0, 1, 1], "q/z/z/3": [0, 0, 2, 2]}')
    boxes = Boxes(folder / "boxes.json")
    asked = (("CAER/train/x/1.avi", 0), ("train/x/1.mp4", 0), ("a/train/y/2.avi", 3), ("train/y/2", 5),
             ("train/y/2", 6), ("z/z/3", 0), ("train/x/2", 0), ("test/x/1", 0))
    return [*(boxes.get(*clip) for clip in asked), boxes.borrowed("train/y/2", 5), boxes.borrowed("train/y/2", 7)]


def _frames(folder: Path) -> list:
    """Red, green and blue in 10.png, 2.png and 1.png: in the order of their numbers, RGB, as (frame, pixel)."""
    (folder / "clip").mkdir()
    for number, colour in ((10, (255, 0, 0)), (2, (0, 255, 0)), (1, (0, 0, 255))):
        pixels = np.full((2, 2, 3), colour[::-1], np.uint8)  # OpenCV writes BGR
        cv2.imwrite(str(folder / "clip" / f"{number}.png"), pixels)
    files = [path.name for path in frame_files(folder / "clip")]
    clip = read_clip(folder / "clip", lambda count: [*range(count), 0])
    image = read_clip(folder / "clip" / "10.png", lambda count: [0] * (count + 1))
    return [files, clip.numbers, [pixels[0, 0] for pixels in clip.pixels], [pixels[1, 1] for pixels in image.pixels]]


def _lists(folder: Path) -> list:
    """Labels that run from 1 to 3 become 0 to 2, the path may hold blanks; folders by name, whatever the case.
    DAiSEE: one of two clips has a label, one of two labels a clip."""
    (folder / "list.txt").write_text("one two/x.avi 16 1\n\nb\\y.avi 5 2\nz 3 3\n")
    listed = read_lists({"train": folder / "list.txt"}, folder, CLASSES)["train"]
    for name in ("C/2.avi", "a/1.png", "a/no.txt"):
        (folder / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "set" / name).touch()
    for name in ("Train/1/10/10.AVI", "Train/1/11/11.avi"):
        (folder / "DataSet" / name).parent.mkdir(parents=True)
        (folder / "DataSet" / name).touch()
    (folder / "labels.csv").write_text("ClipID,Boredom,Engagement ,x\n10.avi,0,3,0\n99.avi,1,2,0\n")
    daisee, *unmatched = read_daisee(folder / "labels.csv", folder, "Engagement")
    return [[[clip.id, clip.label] for clip in daisee], unmatched,
            [[clip.id, clip.path.relative_to(folder).as_posix(), clip.label] for clip in listed],
            [[clip.id, clip.label] for clip in scan_folders(folder / "set", folder, CLASSES)],
            [[clip.id, clip.label] for clip in scan_unlabelled(folder / "set")]]


def _table(folder: Path) -> list:
    """Both formats, as (aspect: sentiment) a row, and as numbers: positive, negative, neutral is their order."""
    (folder / "long.csv").write_text(
        "comment,n_star,label\ngood,5,{B#Positive};{A#Negative};\n\"so, so\",3,{A};{B#Neutral};\n")
    (folder / "wide.csv").write_text("text,A,B\ngood one,2,1\nso so,0,3\n")
    found = []
    for name in ("long.csv", "wide.csv"):
        reviews = read_reviews(folder / name)
        names = label_names(reviews)
        found.append([[review.text for review in reviews], *names, encode_labels(reviews, *names, name)])
    return found


ANSWERS = [
    Answer("files", "dataloaders/boxes.py, readers.py, lists.py or reviews.py", of_files, {
        "boxes": [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0],
                  [5.0, 5.0, 6.0, 6.0], None, None, None, True, False],
        "frames": [["1.png", "2.png", "10.png"], [1, 2, 10, 1],
                   [[0, 0, 255], [0, 255, 0], [255, 0, 0], [0, 0, 255]], [[255, 0, 0]] * 2],
        "lists": [[["DataSet/Train/1/10/10.AVI", 3]], [1, 1],
                  [["one two/x.avi", "one two/x.avi", 0], ["b/y.avi", "b/y.avi", 1], ["z", "z", 2]],
                  [["set/C/2.avi", 2], ["set/a/1.png", 0]],
                  [["C/2.avi", 0], ["a/1.png", 1]]],
        "reviews": [[["good", "so, so"], ["A", "B"], ["Positive", "Negative", "Neutral"], [[1, 0], [-2, 2]]],
                    [["good one", "so so"], ["A", "B"], ["positive", "negative", "neutral"], [[1, 0], [-1, 2]]]]}),
    Answer("frame_number", "dataloaders/clips.py",
           lambda: [frame_number(name) for name in ("frame_028.jpg", "a1\\b2_c03.png", "x.mp4", "7")],
           [28, 3, None, 7]),
    Answer("label_base", "dataloaders/lists.py",
           lambda: [label_base({0, 1, 2}, CLASSES), label_base({1, 2, 3}, CLASSES)],
           [0, 1]),
]
