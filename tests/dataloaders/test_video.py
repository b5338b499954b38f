import json
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.readers import read_clip
from dataloaders.sampling import tsn_indices
from dataloaders.video import SAMPLING, AugmentedDataset, PairDataset, Sample, VideoDataset, collate_clips
from tests.dataloaders.footage import frame, number_of, numbers_of, write_image, write_video
from utils.config import SimclrDataConfig, VideoDataConfig
from utils.seeding import AUGMENT, generator

PLAIN = VideoDataConfig(num_segments=4, image_size=48, augment=0.0, centre_crop=1.0)
PAIRS = SimclrDataConfig(num_segments=4, image_size=48, window=0.5, missing_box="full")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    return Clip("a/1.avi", write_video(root / "a" / "1.avi", 40), 2)


@pytest.fixture
def dataset(clip, tmp_path):
    """The one clip, with boxes by clip and a Config's changes."""

    def make(training=False, faces=None, bodies=None, clip=clip, seed=0, **changes):
        boxes = []
        for name, table in (("face", faces), ("body", bodies)):
            (tmp_path / f"{name}.json").write_text(json.dumps(table or {}))
            boxes.append(Boxes(tmp_path / f"{name}.json") if table is not None else None)
        changes = changes | ({"bounding_box_body": tmp_path / "body.json"} if bodies is not None else {})
        kind = AugmentedDataset if training else VideoDataset
        return kind([clip], replace(PLAIN, **changes), seed, *boxes)

    return make


def pictures(stream):
    """(T, 3, S, S) -> T times (S, S, 3)"""
    return list(stream.permute(0, 2, 3, 1).numpy())


def wide(stream):
    """The letter-boxed picture without its bars: half of the square's height."""
    return [picture[12:36] for picture in pictures(stream)]


def test_sample_holds_the_clips_middle_frames(dataset):
    sample = dataset(missing_box="full")[Draw(0, 0, 0)]
    assert (sample.id, sample.target) == ("a/1.avi", 2)
    assert (
        sample.face.shape == sample.context.shape == (4, 3, 48, 48)
        and sample.face.dtype == sample.context.dtype == torch.uint8
    )
    assert numbers_of(pictures(sample.face)) == numbers_of(wide(sample.context)) == [5, 15, 25, 35]
    assert (sample.context[:, :, :12] == 0).all() and (sample.context[:, :, 36:] == 0).all()


def test_face_stream_alone(dataset):
    sample = dataset(streams="face")[Draw(0, 0, 0)]
    assert sample.context is None and dict(sample.notes) == {"face: centre crop": 1}


def test_box_is_cut_out_of_the_face_stream_and_leaves_the_context_whole(dataset):
    bar = [16, 20, 32, 36]  # inside the second bar: white in 15 (1111), black in 5, 25 (11001) and 33
    sample = dataset(faces={"a/1": bar}, box_margin=0)[Draw(0, 0, 0)]
    assert [picture.mean() > 127 for picture in pictures(sample.face)] == [
        bool(n & 2) for n in (5, 15, 25, 35)
    ]
    assert all(picture.std() < 5 for picture in pictures(sample.face))
    assert numbers_of(wide(sample.context)) == [5, 15, 25, 35]
    assert dict(sample.notes) == {"face: face box": 1, "context: whole frame": 1}


def test_each_frame_takes_its_own_box(dataset):
    first, second = [0, 20, 16, 36], [16, 20, 32, 36]
    faces = {"a/1": {"5.jpg": first, "15.jpg": second, "25.jpg": second, "34.jpg": first}}
    sample = dataset(faces=faces, box_margin=0)[Draw(0, 0, 0)]
    # Bit 0 of 5, bit 1 of 15, bit 1 of 25, bit 0 of 35.
    assert [picture.mean() > 127 for picture in pictures(sample.face)] == [True, True, False, True]


@pytest.mark.parametrize(
    "faces, notes",
    [
        (None, {"face: centre crop"}),
        ({"other/2": [0, 0, 9, 9]}, {"face: centre crop"}),
        ({"a/1": [32, 36, 16, 20]}, {"face: centre crop", "unusable face box"}),
        ({"a/1": [500, 500, 600, 600]}, {"face: centre crop", "unusable face box"}),
        # A clip falls as far as any of its frames does.
        (
            {"a/1": {"5.jpg": [0, 20, 16, 36], "15.jpg": [9, 9, 1, 1], "25.jpg": [0, 20, 16, 36]}},
            {"face: centre crop", "unusable face box", "face box of another frame"},  # 35 takes that of 25
        ),
        ({"a/1": {"5.jpg": [0, 20, 16, 36]}}, {"face: face box", "face box of another frame"}),
        ({"a/1": {f"{n}.jpg": [0, 20, 16, 36] for n in (5, 15, 25, 35)}}, {"face: face box"}),
    ],
)
def test_steps_of_the_ladder_are_noted_once_a_clip(dataset, faces, notes):
    sample = dataset(faces=faces, streams="face")[Draw(0, 0, 0)]
    assert dict(sample.notes) == dict.fromkeys(notes, 1)


