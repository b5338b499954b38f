"""Each fault is put into sound data, or into a line of the loader, and must be named; sound data raise nothing."""

import json
import shutil
from dataclasses import replace
from importlib import import_module

import cv2
import numpy as np
import pytest

from dataloaders import augment, boxes, crops, lists, order, readers, video
from dataloaders.audit.clips.folders import _ends_early
from dataloaders.order import Draw
from tests.dataloaders.audit.conftest import FRAMES, HEIGHT, WIDTH
from tests.faults.line import replace_line

clip_loaders = import_module("dataloaders.clip_loaders")  # the package has a function of that name


def serious(findings) -> dict:
    """By name, the first of each."""
    return {finding.name: finding for finding in reversed(findings) if finding.level != "note"}


@pytest.mark.parametrize("flags", ["", "--streams face", "--augment 0", "--use-weighted-sampler --batch-size 5",
                                   "--random-erasing 0.5 --num-segments 3 --duration 2", "--missing-box full",
                                   "--label-fraction 0.5", "--box-margin 0"])
def test_sound_data_raise_nothing(data, flags):
    findings = data.findings(flags)
    assert serious(findings) == {}
    notes = {finding.name: finding for finding in findings}
    if "fraction" not in flags:
        assert notes["looked-at"].count == 56 and notes["face-boxes-missing"].count == 1


# Faults of lists


def relabel(line: str, label: int) -> str:
    return f"{line.rsplit(None, 1)[0]} {label}"


def label_of(line: str) -> int:
    return int(line.rsplit(None, 1)[1])


def rotate_labels(data):
    data.relist("train", lambda lines: [relabel(line, (label_of(line) + 1) % 7) for line in lines])


def one_wrong_label(data):
    data.relist("validation", lambda lines: [relabel(lines[0], 3), *lines[1:]])


def line_twice(data):
    data.relist("train", lambda lines: [*lines, lines[5]])


def two_labels(data):
    data.relist("train", lambda lines: [*lines, relabel(lines[0], 4)])


def test_clip_in_train(data):
    extra = data.lines("test")[3]
    data.relist("train", lambda lines: [*lines, extra])


def val_is_test(data):
    data.put("validation.txt", (data.root / "test.txt").read_text())


def missing_clip(data):
    shutil.rmtree(data.clips("train")[2])


def class_left_out(data):
    data.relist("validation", lambda lines: [line for line in lines if label_of(line) != 2])


def one_clip_class(data):
    data.relist("train", lambda lines: [line for n, line in enumerate(lines) if label_of(line) != 6 or n == 27])


def other_frame_rate(data):
    data.relist("train", lambda lines: [line.replace(f" {FRAMES} ", f" {2 * FRAMES} ") for line in lines])


@pytest.mark.parametrize("fault, level, name, count, example", [
    (rotate_labels, "error", "label-against-folder", 28, "CAER/train/Anger/0001 is Disgust"),
    (one_wrong_label, "error", "label-against-folder", 1, "CAER/validation/Anger/0029 is Happy"),
    (line_twice, "warning", "listed-twice", 1, "CAER/train/Disgust/0006"),
    (two_labels, "error", "listed-with-two-labels", 1, "CAER/train/Anger/0001: Anger, Neutral"),
    (test_clip_in_train, "error", "clip-in-two-splits", 1, "CAER/test/Disgust/0046"),
    (test_clip_in_train, "error", "split-against-folder", 1, "CAER/test/Disgust/0046"),
    (val_is_test, "warning", "val-is-test", 14, "CAER/test/Anger/0043"),
    (missing_clip, "error", "clips-missing", 1, "CAER/train/Anger/0003"),
    (class_left_out, "warning", "class-absent", 1, "Fear"),
    (one_clip_class, "warning", "class-of-one-clip", 1, "Surprise"),
    (other_frame_rate, "warning", "listed-frames", 28, "24 listed, 12 there"),
])
def test_faults_of_lists(data, fault, level, name, count, example):
    fault(data)
    found = serious(data.findings())[name]
    assert (found.level, found.count) == (level, count) and example in found.example


# Faults of files


def copy_of(source, target):
    shutil.rmtree(target)
    shutil.copytree(source, target)


def train_clip_in_val(data):
    copy_of(data.clips("train")[8], data.clips("validation")[4])


