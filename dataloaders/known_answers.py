"""Known answers of the data room: what each function must give on a tiny input, with how that was worked out.

See utils/known_answers; who changes one of these on purpose changes the one number.
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from dataloaders.augment import Augmentation
from dataloaders.boxes import Boxes
from dataloaders.clips import Clip, frame_number
from dataloaders.crops import crop_to, cut, face_region, letterbox, visible
from dataloaders.label_cells import cell_sentiment, meaning, split_items
from dataloaders.lists import label_base, read_daisee, read_lists, scan_folders, scan_unlabelled
from dataloaders.order import Draw, Order, class_weights
from dataloaders.readers import frame_files, read_clip
from dataloaders.reviews import Review, encode_labels, label_names, read_reviews
from dataloaders.sampling import tsn_indices, window_indices
from dataloaders.subset import labelled_places
from dataloaders.text_dataloader import Sample, collate_reviews, count_labels, oversampled, tokenize
from dataloaders.video import AugmentedDataset, VideoDataset, collate_clips
from dataloaders.video import Sample as ClipSample
from utils.config import VideoDataConfig
from utils.findings import Finding
from utils.known_answers.answer import Answer, check

COLUMNS = np.broadcast_to(np.arange(8, dtype=np.uint8)[None, :, None] * 10, (4, 8, 3))  # 4 high, 8 wide
ROWS = np.broadcast_to(np.arange(8, dtype=np.uint8)[:, None, None] * 10, (8, 4, 3))  # 8 high, 4 wide
CLASSES = ["a", "b", "c"]


class Late:
    """A random stream whose draws are the largest there are."""

    def uniform(self, low, high):
        return np.asarray(high) - 1e-9

    def integers(self, high: int) -> int:
        return high - 1


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


def visits(**settings) -> list[list[int]]:
    """An epoch's draws of 5 samples, by batches of 2: sorted, and how often each has been seen before."""
    order = Order(5, 2, 0, **settings)
    draws = [draw for batch in order.batches(1) for draw in batch]
    return [sorted(draw.index for draw in draws), sorted(draw.repeat for draw in draws),
            [len(batch) for batch in order.batches(1)], len(order)]


def shuffles() -> list[bool]:
    """Another order each epoch and seed, the same each time; as listed where it is not to shuffle."""
    def order(seed: int, epoch: int, shuffle: bool = True) -> list:
        return [draw.index for batch in Order(50, 7, seed, shuffle).batches(epoch) for draw in batch]

    return [order(0, 0) == order(0, 0), order(0, 0) != order(0, 1), order(0, 0) != order(1, 0),
            order(0, 0) != sorted(order(0, 0)), order(0, 3, False) == list(range(50))]


def weighted() -> list:
    """Only what has a weight is drawn, as often as there are samples; about as often as weights say: 3/4 of 400."""
    order = Order(400, 50, 0, True, np.array([3.0, 1.0] + [0.0] * 398))
    drawn = [draw.index for batch in order.batches(0) for draw in batch]
    return [len(drawn), set(drawn) == {0, 1}, 260 < drawn.count(0) < 340]


def by_length() -> list[bool]:
    """Batches of like lengths, each sample once, and not the shortest first."""
    lengths = np.arange(100)[::-1].copy()
    batches = [[draw.index for draw in batch] for batch in Order(100, 10, 0, True, lengths=lengths).batches(0)]
    firsts = [batch[0] for batch in batches]
    return [all(max(lengths[b]) - min(lengths[b]) == 9 for b in batches), len({i for b in batches for i in b}) == 100,
            firsts != sorted(firsts), firsts != sorted(firsts, reverse=True)]


class Words:
    """A tokenizer: <s> 0, </s> 2, and a word's length plus 10."""

    def __call__(self, texts: list[str], verbose: bool) -> dict:
        return {"input_ids": [[0, *(10 + len(word) for word in text.split()), 2] for text in texts]}


def collated() -> list:
    """Padded with 1 to a multiple of 8, the mask 1 on tokens alone."""
    tokens, lengths = tokenize(Words(), ["a bb", "a b c d e"], "xxx ", 6)
    batch = collate_reviews([Sample(str(i), np.array([i, -1]), row) for i, row in enumerate(tokens)], 1)
    return [tokens, lengths, batch.tokens, batch.mask, batch.targets, batch.ids]


def stacked() -> list:
    """Clips of one pixel: streams and targets in the order of the samples."""
    samples = [ClipSample(str(i), i + 5, torch.full((1, 3, 1, 1), i), torch.full((1, 3, 1, 1), 9 - i)) for i in (0, 1)]
    batch = collate_clips(samples)
    return [batch.face[:, 0, 0, 0, 0], batch.context[:, 0, 0, 0, 0], batch.targets, batch.ids]


