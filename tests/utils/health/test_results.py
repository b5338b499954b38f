"""Scores filed under another split, and saved weights that are not those that were scored, are named."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.utils.health.parts import names, parts, video
from utils.averaging import frozen_copy
from utils.health.results import Results
from utils.prediction import Predictions


def concluded(tmp_path, ema: bool = False, save: str = "averaged", ids: tuple = ("v1", "v2"), drop: str = "") -> list:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    averaged = frozen_copy(model) if ema else None
    with torch.no_grad():
        model[0].weight += 1
    loaders = {split: SimpleNamespace(ids=[f"{split[0]}1", f"{split[0]}2"]) for split in ("val", "test")}
    watched = replace(parts(video(), model, averaged=averaged), loaders=loaders)
    network = averaged if ema and save == "averaged" else model
    save_file({name: value.clone() for name, value in network.state_dict().items() if name != drop},
              tmp_path / "weights.safetensors")
    said = {"val": Predictions(list(ids), torch.zeros(len(ids))), "test": Predictions(["t2"], torch.zeros(1))}
    return list(Results(watched).concluded(said, tmp_path / "weights.safetensors"))


@pytest.mark.parametrize("ema", [False, True])
def test_sound_results(tmp_path, ema):
    assert concluded(tmp_path, ema) == []
    assert concluded(tmp_path, ema, ids=("v2",)) == []  # the other could not be read


def test_samples_of_another_split(tmp_path):
    finding, = concluded(tmp_path, ids=("v1", "t1"))
    assert (finding.name, finding.count, finding.example) == ("scores-of-another-split", 1, "t1")
    assert "scored as val" in finding.text


def test_weights_that_were_not_scored(tmp_path):
    finding, = concluded(tmp_path, ema=True, save="model")
    assert (finding.name, finding.example) == ("other-weights-saved", "0.weight")
    assert names(concluded(tmp_path, drop="1.running_var")) == ["other-weights-saved"]