def train_clip_reencoded(data):
    copy_of(data.clips("train")[8], data.clips("validation")[4])
    for file in data.clips("validation")[4].iterdir():
        image = cv2.imread(str(file))
        file.unlink()
        cv2.imwrite(str(file), cv2.resize(image, (120, 80)), [cv2.IMWRITE_JPEG_QUALITY, 75])


def copy_with_another_label(data):
    copy_of(data.clips("train")[0], data.clips("train")[10])


def black_clip(data):
    for file in data.clips("train")[1].iterdir():
        data.repaint(file, lambda image: 0 * image)


def frozen_clip(data):
    folder = data.clips("test")[1]
    for number in range(1, FRAMES):
        (folder / f"{number}.jpg").unlink()
        shutil.copy(folder / "0.jpg", folder / f"{number}.jpg")


def grey_split(data):
    for clip in data.clips("validation"):
        for file in clip.iterdir():
            data.repaint(file, lambda image: cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


def small_split(data):
    for clip in data.clips("validation"):
        for file in clip.iterdir():
            data.repaint(file, lambda image: cv2.resize(image, (WIDTH // 2, HEIGHT // 2)))


def dark_pixels(data):
    for clip in data.clips("train"):
        for file in clip.iterdir():
            data.repaint(file, lambda image: image // 16)


def class_of_a_size(data):
    for clip in data.clips("train")[:4]:
        for file in clip.iterdir():
            data.repaint(file, lambda image: cv2.resize(image, (WIDTH + 16, HEIGHT + 16)))


def gaps(data):
    for clip in data.clips("train")[:12]:
        (clip / "5.jpg").unlink()


def number_twice(data):
    clip = data.clips("train")[3]
    shutil.copy(clip / "5.jpg", clip / "05.jpg")


def torn_image(data):
    file = data.clips("train")[3] / "0.jpg"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[: len(content) // 2])


def empty_frame(data):
    file = data.clips("train")[3] / "4.jpg"
    file.unlink()
    file.touch()


def other_clip_mixed_in(data):
    clip = data.clips("train")[3]
    for number in range(4):
        shutil.copy(data.clips("train")[4] / f"{number}.jpg", clip / f"copy_{number + 20}.jpg")


def emptied_folder(data):
    for file in data.clips("train")[3].iterdir():
        file.unlink()


@pytest.mark.parametrize("fault, level, name, count, example", [
    (train_clip_in_val, "warning", "same-files-in-two-splits", 1, "train CAER/train/Fear/0009 = val "),
    (train_clip_reencoded, "warning", "same-pictures-in-two-splits", 1, "train CAER/train/Fear/0009 = val "),
    (copy_with_another_label, "warning", "same-files-two-labels", 1, "Anger, Fear"),
    (black_clip, "warning", "clips-of-one-colour", 1, "CAER/train/Anger/0002"),
    (frozen_clip, "warning", "clips-frozen", 1, "CAER/test/Anger/0044"),
    (grey_split, "warning", "split-grey", 14, "CAER/validation/Anger/0029"),
    (small_split, "warning", "split-resolution", 1, "val 48 x 32"),
    (dark_pixels, "error", "range-of-pixels", 28, "of 255"),
    (class_of_a_size, "warning", "class-resolution", 4, "CAER/train/Anger/0001"),
    (gaps, "warning", "frame-numbers-with-gaps", 12, "CAER/train/Anger/0001"),
    (number_twice, "warning", "frame-number-twice", 1, "CAER/train/Anger/0004"),
    (torn_image, "warning", "file-cut-short", 1, "CAER/train/Anger/0004"),
    (empty_frame, "warning", "frame-empty", 1, "CAER/train/Anger/0004/4.jpg"),
    (other_clip_mixed_in, "warning", "frames-named-differently", 1, "CAER/train/Anger/0004"),
    (emptied_folder, "error", "clips-empty", 1, "CAER/train/Anger/0004"),
])
def test_faults_of_files(data, fault, level, name, count, example):
    fault(data)
    found = serious(data.findings())[name]
    assert (found.level, found.count) == (level, count) and example in found.example


def test_a_video_that_is_a_web_page(data):
    """As a download leaves it that was refused."""
    clip = data.clips("train")[3].relative_to(data.root).as_posix()
    (data.root / f"{clip}.avi").write_text("<html>429</html>")
    data.relist("train", lambda lines: [line.replace(clip, f"{clip}.avi") for line in lines])
    found = serious(data.findings("--max-bad-clips 0.5"))
    assert found["clips-not-decoded"].count == 1 and "check-failed" not in found


@pytest.mark.parametrize("gather", ["read_rows", "look", "glance"])
def test_where_clips_cannot_be_looked_at_the_other_checks_are_made(data, monkeypatch, gather):
    def fails(view):
        raise OverflowError("negative")

    monkeypatch.setattr(f"dataloaders.audit.clips.{gather}", fails)
    data.rebox(lambda key, frame, box: [box[0], box[1], box[0] + 3, box[1] + 3])
    found = serious(data.findings())
    assert "fails could not be made: OverflowError: negative" in found["check-failed"].text
    assert "face-boxes-tiny" in found


def numbered_by_name(data):
    """Numbers of frames, sorted as names are, and counted anew."""
    for split in ("train", "validation", "test"):
        for clip in data.clips(split):
            names = sorted(file.name for file in clip.iterdir())
            for name in names:
                (clip / name).rename(clip / f"old_{name}")
            for number, name in enumerate(names):
                (clip / f"old_{name}").rename(clip / f"{number}.jpg")


def test_frames_numbered_by_name(data):
    numbered_by_name(data)
    found = serious(data.findings(full=False))["frames-numbered-by-name"]
    assert found.level == "warning" and found.count >= 6 and "of 12 clips" in found.text


def encoded_anew(data, pairs, change=lambda image: image):
    clips = data.clips("train")
    for source, target in pairs:
        copy_of(clips[source], clips[target])
        for file in clips[target].iterdir():
            image = change(cv2.imread(str(file)))
            file.unlink()
            cv2.imwrite(str(file), image, [cv2.IMWRITE_JPEG_QUALITY, 91])


@pytest.mark.parametrize("pairs, change, number", [
    ([(0, 4), (1, 5), (2, 6), (3, 8)], lambda image: image, 4), ([(0, 4), (1, 5), (2, 6)], lambda image: image, 0),
    ([(4, 5), (5, 6), (6, 7), (0, 1), (2, 3)], lambda image: image, 0),  # within a class
    ([(0, 4), (1, 5), (2, 6), (3, 8)], lambda image: np.roll(image, 12, 0), 0)])
def test_clips_of_two_classes_that_were_encoded_anew(data, pairs, change, number):
    encoded_anew(data, pairs, change)
    found = serious(data.findings(full=False))
    assert ("same-pictures-two-labels" in found) == (number > 0)
    if number:
        finding = found["same-pictures-two-labels"]
        assert finding.count == number and "(Anger)" in finding.example


def test_clips_of_a_still_scene_may_be_alike(data):
    encoded_anew(data, [(0, 4), (1, 5), (2, 6), (3, 8)])
    for place in (0, 4, 1, 5, 2, 6, 3, 8):
        folder = data.clips("train")[place]
        for number in range(1, FRAMES):
            (folder / f"{number}.jpg").unlink()
            shutil.copy(folder / "0.jpg", folder / f"{number}.jpg")
    assert "same-pictures-two-labels" not in serious(data.findings(full=False))


@pytest.mark.parametrize("part, early", [(0.0, False), (0.02, False), (0.4, True), (1.0, True)])
def test_a_video_that_ends_in_zeros(tmp_path, part, early):
    content = np.random.default_rng(0).integers(1, 256, 80_000).astype(np.uint8).tobytes()
    kept = round(len(content) * (1 - part))
    file = tmp_path / "clip.avi"
    head = b"RIFF" + (len(content) + 4).to_bytes(4, "little") + b"AVI "
    file.write_bytes((head + content[:kept]).ljust(len(head) + len(content), b"\0"))
    assert _ends_early(file) == early


# Faults of box files


BOXES = {
    "relative": (lambda b: [b[0] / WIDTH, b[1] / HEIGHT, b[2] / WIDTH, b[3] / HEIGHT], "error", "face-boxes-relative"),
    "corner and size": (lambda b: [b[0], b[1], b[2] - b[0], b[3] - b[1]], "error", "face-boxes-inverted"),
    "swapped": (lambda b: [b[1] + 0, b[0], b[3], b[2]], "error", "face-boxes-outside"),
    "of larger frames": (lambda b: [3 * v for v in b], "error", "face-boxes-outside"),
    "of smaller frames": (lambda b: [v / 2 for v in b], "warning", "face-boxes-in-a-corner"),
    "identical": (lambda b: [10, 10, 40, 40], "warning", "face-boxes-identical"),
    "tiny": (lambda b: [b[0], b[1], b[0] + 3, b[1] + 3], "warning", "face-boxes-tiny"),
    "whole frame": (lambda b: [0, b[1] / 99, WIDTH, HEIGHT], "warning", "face-boxes-whole-frame"),
}


@pytest.mark.parametrize("kind", BOXES)
def test_faults_of_boxes(data, kind):
    change, level, name = BOXES[kind]
    data.rebox(lambda key, frame, box: change(box))
    found = serious(data.findings())[name]
    assert found.level == level and found.count >= 8 and found.example


@pytest.mark.parametrize(("every", "names"), [(4, {"face-boxes-whole-frame"}), (12, set())])
def test_boxes_of_what_a_detector_writes_where_it_finds_nothing(data, every, names):
    """In each fourth clip; in each twelfth it may be chance."""
    data.rebox(lambda key, frame, box: [0, 0, WIDTH, HEIGHT] if int(key[-4:]) % every == 0 else box)
    assert {name for name in serious(data.findings()) if name.startswith("face-boxes")} == names


def test_boxes_in_coordinates_of_one_split(data):
    data.rebox(lambda key, frame, box: box if "train" in key else [v / 4 for v in box])
    assert serious(data.findings())["face-boxes-of-another-size"].example in ("val", "test")


@pytest.mark.parametrize("share, level, name, count", [
    (0.0, "error", "face-boxes-match-none", 56), (0.3, "warning", "face-boxes-match-few", 40)])
def test_boxes_of_few_clips(data, share, level, name, count):
    table = json.loads((data.root / "face.json").read_text())
    keys = sorted(table)
    kept = keys[: round(share * len(keys))] if share else []
    data.put("face.json", json.dumps({key: table[key] for key in kept} | {"another/set/clip": [1, 1, 9, 9]}))
    found = serious(data.findings())[name]
    assert (found.level, found.count) == (level, count)


def test_boxes_of_one_split_alone(data):
    table = json.loads((data.root / "face.json").read_text())
    data.put("face.json", json.dumps({key: box for key, box in table.items() if "validation" not in key}))
    found = serious(data.findings())["face-boxes-by-split"]
    assert (found.count, found.example) == (14, "val")


def test_boxes_that_leap(data):
    stream = np.random.default_rng(1)

    def scatter(key, frame, box):
        x, y = stream.uniform(0, 60), stream.uniform(0, 36)
        return [x, y, x + 25, y + 25]

    data.rebox(scatter)
    assert serious(data.findings())["face-boxes-leap"].count > 40


def test_boxes_of_frames_that_are_not_there(data):
    table = json.loads((data.root / "face.json").read_text())
    data.put("face.json", json.dumps({key: {f"{500 + int(name[:-4])}.jpg": box for name, box in frames.items()}
                                      for key, frames in table.items()}))
    assert serious(data.findings())["face-boxes-of-absent-frames"].count == 55


# Faults of the loader


def bgr(patch):
    read = readers.read_image
    patch.setattr(readers, "read_image", lambda path: read(path)[..., ::-1])


def alphabetical(patch):
    patch.setattr(readers, "_numeric", lambda name: name)


def without_box(patch):
    patch.setattr(boxes.Boxes, "get", lambda self, clip, number: None)


def other_margin(patch):
    region = crops.face_region
    patch.setattr(video, "face_region", lambda box, h, w, margin, *rest: region(box, h, w, 0.0, *rest))


def stretched(patch):
    patch.setattr(video, "letterbox", lambda frame, size: crops.resize(frame, size, size))


def first_frames(patch):
    patch.setattr(video, "tsn_indices", lambda count, segments, duration, stream: list(range(segments * duration)))


def never_random(patch):
    real = video.tsn_indices
    patch.setattr(video, "tsn_indices", lambda count, segments, duration, stream: real(count, segments, duration, None))


def random_evaluation(patch):
    real, stream = video.tsn_indices, np.random.default_rng(3)
    patch.setattr(video, "tsn_indices", lambda count, segments, duration, _: real(count, segments, duration, stream))


def without_augmentation(patch):
    patch.setattr(video.AugmentedDataset, "_finish", video.VideoDataset._finish)


def context_as_it_is(patch):
    replace_line(video.VideoDataset.sample, "context = self._finish(context, ",
                 "context = VideoDataset._finish(self, context, ", patch)


def targets_sorted(patch):
    def collate(samples):
        batch = video.collate_clips(samples)
        return replace(batch, targets=batch.targets.sort().values)

    patch.setattr(clip_loaders, "collate_clips", collate)


def faces_turned_round(patch):
    def collate(samples):
        batch = video.collate_clips(samples)
        return replace(batch, face=None if batch.face is None else batch.face.flip(0))

    patch.setattr(clip_loaders, "collate_clips", collate)


def neighbour(patch):
    real = video.VideoDataset.__getitem__
    patch.setattr(video.VideoDataset, "__getitem__", lambda self, draw: real(
        self, Draw(draw.epoch, (draw.index + 1) % len(self), draw.repeat)))


def never_shuffled(patch):
    patch.setattr(order.Order, "_indices", lambda self, stream: self.visits)


def one_order(patch):
    real = order.generator
    patch.setattr(order, "generator", lambda seed, use, epoch: real(seed, use, 0))


def last_batch_dropped(patch):
    real = order.Order.batches
    patch.setattr(order.Order, "batches", lambda self, epoch: real(self, epoch)[:-1])


def one_epoch_for_ever(patch):
    patch.setattr(order.Order, "_draw", lambda self, epoch, index, seen: Draw(0, index, 0))


@pytest.mark.parametrize("fault, name", [
    (bgr, "card-frames"), (bgr, "context-not-as-read"), (alphabetical, "frames-not-in-order"),
    (alphabetical, "card-frames"), (without_box, "card-face"), (without_box, "face-not-as-read"),
    (other_margin, "card-face"), (other_margin, "face-not-as-read"), (stretched, "card-context"),
    (stretched, "context-not-as-read"), (first_frames, "card-frames"), (first_frames, "frames-never-change"),
    (never_random, "frames-never-change"), (random_evaluation, "evaluation-changes"),
    (without_augmentation, "augmentation-missing"), (context_as_it_is, "augmentation-missing"),
    (targets_sorted, "batch-mixes-samples"),
    (faces_turned_round, "batch-mixes-samples"), (neighbour, "sample-of-another"),
    (never_shuffled, "order-not-shuffled"), (never_shuffled, "order-never-changes"),
    (one_order, "order-never-changes"), (last_batch_dropped, "clips-not-visited-once"),
    (one_epoch_for_ever, "draws-not-told-apart"),
])
def test_faults_of_the_loader(data, monkeypatch, fault, name):
    fault(monkeypatch)
    assert serious(data.findings(full=False))[name].level == "error"


@pytest.mark.parametrize("function, old, new, said", [
    (augment.draw_augmentation, "< erasing:", "< erasing * strength:", "of the face stream nothing is erased"),
    (video.AugmentedDataset._finish, "self.config.random_erasing", "0.0", "of the face stream nothing is erased"),
    (video.VideoDataset.sample, "context = self._finish(context, ",
     "context = VideoDataset._finish(self, context, ", "of the context stream nothing is erased"),
    (augment.Augmentation.at, "frame[y : y + height, x : x + width]", "frame[: size if self.patch else 0]",
     "stream all is erased"),
])
def test_erasing_that_is_not_as_asked(data, monkeypatch, function, old, new, said):
    replace_line(function, old, new, monkeypatch)
    flags = "--random-erasing 0.3"
    assert any(finding.name == "erasing-missing" and said in finding.text for finding in data.findings(flags))


def test_another_power_of_the_weighted_sampler(data, monkeypatch):
    data.relist("train", lambda lines: [line for n, line in enumerate(lines) if label_of(line) < 2 or n % 4 == 0])
    flags = "--use-weighted-sampler"
    assert "classes-not-drawn-as-asked" not in serious(data.findings(flags))
    monkeypatch.setattr(clip_loaders, "class_weights", lambda labels, power: np.ones(len(labels)))
    found = serious(data.findings(flags))["classes-not-drawn-as-asked"]
    assert found.level == "error" and found.count >= 5


def test_labels_that_the_list_does_not_give(data, monkeypatch):
    real = lists._rows
    monkeypatch.setattr(lists, "_rows", lambda path: [(name, (label + 1) % 7) for name, label in real(path)])
    found = serious(data.findings(full=False))["labels-not-as-listed"]
    assert (found.level, found.count) == ("error", 28) and "is Disgust" in found.example


def test_lists_from_1_are_noted(data):
    for split in ("train", "validation", "test"):
        data.relist(split, lambda lines: [relabel(line, label_of(line) + 1) for line in lines])
    findings = data.findings()
    assert serious(findings) == {} and {f.name: f.count for f in findings}["labels-from-1"] == 56