def test_fallen_frames_show_the_centre_crop(dataset):
    centre = dataset(streams="face")[Draw(0, 0, 0)].face
    assert torch.equal(dataset(faces={"a/1": [32, 36, 16, 20]}, streams="face")[Draw(0, 0, 0)].face, centre)


def test_missing_box_error_makes_the_clip_bad(dataset):
    sample = dataset(faces={}, missing_box="error")[Draw(0, 0, 0)]
    assert sample == BadSample("a/1.avi", "no usable face box, and --missing-box error")


def test_body_box_crops_the_context_where_asked_for(dataset):
    bodies = {"a/1": [0, 0, 32, 64]}  # the first two bars, 32 x 64
    sample = dataset(bodies=bodies, crop_body=True)[Draw(0, 0, 0)]
    assert sample.notes["context: body box"] == 1
    for number, picture in zip((5, 15, 25, 35), pictures(sample.context)):
        shown = picture[:, 12:36]  # twice as high as wide
        assert (picture[:, :12] == 0).all() and (picture[:, 36:] == 0).all()
        assert [shown[:, :8].mean() > 127, shown[:, -8:].mean() > 127] == [bool(number & 1), bool(number & 2)]
    whole = dataset(bodies=bodies)[Draw(0, 0, 0)]
    assert whole.notes["context: whole frame"] == 1 and numbers_of(wide(whole.context)) == [5, 15, 25, 35]
    out = dataset(bodies={"a/1": [500, 0, 600, 64]}, crop_body=True)[Draw(0, 0, 0)]
    assert torch.equal(out.context, whole.context) and out.notes["context: whole frame"] == 1


def test_frames_without_a_body_box_are_told_beside_those_with_one(dataset):
    bodies = {"a/1": {"5.jpg": [0, 0, 40, 40], "15.jpg": [0, 0, 40, 40], "25.jpg": [900, 0, 40, 40],
                      "35.jpg": [0, 0, 40, 40]}}
    notes = dataset(bodies=bodies, crop_body=True)[Draw(0, 0, 0)].notes
    assert notes["context: body box"] == notes["context: whole frame"] == 1
    all_four = {"a/1": bodies["a/1"] | {"25.jpg": [0, 0, 40, 40]}}
    assert "context: whole frame" not in dataset(bodies=all_four, crop_body=True)[Draw(0, 0, 0)].notes


@pytest.mark.parametrize(
    "content, reason", [(None, "no such file"), (b"", "the file is empty"), (b"text" * 99, "not a video")]
)
def test_unreadable_clip_says_why(dataset, tmp_path, content, reason):
    if content is not None:
        (tmp_path / "x.avi").write_bytes(content)
    sample = dataset(clip=Clip("x.avi", tmp_path / "x.avi", 0))[Draw(0, 0, 0)]
    assert isinstance(sample, BadSample) and sample.id == "x.avi" and reason in sample.reason


def test_training_is_a_function_of_seed_epoch_index_and_repeat(dataset):
    def face(draw=Draw(1, 0, 0), seed=0):
        return dataset(training=True, seed=seed, augment=1.0)[draw].face

    assert torch.equal(face(), face())
    for other in (face(Draw(2, 0, 0)), face(Draw(1, 0, 1)), face(seed=1)):
        assert not torch.equal(face(), other)


def test_training_draws_frames_and_evaluation_does_not(dataset):
    def seen(training, epoch):
        return numbers_of(pictures(dataset(training=training, missing_box="full")[Draw(epoch, 0, 0)].face))

    drawn = [seen(True, epoch) for epoch in range(4)]
    assert len(set(map(tuple, drawn))) == 4
    assert all(
        10 * place <= number < 10 * place + 10 for numbers in drawn for place, number in enumerate(numbers)
    )
    assert seen(False, 0) == seen(False, 3) == [5, 15, 25, 35]


def test_evaluation_is_not_augmented(dataset):
    plain = dataset(missing_box="full")[Draw(0, 0, 0)]
    strong = dataset(missing_box="full", augment=1.0, random_erasing=1.0)[Draw(0, 0, 0)]
    assert torch.equal(plain.face, strong.face) and torch.equal(plain.context, strong.context)


def test_one_augmentation_for_all_frames_of_a_stream_and_another_for_the_other_stream(dataset, tmp_path):
    square = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    clip = Clip("x.png", write_image(tmp_path / "x.png", square), 0)
    sample = dataset(clip=clip, training=True, augment=1.0, random_erasing=1.0, missing_box="full")[
        Draw(0, 0, 0)
    ]
    assert (sample.face == sample.face[0]).all() and (sample.context == sample.context[0]).all()
    assert not torch.equal(sample.face, sample.context)


