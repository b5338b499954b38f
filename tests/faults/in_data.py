"""Faults in lists, boxes, frames and tables."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from dataloaders.datasets import CAER
from tests.faults.fault import Fault
from tests.faults.sound import read_rows, write_rows


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Change a file's text."""
    return lambda root: (root / name).write_text(change((root / name).read_text(encoding="utf-8")), encoding="utf-8")


def edit_boxes(change: Callable[[str, dict], tuple[str, dict]]) -> Callable[[Path], None]:
    return edit("face.json", lambda text: json.dumps(dict(change(*item) for item in json.loads(text).items())))


def of_each_box(change: Callable[[list], list]) -> Callable[[Path], None]:
    return edit_boxes(lambda clip, boxes: (clip, {frame: change(box) for frame, box in boxes.items()}))


def copy_into(split: str, other: str) -> Callable[[Path], None]:
    """The pictures of one split's clips become another's, under the names that stand there."""
    def copy(root: Path) -> None:
        for name in CAER:
            for clip in sorted((root / "CAER" / split / name).iterdir()):
                shutil.rmtree(clip)
                shutil.copytree(root / "CAER" / other / name / clip.name, clip)
    return copy


def paint(root: Path, change: Callable[[np.ndarray], np.ndarray], split: str = "train") -> None:
    for path in (root / "CAER" / split).rglob("*.jpg"):
        cv2.imwrite(str(path), change(cv2.imread(str(path))))