def augmented() -> list:
    """A mirrored frame; one shifted by a quarter of its side to the right; one brightened, 2 x 40 + 5."""
    none = dict(flip=False, angle=0.0, scale=1.0, shift=(0.0, 0.0), gain=1.0, bias=0.0, saturation=1.0, patch=None)
    frames = np.broadcast_to(np.arange(4, dtype=np.uint8)[None, None, :, None] * 20, (1, 4, 4, 3))
    made = [Augmentation(**none | change)(frames)[0, 1, :, 0] for change in
            ({}, {"flip": True}, {"shift": (0.25, 0.0)}, {"gain": 2.0, "bias": 5.0}, {"patch": (0.5, 0.0, 0.5, 1.0)})]
    return made


def apart() -> list[bool]:
    """Of a noisy picture listed twice: one draw is always the same; another epoch, another clip, a second visit and the
    other stream are augmented otherwise; evaluation shows it as it is, whatever the draw."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "a.png")
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8))
        clips = [Clip("a", path, 0), Clip("b", path, 0)]
        data = VideoDataConfig(num_segments=1, image_size=16, missing_box="full")
        training, evaluation = AugmentedDataset(clips, data, 0), VideoDataset(clips, data, 0)
        first, *others = [training[draw] for draw in (Draw(0, 0, 0), Draw(1, 0, 0), Draw(0, 1, 0), Draw(0, 0, 1))]
        return [torch.equal(first.face, training[Draw(0, 0, 0)].face),
                *(not torch.equal(first.face, other.face) for other in others),
                not torch.equal(first.face, first.context),
                torch.equal(evaluation[Draw(0, 0, 0)].face, evaluation[Draw(3, 1, 2)].face)]


def counted() -> list:
    """Cells of each sentiment as often as drawn; an aspect that never has one is unrated. Sentiment 0 stands 3 times,
    1 once: a review of it is drawn 3 times."""
    targets = np.array([[0, -1, 0], [1, -2, -1], [0, -1, -1]])
    blank = np.zeros(3, bool)
    repeats = oversampled(targets, blank, 1.0)
    labels = count_labels(targets, blank, repeats, ["x", "y", "z"], ["p", "n"], by_class=True)
    ten = oversampled(np.array([[0]] * 9 + [[1]]), np.zeros(10, bool), 0.5)  # sqrt(9 / 1)
    return [repeats, labels.counts, labels.unrated, labels.classes, ten[-2:]]


CROPS, ORDER, CELLS = "dataloaders/crops.py", "dataloaders/order.py", "dataloaders/label_cells.py"

ANSWERS = [
    # Centre 20, 40; the longer side 20 times 1 + 2 x 0.2 is 28
    Answer("face_region", CROPS, lambda: face_region((15, 30, 25, 50), 100, 80, 0.2, 0.7, "centre"),
           [[6.0, 26.0, 34.0, 54.0], "face box"]),
    # 0.5 x 80 around 40, 50
    Answer("face_region without a box", CROPS, lambda: face_region(None, 100, 80, 0.2, 0.5, "centre"),
           [[20.0, 30.0, 60.0, 70.0], "centre crop"]),
    Answer("face_region with a box outside the frame", CROPS,
           lambda: face_region((90, 0, 99, 9), 100, 80, 0, 0.5, "full"),
           [[0, 0, 80, 100], "full frame"]),
    Answer("visible", CROPS, lambda: [visible(box, 100, 80) for box in ((79, 0, 90, 9), (80, 0, 90, 9), (0, 99, 9, 120),
                                                                       (0, -9, 9, 0), (-9, 0, 1, 9))],
           [True, False, True, False, True]),
    Answer("cut", CROPS, lambda: cut(COLUMNS, (2, 0, 6, 4), 4)[1, :, 0], [20, 30, 40, 50]),
    # Means of two columns
    Answer("cut, shrinking", CROPS, lambda: cut(COLUMNS, (0, 0, 8, 4), 4)[1, :, 2], [5, 25, 45, 65]),
    # Two columns left of the frame repeat its edge
    Answer("cut over the left edge", CROPS, lambda: cut(COLUMNS, (-2, 0, 2, 4), 4)[1, :, 0], [0, 0, 0, 10]),
    Answer("cut over the right edge", CROPS, lambda: cut(COLUMNS, (6, 0, 10, 4), 4)[1, :, 0], [60, 70, 70, 70]),
    Answer("cut over the top and bottom", CROPS,
           lambda: [cut(ROWS, region, 4)[:, 1, 0] for region in ((0, -2, 4, 2), (0, 6, 4, 10))],
           [[0, 0, 0, 10], [60, 70, 70, 70]]),
    # 4 x 8 pixels become 2 x 4 in the middle two rows
    # Four of six rows lie below the frame; one row above, and a column on each side
    Answer("cut over the bottom", CROPS,
           lambda: [cut(ROWS, (0, 6, 4, 12), 6)[:, 1, 0], cut(ROWS, (-1, -1, 5, 5), 6)[:, 3, 0]],
           [[60, 70, 70, 70, 70, 70], [0, 0, 10, 20, 30, 40]]),
    Answer("letterbox", CROPS, lambda: letterbox(COLUMNS + np.uint8(10), 4)[:, :, 0],
           [[0] * 4, [15, 35, 55, 75], [15, 35, 55, 75], [0] * 4]),
    Answer("letterbox of a high frame", CROPS, lambda: letterbox(ROWS + np.uint8(10), 4)[:, :, 0],
           [[0, v, v, 0] for v in (15, 35, 55, 75)]),
    Answer("crop_to", CROPS,
           lambda: [crop_to(COLUMNS, (1.5, -3, 4.2, 2))[0, :, 0], crop_to(ROWS, (-1, 1.5, 9, 4.2)).shape],
           [[10, 20, 30, 40], [4, 4, 3]]),
    # Starts 0..18 in 3 parts of 19/3: their middles 3.2, 9.5, 15.8
    Answer("tsn_indices", "dataloaders/sampling.py", lambda: tsn_indices(20, 3, 2, None), [3, 4, 9, 10, 15, 16]),
    # The latest starts: below 6.3, 12.7, 19
    Answer("tsn_indices, late", "dataloaders/sampling.py",
           lambda: tsn_indices(20, 3, 2, Late()), [6, 7, 12, 13, 18, 19]),
    Answer("tsn_indices of a short clip", "dataloaders/sampling.py", lambda: tsn_indices(3, 4, 1, None), [0, 1, 2, 2]),
    # The window's 10 frames start at 10 at the latest: halves end at 5 and 10
    Answer("window_indices", "dataloaders/sampling.py", lambda: window_indices(20, 0.5, 2, 1, Late()), [14, 19]),
    Answer("a window of few frames", "dataloaders/sampling.py",
           lambda: window_indices(9, 0.1, 4, 1, Late()), [5, 6, 7, 8]),
    Answer("Order, as listed", ORDER, lambda: visits(shuffle=False), [[0, 1, 2, 3, 4], [0] * 5, [2, 2, 1], 3]),
    Answer("Order, shuffled", ORDER, lambda: visits(shuffle=True), [[0, 1, 2, 3, 4], [0] * 5, [2, 2, 1], 3]),
    Answer("Order with repeats", ORDER, lambda: visits(shuffle=True, repeats=np.array([1, 2, 0, 3, 1])),
           [[0, 1, 1, 3, 3, 3, 4], [0, 0, 0, 0, 1, 1, 2], [2, 2, 2, 1], 4]),
    Answer("Order's shuffling", ORDER, shuffles, [True] * 5),
    Answer("Order by weight", ORDER, weighted, [400, True, True]),
    Answer("Order by length", ORDER, by_length, [True] * 4),
    Answer("class_weights", ORDER, lambda: [class_weights([0, 1, 1, 1, 1], power) for power in (1.0, 0.5)],
           [[1.0, 0.25, 0.25, 0.25, 0.25], [1.0, 0.5, 0.5, 0.5, 0.5]]),
    # 0.5 of 8 over 2 classes: two each, or what there is
    Answer("labelled_places", "dataloaders/subset.py",
           lambda: [[0, 0, 0, 0, 0, 0, 0, 1][place] for place in labelled_places([0] * 7 + [1], 0.5, 0)], [0, 0, 1]),
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
    Answer("meaning", CELLS, lambda: [meaning(word) for word in (" Tích  cực", "TIÊU CỰC", "Trung lập", "Meh")],
           ["positive", "negative", "neutral", "meh"]),
    Answer("cell_sentiment", CELLS,
           lambda: [cell_sentiment(cell, "") for cell in ("1", "2.0", "3", "0", "", "-", " Neutral ")],
           ["positive", "negative", "neutral", None, None, None, "Neutral"]),
    Answer("split_items", CELLS, lambda: split_items("{A#B# Positive };{ C#D}; {E};", ""),
           [["A#B", "Positive"], ["C#D", None], ["E", None]]),
    Answer("encode_labels", "dataloaders/reviews.py",
           lambda: encode_labels([Review("1", "", {"b": "Negative", "a": None})], ["a", "b", "c"],
                                 ["positive", "negative"], ""),
           [[-2, 1, -1]]),
    # xxx is the prefix; of 7 tokens and the ends 6 stay, the last of them the closing one
    Answer("reviews of a batch", "dataloaders/text_dataloader.py", collated,
           [[[0, 13, 11, 12, 2], [0, 13, 11, 11, 11, 2]], [5, 8],
            [[0, 13, 11, 12, 2, 1, 1, 1], [0, 13, 11, 11, 11, 2, 1, 1]],
            [[1, 1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0]], [[0, -1], [1, -1]], ["0", "1"]]),
    Answer("clips of a batch", "dataloaders/video.py", stacked, [[0, 1], [9, 8], [5, 6], ["0", "1"]]),
    Answer("labels counted", "dataloaders/text_dataloader.py", counted,
           [[1, 3, 1], [3, 3, 1 + 3 + 2], ["y"], ["p", "n", "not mentioned"], [1, 3]]),
    Answer("what is drawn anew", "dataloaders/video.py", apart, [True] * 6),
    Answer("Augmentation", "dataloaders/augment.py", augmented,
           [[0, 20, 40, 60], [60, 40, 20, 0], [0, 0, 20, 40], [5, 45, 85, 125], [0, 20, 127, 127]]),
]


def known_answers() -> list[Finding]:
    """An error for each function that does not give its known answer."""
    return check(ANSWERS)