def test_fall_back_reader_draws_the_same_as_if_it_had_been_the_first(dataset, tmp_path):
    """decord fails on frames this narrow after it has asked for indices; that must not shift the draws."""
    writer = cv2.VideoWriter(
        str(tmp_path / "x.avi"), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), 25, (96, 64)
    )
    for number in range(40):
        writer.write(cv2.resize(frame(number), (96, 64), interpolation=cv2.INTER_NEAREST))
    writer.release()
    data = dataset(clip=Clip("x.avi", tmp_path / "x.avi", 0), training=True, missing_box="full")
    for epoch in range(3):
        sample = data[Draw(epoch, 0, 0)]
        assert sample.notes["video read with OpenCV"] == 1
        expected = tsn_indices(40, 4, 1, generator(0, AUGMENT, epoch, 0, 0, SAMPLING))
        assert numbers_of(pictures(sample.face)) == expected


def test_image_is_a_clip_of_one_frame(dataset, tmp_path):
    clip = Clip("x.png", write_image(tmp_path / "x.png", frame(21)), 1)
    sample = dataset(clip=clip, missing_box="full")[Draw(0, 0, 0)]
    assert numbers_of(pictures(sample.face)) == [21] * 4
    assert number_of(pictures(sample.face)[0]) == 21 and sample.target == 1


@pytest.mark.parametrize("frames, borrowed", [((5, 15, 25, 35), 0), ((5, 15, 25), 1)])
def test_a_body_box_of_another_frame_is_noted(dataset, frames, borrowed):
    bodies = {"a/1": {f"{number}.jpg": [0, 0, 40, 40] for number in frames}}
    notes = dataset(bodies=bodies, crop_body=True)[Draw(0, 0, 0)].notes
    assert notes["context: body box"] == 1 and notes["body box of another frame"] == borrowed


def test_collate_adds_notes_and_keeps_order():
    def sample(name, **notes):
        return Sample(
            name, ord(name), torch.full((1, 3, 2, 2), ord(name), dtype=torch.uint8), None, Counter(notes)
        )

    batch = collate_clips([sample("b", box=1), BadSample("x", "why"), sample("a", box=1, other=1)])
    assert (
        batch.ids == ["b", "a"] and batch.targets.tolist() == [98, 97] and batch.targets.dtype == torch.int64
    )
    assert batch.face[:, 0, 0, 0, 0].tolist() == [98, 97] and batch.context is None
    assert batch.notes == {"box": 2, "other": 1} and batch.bad == [("x", "why")]


def test_collating_bad_clips_alone_is_an_empty_batch():
    batch = collate_clips([BadSample("x", "why"), BadSample("y", "so")])
    assert len(batch) == 0 and batch.ids == [] and batch.face is None and batch.context is None
    assert batch.targets.dtype == torch.int64 and batch.bad == [("x", "why"), ("y", "so")]


@pytest.mark.parametrize("streams", ["both", "face"])
def test_an_example_is_what_the_network_sees_of_a_clip(dataset, streams):
    data = dataset(streams=streams)
    sample, example = data[Draw(0, 0, 0)], data.example(0)
    assert example.dtype == torch.uint8 and example.shape == (2 if streams == "both" else 1, 4, 3, 48, 48)
    assert torch.equal(example[0], sample.face) and (streams == "face" or torch.equal(example[1], sample.context))


def test_a_clip_that_cannot_be_read_has_no_example(dataset, tmp_path):
    data = dataset(clip=Clip("x.avi", tmp_path / "x.avi", 0))
    assert data.example(0) is None and data.ids == ["x.avi"] and data.unit == "clips"


# Pairs


@pytest.fixture
def pair(clip):
    """Of a clip; by default, of the video with the settings PAIRS."""
    return lambda draw=Draw(0, 0, 0), clip=clip, seed=0, faces=None, **changes: PairDataset(
        [clip], replace(PAIRS, **changes), seed, faces)[draw]


def windows(stream):
    """(2, T, 3, S, S) -> the numbers that the frames of each window say."""
    return [numbers_of(pictures(window)) for window in stream]


