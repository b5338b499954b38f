import re

import pytest
import torch

from tests.utils.report.pages import Page, assert_loads_nothing, assert_references_hold
from tests.utils.report.test_clips import CLASSES, make_run, scores_of
from utils.config import SimclrConfig, SimclrTrainConfig
from utils.prediction import Predictions
from utils.report import write_report
from utils.report.pretraining import spread
from utils.structures import Labels
from utils.tasks.pretraining import Pretraining

ROWS = [{"fraction": fraction, "labels": labels, "features": features, "war": [0.99] * len(uar), "uar": uar}
        for fraction, labels, of in (
            (0.01, 3, {"this run": [0.5, 0.6, 0.7], "before training": [0.25] * 3, "pixels": [0.1, 0.2, 0.3]}),
            (1.0, 300, {"this run": [0.875], "before training": [0.75], "pixels": [0.625]}))
        for features, uar in of.items()]
HISTORY = [{"epoch": 1, "loss": 2.5, "loss_ntxent": 2.5, "accuracy": 0.25, "alignment": 1.5, "uniformity": -0.5,
            "val_war": 0.5, "val_uar": 0.5, "val_feature_spread": 0.75, "val_effective_rank": 5.5},
           {"epoch": 2, "loss": 1.5, "loss_ntxent": 1.5, "accuracy": 0.5, "alignment": 0.5, "uniformity": -2.5,
            "val_war": 0.625, "val_uar": 0.7, "val_feature_spread": 0.875, "val_effective_rank": 7.5}]


def page_of(folder, predictions=None, frames=None) -> str:
    """By the task with one neighbour; without predictions of a split of one clip, which is not shown."""
    task = Pretraining(SimclrConfig(train=SimclrTrainConfig(neighbours=1)), Labels(CLASSES))
    predictions = predictions or Predictions(["only"], torch.tensor([0]), embedding=torch.ones(1, 4))
    return write_report(folder, task, predictions, frames or {}).read_text(encoding="utf-8")


def scores(spread: float, rank: float, **more) -> dict:
    return scores_of([0, 0, 1, 2], [0, 0, 1, 1]) | {"feature_spread": spread, "effective_rank": rank} | more


@pytest.fixture
def full_run(tmp_path):
    """Two splits, one with both probes; of four clips the nearest of the first two are each other, in one class."""
    metrics = {"val": scores(0.912, 20.04), "test": scores(0.876, 21.06, probes={"linear": ROWS, "knn": ROWS[:3]})}
    folder = make_run(tmp_path, metrics, HISTORY)
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    ids = ["a/sure", "a/<script>x", "b/one", "c/two"]
    frames = {clip: torch.full((2, 8, 3, 32, 32), 50, dtype=torch.uint8) for clip in ids}
    return folder, Predictions(ids, torch.tensor([0, 0, 1, 2]), embedding=features), frames


def tables(html: str) -> list[list[list[str]]]:
    """The probes' tables: rows of cells, headings among them."""
    found = [part.split("</table>")[0] for part in html.split('<div class="wide"><table>')[1:]]
    return [[[re.sub(r"\s+", " ", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
             for row in table.split("<tr>")[1:]] for table in found]


def test_probes_are_told_by_features_and_share_of_labels(full_run):
    html = page_of(*full_run)
    linear, knn = tables(html)
    assert linear == [
        ["features", "3 labels (1.0 %)", "300 labels (100.0 %)"],
        ["this run", "60.0 ± 10.0", "87.5"], ["pixels", "20.0 ± 10.0", "62.5"],
        ["before training", "25.0 ± 0.0", "75.0"]]
    assert knn == [[row[0], row[1]] for row in linear]
    assert [text for text in Page(html).within("h3") if "probe" in text] == [
        "Few labels: linear probe", "Few labels: knn probe"]
    assert html.index("Few labels") < html.index("<h2>Validation")
    assert "UAR on test, in %, of a classifier on frozen features" in Page(html).text


@pytest.mark.parametrize("values, said", [([0.5], "50.0"), ([0.1, 0.2], "15.0 ± 7.1"), ([0.25] * 3, "25.0 ± 0.0")])
def test_mean_and_deviation(values, said):
    assert spread(values) == said


def test_headline_is_the_vote_s_and_says_so(full_run):
    page = Page(page_of(*full_run))
    assert [text for text in page.within("dt") if "kNN" in text] == ["kNN UAR", "kNN WAR", "kNN macro-F1"] * 2
    assert page.within("dl", "b")[:2] == ["66.7", "%"]
    assert "the best on validation by kNN UAR" in page.text


def test_spread_and_rank_of_each_split_are_told_once(full_run):
    page = Page(page_of(*full_run))
    told = re.findall(r"Feature spread ([\d.]+) \(0: collapsed, 1: even\), effective rank ([\d.]+)\.", page.text)
    assert told == [("0.88", "21.1"), ("0.91", "20.0")]
    assert "feature spread 0.8" not in page.text and "probes" not in page.text  # not among the other scores


def test_curves_are_those_of_the_history(full_run):
    page = Page(page_of(*full_run))
    labels = [attributes["aria-label"] for _, attributes in page.tags if attributes.get("role") == "img"]
    assert [label.split(" over epochs")[0] for label in labels] == [
        "scores, %", "views", "feature spread", "effective rank", "total", "ntxent"]
    assert labels[0] == ("scores, % over epochs. contrastive accuracy: 25 at epoch 1, 50 at epoch 2; validation kNN "
                         "WAR: 50 at epoch 1, 62.5 at epoch 2; validation kNN UAR: 50 at epoch 1, 70 at epoch 2")
    assert "alignment (0: views agree): 1.5 at epoch 1, 0.5 at epoch 2" in labels[1]
    assert "uniformity (-4: spread evenly): -0.5 at epoch 1, -2.5 at epoch 2" in labels[1]
    assert "validation (0: collapsed, 1: even): 0.75 at epoch 1, 0.875 at epoch 2" in labels[2]
    assert "validation: 5.5 at epoch 1, 7.5 at epoch 2" in labels[3]


def test_clips_are_shown_with_the_vote(full_run):
    html = page_of(*full_run)
    page = Page(html)
    assert "the surest hits and errors of each class" in page.text.lower()
    bars = re.findall(r'<li class="(\w+)"><div class="bar" style="--v: ([\d.]+)"><span>([^<]*)</span>', html)
    assert bars[0][0] == "true" and bars[0][2] == "calm" and float(bars[0][1]) > 0.999
    assert len(page.within("figcaption", "li")) > 0 and html.count("<img") == 4 * 2 * 3


def test_names_are_escaped(full_run):
    html = page_of(*full_run)
    page = Page(html)
    assert "<script" not in html
    assert CLASSES[1] in page.within("th") and "<script>x" in page.within("figcaption")
    assert page.within("h1") == ["caer <b>"]


def test_nothing_is_loaded_from_elsewhere(full_run):
    html = page_of(*full_run)
    assert_loads_nothing(html)
    assert_references_hold(html)


def test_without_probes_history_or_a_test_split(tmp_path):
    html = page_of(make_run(tmp_path, {"val": scores(0.9, 3.0)}))
    page = Page(html)
    assert page.within("h2") == ["Validation", "Classes", "Recipe"]
    assert "probe" not in page.text and "Feature spread 0.90" in page.text
