import hashlib
import re
from typing import get_args, get_type_hints

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dataloaders.crops import resize
from dataloaders.faces import DETECTORS, detector
from dataloaders.faces.detector import YUNET, YUNET_SHA256, YuNet
from dataloaders.readers import read_image
from utils.config import FaceSettings
from utils.errors import UserError


@pytest.fixture
def found(yunet):
    return YuNet(FaceSettings(detector_model=yunet))


@pytest.fixture
def group(shared):
    """Five faces at (667, 1000)."""
    return read_image(shared("face-videos/multi_face.jpg"))


def boxes_of(faces) -> np.ndarray:
    """(N, 4), from left to right"""
    return np.array(sorted(face.box for face in faces))


@pytest.mark.parametrize("height, width, seen_at", [(400, 600, (400, 600)), (320, 640, (320, 640)),
                                                    (1280, 1000, (640, 500)), (700, 1280, (350, 640))])
def test_boxes_and_scores_are_opencvs_at_640_pixels_of_the_longer_side(found, yunet, group, height, width, seen_at):
    picture = cv2.resize(group, (width, height), interpolation=cv2.INTER_AREA)
    net = cv2.FaceDetectorYN.create(str(yunet), "", seen_at[::-1], 0.7)
    small = resize(picture, *seen_at[::-1])
    expected = net.detect(np.ascontiguousarray(small[..., ::-1]))[1]  # it takes BGR
    assert len(expected) == 5
    for face, (*place, score) in zip(found(picture), expected[:, [0, 1, 2, 3, 14]] * width / seen_at[1], strict=True):
        x, y, wide, high = place
        assert face.box == pytest.approx((x, y, x + wide, y + high), rel=1e-4, abs=1e-3)
        assert face.score == pytest.approx(score * seen_at[1] / width)


@pytest.mark.parametrize("times", [0.5, 2, 5])
def test_boxes_grow_with_the_picture(found, group, times):
    size = (round(1000 * times), round(667 * times))
    larger = cv2.resize(group, size, interpolation=cv2.INTER_AREA if times < 1 else cv2.INTER_LINEAR)
    once = boxes_of(found(group))
    assert once.shape == (5, 4) and np.abs(boxes_of(found(larger)) / times - once).max() < 7
    assert 75 < (once[:, 2:] - once[:, :2]).min() and (once[:, 2:] - once[:, :2]).max() < 135


def test_faces_less_sure_than_asked_are_left_out(yunet, found, group):
    scores = sorted(face.score for face in found(group))
    middle = (scores[1] + scores[2]) / 2
    sure = YuNet(FaceSettings(detector_model=yunet, min_score=middle))
    assert sorted(face.score for face in sure(group)) == scores[2:] and scores[0] > 0.7


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (31, 33), (640, 640), (2000, 1500)])
def test_nothing_is_found_where_nothing_is_whatever_the_size(found, shape):
    assert found(np.full((*shape, 3), 90, np.uint8)) == []


def test_the_picture_stays_as_it_was(found, group):
    before = group.copy()
    found(group)
    assert np.array_equal(before, group)


# The model file


def another_network(path):
    """Sound, but no YuNet."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 640, 640]) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "other", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.mark.parametrize("make, said", [
    (lambda path: None, "no such file"), (lambda path: path.mkdir(), "no such file"),
    (lambda path: path.write_bytes(b""), "not a YuNet model that OpenCV can read: "),
    (lambda path: path.write_bytes(b"no model\n" * 99), "not a YuNet model that OpenCV can read: "),
    (another_network, "not a YuNet model that OpenCV can read: ")])
def test_what_is_no_model_is_said_in_a_line(tmp_path, make, said):
    make(tmp_path / "model.onnx")
    with pytest.raises(UserError, match=f"^--detector-model {re.escape(str(tmp_path))}/model.onnx: {said}") as error:
        YuNet(FaceSettings(detector_model=tmp_path / "model.onnx"))
    assert "\n" not in str(error.value)


def test_a_cut_model_is_said_too(tmp_path, yunet):
    (tmp_path / "model.onnx").write_bytes(yunet.read_bytes()[:100_000])
    with pytest.raises(UserError, match="not a YuNet model"):
        YuNet(FaceSettings(detector_model=tmp_path / "model.onnx"))


def test_without_a_file_it_is_fetched_from_the_hub_and_its_checksum_looked_at(monkeypatch, yunet, tmp_path, group):
    calls, fetched = [], tmp_path / "fetched.onnx"
    fetched.write_bytes(yunet.read_bytes())
    monkeypatch.setattr(detector, "hf_hub_download", lambda *names: calls.append(names) or str(fetched))
    with pytest.raises(UserError, match=f"^{re.escape(str(fetched))}: is not the file it should be .*; delete it"):
        YuNet(FaceSettings())
    monkeypatch.setattr(detector, "YUNET_SHA256", hashlib.sha256(yunet.read_bytes()).hexdigest())
    assert len(YuNet(FaceSettings())(group)) == 5 and calls == [YUNET, YUNET]
    fetched.write_bytes(fetched.read_bytes() + b"\0")
    with pytest.raises(UserError, match="not the file it should be"):
        YuNet(FaceSettings())
    assert re.fullmatch("[0-9a-f]{64}", YUNET_SHA256)


@pytest.mark.parametrize("error", [OSError("no route to host\nsecond line"), ValueError(""), RuntimeError("x" * 999)])
def test_offline_without_a_file_it_says_what_to_do(monkeypatch, error):
    def offline(*names):
        raise error

    monkeypatch.setattr(detector, "hf_hub_download", offline)
    with pytest.raises(UserError) as said:
        YuNet(FaceSettings())
    text = str(said.value)
    assert "\n" not in text and len(text) < 450
    for part in (YUNET[1], f"huggingface.co/{YUNET[0]}", "--detector-model FILE", "--faces none"):
        assert part in text


def test_a_file_of_ones_own_needs_no_hub(monkeypatch, yunet):
    monkeypatch.setattr(detector, "hf_hub_download", lambda *names: pytest.fail("asked the hub"))
    assert YuNet(FaceSettings(detector_model=yunet))(np.zeros((40, 40, 3), np.uint8)) == []


def test_the_setting_names_every_detector():
    assert set(get_args(get_type_hints(FaceSettings)["detector"])) == set(DETECTORS)