@pytest.mark.parametrize("codec, name", [("MJPG", "x.avi"), ("mp4v", "x.mp4")])
def test_a_pair_is_two_windows_of_a_clip(pair, tmp_path, codec, name):
    clip, places = Clip(name, write_video(tmp_path / name, 40, codec), 3), []
    for epoch in range(12):
        sample = pair(Draw(epoch, 0, 0), clip)
        assert (sample.id, sample.target) == (name, 3)
        assert sample.face.shape == sample.context.shape == (2, 4, 3, 48, 48)
        assert sample.face.dtype == sample.context.dtype == torch.uint8
        shown = windows(sample.face)
        assert [numbers_of(wide(window)) for window in sample.context] == shown  # of both streams
        for numbers in shown:  # a segment is five frames of the twenty
            assert all(1 <= later - earlier <= 9 for earlier, later in zip(numbers, numbers[1:]))
        places.append(shown)
    assert all(first != second for first, second in places)
    assert min(numbers[0] for shown in places for numbers in shown) < 8
    assert max(numbers[-1] for shown in places for numbers in shown) > 31
    assert len({tuple(numbers) for shown in places for numbers in shown}) == 24


def test_a_pair_is_a_function_of_seed_epoch_index_and_repeat(pair):
    drawn = [windows(pair(draw, seed=seed).face)
             for draw, seed in ((Draw(1, 0, 0), 0), (Draw(2, 0, 0), 0), (Draw(1, 0, 1), 0), (Draw(1, 0, 0), 1))]
    assert drawn[0] == windows(pair(Draw(1, 0, 0)).face)
    assert all(one != other for place, one in enumerate(drawn) for other in drawn[:place])


def test_a_pairs_frames_are_neither_augmented_nor_drawn_twice(pair, tmp_path):
    """An image gives the one frame to both windows; the reader is asked once."""
    square = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    path = write_image(tmp_path / "x.png", square)
    sample = pair(clip=Clip("x.png", path, 0))
    plain = torch.from_numpy(square[..., ::-1].copy()).permute(2, 0, 1)
    assert (sample.face == plain).all() and (sample.context == plain).all()
    assert dict(sample.notes) == {"face: full frame": 1, "context: whole frame": 1}


def test_a_pair_of_a_video_of_one_frame(pair, tmp_path):
    assert windows(pair(clip=Clip("x.avi", write_video(tmp_path / "x.avi", 1), 0)).face) == [[0] * 4] * 2


def test_a_pair_is_read_at_once(pair, monkeypatch):
    calls = []
    monkeypatch.setattr("dataloaders.video.read_clip",
                        lambda path, pick: calls.append(path) or read_clip(path, pick))
    pair()
    assert len(calls) == 1


@pytest.mark.parametrize("load_size, side", [(0, 48), (48, 48), (60, 60)])
def test_load_size_is_the_side_of_pairs_alone(pair, clip, load_size, side):
    sample = pair(load_size=load_size)
    assert sample.face.shape == sample.context.shape == (2, 4, 3, side, side)
    evaluated = VideoDataset([clip], replace(PAIRS, load_size=load_size), 0)[Draw(0, 0, 0)]
    assert evaluated.face.shape == evaluated.context.shape == (4, 3, 48, 48)


def test_boxes_and_streams_of_pairs(pair, tmp_path):
    (tmp_path / "face.json").write_text(json.dumps({"a/1": [80, 20, 96, 36]}))  # bit 5: of 32 to 39 alone
    draws = [Draw(epoch, 0, 0) for epoch in range(6)]
    samples = [pair(draw, faces=Boxes(tmp_path / "face.json"), streams="face", box_margin=0) for draw in draws]
    for sample, draw in zip(samples, draws):
        white = [[picture.mean() > 127 for picture in pictures(window)] for window in sample.face]
        assert white == [[number >= 32 for number in numbers] for numbers in windows(pair(draw).face)]
        assert sample.context is None and dict(sample.notes) == {"face: face box": 1}


def test_an_unreadable_pair_is_a_bad_sample(pair, tmp_path):
    assert pair(clip=Clip("x.avi", tmp_path / "x.avi", 0)) == BadSample("x.avi", "no such file")


def test_fall_back_reader_draws_the_same_pairs(pair, clip, monkeypatch):
    """decord asks for indices and then fails: what OpenCV is asked for must be the same."""
    expected = windows(pair().face)

    def failing(path, pick):
        pick(40)
        raise RuntimeError

    monkeypatch.setattr("dataloaders.readers._read_with_decord", failing)
    sample = pair()
    assert windows(sample.face) == expected and sample.notes["video read with OpenCV"] == 1


def test_evaluation_of_pretraining_sees_what_a_recognisers_does(clip):
    """The middle frames, whatever the seed, the draw, the window and the colours of views."""
    shared = dict(num_segments=4, image_size=48, missing_box="full")
    one = VideoDataset([clip], VideoDataConfig(**shared), 0)[Draw(0, 0, 0)]
    other = VideoDataset([clip], SimclrDataConfig(**shared, window=0.2, load_size=64), 9)[Draw(3, 0, 1)]
    assert torch.equal(one.face, other.face) and torch.equal(one.context, other.context)
    assert numbers_of(pictures(one.face)) == [5, 15, 25, 35] and one.target == other.target == 2
