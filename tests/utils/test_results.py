import csv
import json
from collections import Counter

import pytest
import torch

from utils.config import VideoConfig
from utils.errors import UserError
from utils.prediction import Predictions
from utils.results import EpochTable, read_metrics, summarise, write_history, write_json, write_predictions
from utils.structures import Batch, Labels
from utils.tally import Tally
from utils.tasks.clips import Clips

TASK = Clips(VideoConfig(), Labels(["calm", "not, so"]))
PREDICTIONS = Predictions(["a b.avi", "c"], torch.tensor([0, 1]), torch.tensor([[0.0, 2.0], [-1.0, 1.0]]))


def rows(path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_history_has_a_column_for_every_term_that_ever_was(tmp_path):
    write_history([{"epoch": 1, "loss_cls": 0.5}, {"epoch": 2, "loss_ldl": 0.25}], tmp_path / "h.csv")
    assert rows(tmp_path / "h.csv") == [{"epoch": "1", "loss_cls": "0.5", "loss_ldl": ""},
                                       {"epoch": "2", "loss_cls": "", "loss_ldl": "0.25"}]


def test_predictions_name_clip_split_classes_and_probabilities(tmp_path):
    write_predictions({"val": PREDICTIONS, "test": PREDICTIONS}, TASK, tmp_path / "p.csv")
    found = rows(tmp_path / "p.csv")
    assert [row["split"] for row in found] == ["val", "val", "test", "test"]
    assert found[0] == {"split": "val", "clip": "a b.avi", "true": "calm", "predicted": "not, so",
                        "p_calm": "0.119203", "p_not, so": "0.880797"}
    assert found[3]["true"] == found[3]["predicted"] == "not, so"


def test_a_split_in_metrics_json(tmp_path):
    tally = Tally("test", 3, 1)
    tally.add(Batch(PREDICTIONS.targets, PREDICTIONS.ids, notes=Counter(box=1), bad=[("lost", "empty")]))
    summary = summarise(PREDICTIONS, tally, TASK)
    write_json({"test": summary}, tmp_path / "m.json")
    read = json.loads((tmp_path / "m.json").read_text())["test"]
    assert (read["war"], read["uar"], read["clips"]) == (0.5, 0.5, 2)
    assert read["cross_entropy"] == pytest.approx((2.126928 + 0.126928) / 2)
    assert read["shares"] == {"box": 0.5} and read["left_out"] == {"lost": "empty"}
    assert read["baselines"]["majority"]["class"] == "calm"


@pytest.mark.parametrize("text", ["[]", '{"test": 3}', '{"val": {}, "test": []}'])
def test_scores_that_are_none(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(UserError, match=f"^{tmp_path}/m.json: must be scores by split; delete it"):
        read_metrics(tmp_path / "m.json")


def test_the_table_repeats_its_heading_when_a_term_sets_in(capsys):
    table = EpochTable()
    table.show({"epoch": 1, "loss_cls": 0.5, "lr_rest": 1e-3})
    table.show({"epoch": 2, "loss_cls": 123.4, "lr_rest": 1e-3, "grad_norm": 9.0, "val_macro_f1": 0.5})
    table.show({"epoch": 3, "loss_ldl": 0.125, "val_cross_entropy": 2.0})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [["epoch", "cls"], ["1", "0.500"], ["2", "123"]]
    assert lines[3:] == [["epoch", "ldl", "val_ce"], ["3", "0.125", "2.000"]]
