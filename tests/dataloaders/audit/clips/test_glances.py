"""What clips show next to each other: each fault drawn into sound glances is named; sound ones raise nothing."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from dataloaders.audit.clips import ridge
from dataloaders.audit.clips.box_sense import check_box_sense
from dataloaders.audit.clips.doubles import alike, check_doubles
from dataloaders.audit.clips.fit import check_fit
from dataloaders.audit.clips.shortcuts import check_shortcuts
from dataloaders.audit.clips.turned import check_turned
from tests.dataloaders.audit.clips.drawn import HEIGHT, SIDE, WIDTH, a_set, glance_of, view_of

CHECKS = (check_shortcuts, check_turned, check_doubles, check_fit, check_box_sense)


def said(glances) -> dict:
    return {finding.name: finding for check in CHECKS for finding in check(view_of(), glances)}


@pytest.mark.parametrize("seed", range(4))
def test_sound_clips_raise_nothing(seed):
    assert {name: str(finding) for name, finding in said(a_set(seed)).items()} == {}


def of_class(change, label=2):
    return {"change": lambda split, own: change if split == "train" and own == label else None}


def of_split(change, name="val"):
    return {"change": lambda split, _: change if split == name else None}


def letterboxed(frame):
    frame = frame.copy()
    frame[: HEIGHT // 6] = frame[-HEIGHT // 6 :] = 0
    return frame


def marked(frame):
    frame = frame.copy()
    frame[4:16, 96:124] = 255
    return frame


def combed(frame):
    frame = frame.copy()
    frame[1::2] = np.roll(frame[1::2], 6, 1)
    return frame


def blurred(frame):
    return cv2.GaussianBlur(frame, (0, 0), 4)


SHORTCUTS = {"border": letterboxed, "mark": marked, "combing": combed, "sharpness": blurred,
             "colour": lambda frame: np.repeat(frame.mean(-1, keepdims=True), 3, -1).astype(np.uint8),
             "brightness": lambda frame: (frame * 0.3).astype(np.uint8)}


@pytest.mark.parametrize("trait", SHORTCUTS)
def test_a_class_of_another_form(trait):
    finding = said(a_set(7, **of_class(SHORTCUTS[trait])))["class-shortcut"]
    assert "Happy" in finding.text and finding.level == "warning"


@pytest.mark.parametrize("split", ["val", "train"])
@pytest.mark.parametrize("trait", ["border", "combing", "sharpness", "brightness"])
def test_a_split_of_another_form(trait, split):
    finding = said(a_set(8, **of_split(SHORTCUTS[trait], split)))["split-of-another-form"]
    assert f"{split} differs" in finding.text


def dotted(frame):
    frame = frame.copy()
    frame[:4, :12] = 0
    return frame


def of_television(frame):
    return (16 + dotted(frame) * (219 / 255)).astype(np.uint8)


def test_grey_levels_of_television():
    each = (("train", 8), ("val", 8), ("test", 8))
    texts = {name: [str(finding) for finding in check_shortcuts(view_of(), a_set(8, each, change=lambda split, _: (
        of_television if split == name else dotted)))] for name in ("val", "train", "nothing")}
    assert "val differs from the other splits in its range of grey levels (16 to 235, 100%" in texts["val"][0]
    assert "train differs" in texts["train"][0] and texts["nothing"] == []
    darker = {"val": lambda frame: (frame * 0.8 + 16).astype(np.uint8)}
    assert list(check_shortcuts(view_of(), a_set(8, each, change=lambda split, _: darker.get(split, dotted)))) == []


def test_codec_and_rate_of_a_class():
    glances = a_set(9)
    for one in glances:
        one.kind["codec"] = "XVID" if one.clip.label == 1 and one.split == "train" else "MJPG"
    assert "Fear" in said(glances)["class-shortcut"].text and "XVID" in said(glances)["class-shortcut"].text
    for place, one in enumerate(glances):
        one.kind["codec"] = "XVID" if place % 3 else "MJPG"
    assert said(glances) == {}


@pytest.mark.parametrize(("change", "way"), [(lambda f: f[..., ::-1], "colours swapped"),
                                             (lambda f: 255 - f, "negative")])
def test_a_split_in_other_colours(change, way):
    assert way in said(a_set(10, **of_split(change, "test")))["split-turned"].text


def scene(stream):
    """Bright and blue above, dark and red below; wider things on the left."""
    frame = np.repeat(np.linspace([90, 120, 230], [150, 70, 30], HEIGHT)[:, None], WIDTH, 1)
    frame[:, : WIDTH // 3] *= 0.8
    return np.clip(frame + cv2.resize(stream.normal(0, 12, (6, 8, 3)), (WIDTH, HEIGHT)), 0, 255).astype(np.uint8)


def scenes(change, sound=("val", "test"), every=3):
    stream, glances = np.random.default_rng(21), []
    for split, number in (("train", 60), ("val", 40), ("test", 40)):
        for place in range(number):
            frame = scene(stream)
            frame = change(frame) if split not in sound and place % every == 0 else frame
            glances.append(glance_of(split, place % 4, len(glances), frame, (8, 8, 40, 40)))
    return {finding.name: finding for finding in check_turned(view_of(), glances)}


@pytest.mark.parametrize(("change", "way"), [(lambda f: f[..., ::-1], "colours swapped"),
                                             (lambda f: f[::-1, ::-1], "turned by 180 degrees"),
                                             (lambda f: f[::-1], "turned by 180 degrees"),
                                             (lambda f: np.rot90(f), "turned by 90 degrees")])
def test_a_third_of_training_is_turned(change, way):
    finding = scenes(change)["clips-turned"]
    assert finding.text.startswith("20 of 60 clips of train ") and way in finding.text and finding.count == 20
    assert scenes(change, every=20) == {}  # odd ones


def test_parts_that_are_turned_in_every_split_and_pictures_that_tell_no_way():
    assert scenes(lambda f: f[::-1, ::-1], ()) == {}  # no split shows how it should be
    assert scenes(lambda f: f[:, ::-1]) == {}  # mirrored
    assert scenes(lambda f: np.clip(f * 1.2, 0, 255).astype(np.uint8)) == {}


def test_a_small_mark_in_a_corner():
    def marked(frame):
        frame = frame.copy()
        frame[4:11, 4:18] = (40, 220, 240)
        return frame

    finding = said(a_set(7, **of_class(marked)))["class-shortcut"]
    assert "by their mark alone (about 8% of the width from the left and 7% of the height" in finding.text
    assert "class-shortcut" not in said(a_set(7, change=lambda split, _: marked))


def copied(change, seed=11):
    """Half of val are training clips, changed."""
    glances = a_set(seed)
    train = [one for one in glances if one.split == "train"]
    for place, one in enumerate(glances):
        if one.split == "val" and place % 2:
            source = train[place % len(train)]
            glances[place] = glance_of("val", source.clip.label, place, change(source.frame), (5, 5, 37, 37))
    return glances


def cropped(frame):
    return cv2.resize(frame[6:-6, 8:-8], (WIDTH, HEIGHT))


def moved_on(frame):
    """A later part of the recording: something else stands in the middle."""
    frame = frame.copy()
    cv2.circle(frame, (64, 48), 14, (250, 250, 250), -1)
    return frame


@pytest.mark.parametrize("change", [
    cropped, moved_on, lambda f: f[:, ::-1], lambda f: np.clip(f * 1.08 + 8, 0, 255).astype(np.uint8),
    lambda f: np.clip(f + np.random.default_rng(0).normal(0, 6, f.shape), 0, 255).astype(np.uint8)])
def test_copies_of_training_clips(change):
    glances = copied(change)
    finding = {f.name: f for f in check_doubles(view_of(), glances)}["split-shows-training-clips"]
    assert 6 <= finding.count <= 8 and "of 16 clips of val" in finding.text


def test_tiny_pictures_are_alike_by_chance():
    glances = copied(cropped)
    assert list(check_doubles(view_of(), [replace(one, size=(8, 8)) for one in glances])) == []


def test_the_look_alike_is_the_right_one():
    train = a_set(12, (("train", 8),))
    own = [glance_of("val", 0, 0, train[5].frame[:, ::-1], (5, 5, 37, 37)), *a_set(13, (("val", 1),))]
    assert alike(own, train) == [5, None, None, None, None]


def relabel(glances, split, change):
    for one in glances:
        if one.split == split:
            object.__setattr__(one.clip, "label", change(one.clip.label))
    return glances


@pytest.mark.parametrize("split", ["val", "train"])
def test_labels_that_are_shuffled(split):
    stream = np.random.default_rng(3)
    finding = said(relabel(a_set(14), split, lambda label: int(stream.integers(4))))["labels-not-of-pictures"]
    assert finding.level == "error" and f"labels of {split}" in finding.text


def test_two_classes_that_are_swapped():
    found = said(relabel(a_set(15), "test", lambda label: {1: 3, 3: 1}.get(label, label)))
    assert "Sad look like training's Fear" in found["classes-swapped"].text


def test_labels_of_which_a_third_is_wrong():
    stream = np.random.default_rng(4)
    glances = a_set(16, (("train", 20), ("val", 8)))
    relabel(glances, "train",
            lambda label: (label + int(stream.integers(1, 4))) % 4 if stream.random() < 0.35 else label)
    assert said(glances).keys() == {"labels-noisier"}


def test_boxes_of_other_clips():
    stream = np.random.default_rng(5)

    def anywhere(box):
        x, y = stream.integers(0, (WIDTH - SIDE, HEIGHT - SIDE))
        return (x, y, x + SIDE, y + SIDE)

    assert "face-boxes-hold-nothing" in said(a_set(17, box=lambda split, label: anywhere))
    finding = said(a_set(18, box=lambda split, label: anywhere if split == "val" else None))["face-boxes-hold-nothing"]
    assert "boxes of val" in finding.text and finding.count >= 10


@pytest.mark.parametrize(("way", "box"), [
    ("mirrored", lambda b: (WIDTH - b[2], b[1], WIDTH - b[0], b[3])),
    ("upside down", lambda b: (b[0], HEIGHT - b[3], b[2], HEIGHT - b[1])),
    ("frames half as large", lambda b: tuple(v / 2 for v in b)),
])
def test_boxes_in_another_form(way, box):
    finding = said(a_set(19, box=lambda split, label: box))["face-boxes-of-another-form"]
    assert way in finding.text and finding.level == "error"


def test_leave_one_out_is_what_leaving_out_gives():
    stream = np.random.default_rng(6)
    inputs, targets = stream.normal(0, 0.5, (9, 4)), stream.normal(size=(9, 2))
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 4, 5])
    said = ridge.leave_out(inputs, targets, groups)
    for group in range(6):
        kept = groups != group
        other = KernelRidge(alpha=ridge.PENALTY, kernel="rbf", gamma=1.0).fit(inputs[kept], targets[kept])
        np.testing.assert_allclose(said[~kept], other.predict(inputs[~kept]), atol=1e-9)
        np.testing.assert_allclose(ridge.tell(inputs[kept], targets[kept], inputs[~kept]), said[~kept], atol=1e-9)
