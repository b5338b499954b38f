import logging

import pytest
import torch

from inference.onnx import FILE, OnnxNetwork, export_clips, export_reviews
from inference.run import open_run
from models.classifier import ClipClassifier, learned_classes
from models.clip import load_clip
from models.recogniser import VideoRecogniser
from tests.inference.runs import awake
from tests.models.test_aspects import batch as reviews
from tests.models.test_aspects import reader
from tests.models.test_recogniser import TEXTS
from utils.config import VideoModelConfig
from utils.errors import UserError
from utils.structures import Batch, Output


def clips(number: int, frames: int, two: bool, size: int, dtype=torch.uint8) -> Batch:
    stream = torch.Generator().manual_seed(100 * number + frames)
    face, context = torch.randint(256, (2, number, frames, 3, size, size), generator=stream).to(dtype)
    return Batch(torch.zeros(number), [""] * number, face, context if two else None)


def assert_the_same(ours: Output, theirs: Output, names: tuple[str, ...]) -> None:
    for name in names:
        a, b = getattr(ours, name), getattr(theirs, name)
        assert a.shape == b.shape and a.dtype == b.dtype == torch.float32 and (a - b).abs().max() <= 1e-4


SHAPES = [(1, 1), (1, 5), (4, 1), (3, 8), (2, 3)]  # batch and frames; the last are the example's


def test_a_vit_of_two_streams(clip_onnx):
    """The run's own classifier."""
    network, onnx = open_run(clip_onnx).network, OnnxNetwork(clip_onnx)
    classifier = ClipClassifier(network, learned_classes(network))
    for number, frames in SHAPES:
        batch = clips(number, frames, True, 32)
        with torch.no_grad():
            assert_the_same(classifier(batch), onnx(batch), ("logits", "embedding"))
    turned = Batch(batch.targets, batch.ids, batch.context, batch.face)
    assert (onnx(batch).logits - onnx(turned).logits).abs().max() > 0.01  # which stream is which


@pytest.mark.slow
def test_a_small_cnn_of_one_stream_with_mirror_images(tmp_path):
    torch.manual_seed(0)
    settings = VideoModelConfig(contexts_number=3, temporal_heads=4, temperature=0.05, mirror=True,
                                temporal_pool="attention")
    model = awake(VideoRecogniser(load_clip("tiny", "none", 48), TEXTS, settings, two_streams=False))
    classifier = ClipClassifier(model, learned_classes(model))
    export_clips(classifier, 48, tmp_path / FILE)
    onnx = OnnxNetwork(tmp_path)
    for number, frames in SHAPES:
        batch = clips(number, frames, False, 48)
        with torch.no_grad():
            assert_the_same(classifier(batch), onnx(batch), ("logits", "embedding"))
    as_float = clips(2, 3, False, 48, torch.float32)
    assert torch.equal(onnx(as_float).logits, onnx(clips(2, 3, False, 48)).logits)
    model.mirror = False
    with torch.no_grad():  # the file holds the mirror image
        assert (classifier(batch).logits - onnx(batch).logits).abs().max() > 1e-3


@pytest.mark.parametrize("pooling, mentions", [("cls", True), ("aspect", False)])
def test_reviews(tmp_path, capfd, caplog, pooling, mentions):
    """With mean pooling and mentions: the run's own in test_reviews.py."""
    model = reader(pooling, mentions).eval()
    export_reviews(model, 64, tmp_path / FILE)
    logging.getLogger("camxuc").warning("heard")
    assert capfd.readouterr() == ("", "") and caplog.messages[-1] == "heard"  # it says nothing, and then others may
    onnx, names = OnnxNetwork(tmp_path), ("logits", "mention") if mentions else ("logits",)
    for lengths in ((5, 9, 3), (4,), (30, 3), (3,), (64, 7, 50, 20)):
        batch = reviews(lengths, seed=sum(lengths))
        with torch.no_grad():
            expected, found = model(batch), onnx(batch)
        assert_the_same(expected, found, names)
        assert mentions or found.mention is None
    assert found.logits.std() > 1e-3


@pytest.mark.parametrize("content, said", [
    (None, "no such file; `python main.py export {folder} --format onnx` writes it"),
    (b"", "onnxruntime cannot read it"), (b"no network at all" * 50, "onnxruntime cannot read it"),
])
def test_a_file_that_is_missing_or_no_network(tmp_path, content, said):
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UserError) as error:
        OnnxNetwork(tmp_path)
    message = str(error.value)
    assert message.startswith(f"{tmp_path / FILE}: ") and said.format(folder=tmp_path) in message
    assert "\n" not in message