def of_clips(change: Callable[[list[np.ndarray]], list[np.ndarray]], split: str = "train", name: str = "*",
             ) -> Callable[[Path], None]:
    """Change the frames of a split's clips, or of one class's."""
    def write(root: Path) -> None:
        for clip in sorted((root / "CAER" / split).glob(f"{name}/*")):
            files = sorted(clip.iterdir(), key=lambda file: int(file.stem))
            for file, frame in zip(files, change([cv2.imread(str(file)) for file in files])):
                cv2.imwrite(str(file), frame, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return write


def letterbox(frame: np.ndarray) -> np.ndarray:
    frame[:7] = frame[-7:] = 0
    return frame


def jumble(frames: list[np.ndarray]) -> list[np.ndarray]:
    return [frames[place] for place in np.random.default_rng(0).permutation(len(frames))]


def copy_cut(root: Path) -> None:
    """Validation is training's clips, cut at the edges and encoded anew."""
    copy_into("validation", "train")(root)
    of_clips(lambda frames: [cv2.resize(frame[2:-2, 3:-3], frame.shape[1::-1]) for frame in frames], "validation")(root)


def swap_folders(root: Path) -> None:
    one, other, third = (root / "CAER/train" / name for name in ("Happy", "Sad", "Else"))
    for old, new in ((one, third), (other, one), (third, other)):
        old.rename(new)


def upload_half(root: Path) -> None:
    for clip in sorted((root / "CAER/train").glob("*/*"))[::4]:
        for number in range(4, 12):
            (clip / f"{number}.jpg").unlink()


def shuffle_boxes(text: str) -> str:
    table = json.loads(text)
    order = np.random.default_rng(0).permutation(len(table))
    return json.dumps(dict(zip(table, [list(table.values())[place] for place in order])))


def late(clip: str, boxes: dict) -> tuple[str, dict]:
    return clip, {f"{n}.jpg": boxes[f"{max(n - 4, 0)}.jpg"] for n in range(len(boxes))}


def rotate_labels(text: str) -> str:
    return re.sub(r"(\d)$", lambda label: str((int(label[1]) + 1) % 7), text, flags=re.MULTILINE)


def break_clips(root: Path) -> None:
    for clip in sorted((root / "CAER/train/Happy").iterdir())[:3]:
        for frame in clip.iterdir():
            frame.write_bytes(b"no picture")


def shift_labels(root: Path) -> None:
    """Each review gets the labels of the one before."""
    header, *rows = read_rows(root / "train.csv")
    labels = [row[-1] for row in rows]
    write_rows(root / "train.csv", [header, *([*row[:-1], label] for row, label in zip(rows, labels[-1:] + labels))])


def fill_with_neutral(root: Path) -> None:
    for name in ("train.csv", "val.csv", "test.csv"):
        header, *rows = read_rows(root / name)
        aspects = sorted(set(re.findall(r"{([^#}]+)#", " ".join(row[-1] for row in rows))))
        filled = ([*row[:-1], row[-1] + "".join(f"{{{a}#Neutral}};" for a in aspects if f"{{{a}" not in row[-1])]
                  for row in rows)
        write_rows(root / name, [header, *filled])


DATA = [
    Fault("the list counts classes in another order", "accuracy stays low, whatever is tried", "label-against-folder",
          data=edit("train.txt", rotate_labels)),
    Fault("validation and test are one list", "the test score is that of the epoch chosen on it", "val-is-test",
          flags="--test-annotation validation.txt"),
    Fault("validation is the training list", "validation is near perfect, test is not", "clip-in-two-splits",
          flags="--val-annotation train.txt"),
    Fault("test clips are copies of training clips under other names", "test is too good to be "
          "true", "same-files-in-two-splits",
          data=copy_into("test", "train")),
    Fault("the box file of another data set", "every face is a centre crop", "face-boxes-match-none",
          data=edit_boxes(lambda clip, boxes: ("other/" + clip[::-1], boxes))),
    Fault("boxes in shares of the frame", "every face is a centre crop", "face-boxes-relative",
          data=of_each_box(lambda b: [b[0] / 64, b[1] / 48, b[2] / 64, b[3] / 48])),
    Fault("boxes as x, y, width, height", "faces are cut off or missing", "face-boxes-inverted",
          data=of_each_box(lambda b: [b[0], b[1], b[2] - b[0], b[3] - b[1]])),
    Fault("boxes of the same videos at twice the size", "crops show a corner, or nothing", "face-boxes-outside",
          data=of_each_box(lambda b: [2 * v for v in b])),
    Fault("no box for the clips of validation", "validation sees other crops than training", "face-boxes-by-split",
          data=edit_boxes(lambda clip, boxes: (clip.replace("validation", "elsewhere"), boxes))),
    Fault("damaged clips, allowed by --max-bad-clips", "the class gets rarer and nobody knows", "clips-not-decoded",
          data=break_clips, flags="--max-bad-clips 0.5"),
    Fault("black training clips", "the loss falls to that of a guess", "clips-of-one-colour",
          data=lambda root: paint(root, lambda image: image * 0)),
    Fault("grey test clips", "test is far worse than validation", "split-grey",
          data=lambda root: paint(root, lambda i: cv2.cvtColor(cv2.cvtColor(i, 6), 8), "test")),
    Fault("boxes shuffled among the clips", "every face is a piece of backdrop", "face-boxes-hold-nothing",
          data=edit("face.json", shuffle_boxes)),
    Fault("boxes four frames late", "faces slip out of the crop where people move", "face-boxes-late",
          data=edit_boxes(late)),
    Fault("boxes of the mirrored videos", "faces are in the crop only near the middle", "face-boxes-of-another-form",
          data=of_each_box(lambda b: [64 - b[2], b[1], 64 - b[0], b[3]])),
    Fault("the clips of a class have black bars", "the class is found at once, and not in new videos", "class-shortcut",
          data=of_clips(lambda frames: [letterbox(frame) for frame in frames], name="Fear")),
    Fault("validation with blue for red", "validation is far worse than training", "split-turned",
          data=of_clips(lambda frames: [frame[..., ::-1] for frame in frames], "validation")),
    Fault("frames extracted at twice the rate", "temporal layers see half the movement", "frames-twice",
          data=of_clips(lambda frames: [frames[n // 2] for n in range(len(frames))])),
    Fault("frames renamed in a random order", "temporal layers learn noise", "frames-jump", data=of_clips(jumble)),
    Fault("an upload broke off in every fourth clip", "those clips end early", "clips-in-part", data=upload_half),
    Fault("validation clips are training clips, cut and encoded anew", "validation is too good to be true",
          "split-shows-training-clips", data=copy_cut),
    Fault("the folders of two classes changed places", "both classes are never found in validation", "classes-swapped",
          data=swap_folders),
    Fault("no clip of a class in validation", "weights are chosen that ignore the class", "class-absent",
          data=edit("validation.txt", lambda text: "".join(
              line for line in text.splitlines(True) if "/Sad/" not in line))),
    Fault("labels one row off", "F1 stays at that of a fixed answer", "labels-not-of-texts", "text", data=shift_labels),
    Fault("reviews of test in training", "test is too good to be true", "splits-overlap", "text",
          data=lambda root: (root / "test.csv").write_text((root / "train.csv").read_text())),
    Fault("what is not mentioned stands there as Neutral", "accuracy of 86 % by always saying Neutral",
          "unmentioned-as-neutral", "text", data=fill_with_neutral),
    Fault("UTF-8 read as Latin-1 and written again", "unknown tokens, F1 a little low", "mojibake", "text",
          data=edit("train.csv", lambda text: text.encode().decode("latin-1"))),
]
