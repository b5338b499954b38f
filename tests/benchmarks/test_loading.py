from functools import partial

import numpy as np
import pytest
import torch

from benchmarks import loading
from benchmarks.plain.loading import MEAN, STD, load_clip
from dataloaders.order import Draw
from dataloaders.readers import read_clip
from dataloaders.video import VideoDataset
from utils.config import VideoDataConfig


class Still:
    """Draws the middle of every range: no flip, no turn."""

    def random(self):
        return 0.5

    def uniform(self, low, high):
        return (np.asarray(low) + high) / 2


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(loading, "CLIPS", 2)


def test_the_plain_loader_shows_the_same_faces(tmp_path):
    clips, faces = loading.folders_of_frames(tmp_path, 160, 120)
    data = VideoDataConfig(num_segments=4, image_size=64, box_margin=0.0)
    due = VideoDataset(clips, data, 0, faces)[Draw(0, 1, 0)].face
    face, context = load_clip(clips[1], faces, 4, 64, Still())
    seen = (face * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)) * 255
    assert face.shape == context.shape == (4, 3, 64, 64) and (seen - due).abs().mean() < 4


def test_films_are_read_and_have_boxes(tmp_path):
    clips, faces = loading.films(tmp_path / "films", 160, 120)
    counts = []
    for clip in clips:
        read_clip(clip.path, lambda count: counts.append(count) or [0])
        assert faces.has(clip.id)
    assert counts == [60, 100]


def test_each_size_is_loaded_both_ways(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "CLIPS", 7)
    monkeypatch.setattr(loading, "SIZES", ((160, 120),))
    monkeypatch.setattr(loading, "films", partial(loading.films, width=160, height=120))
    found = loading.cases(tmp_path)
    assert [*found] == ["160x120 ours", "160x120 plain", "H.264 packed", "H.264 ours", "H.264 plain"]
    for ways, frames in (([*found][:2], 16), ([*found][2:], 8)):
        for way in ways:
            loaded = found[way]()
            streams = loaded if way.endswith("plain") else (loaded.face, loaded.context)
            assert [tuple(stream.shape) for stream in streams] == [(7, frames, 3, 224, 224)] * 2
    packed, ours = (found[f"H.264 {who}"]().face.float() for who in ("packed", "ours"))
    assert (packed - ours).abs().mean() < 3  # of JPEG, enlarged and with more contrast
