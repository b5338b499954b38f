import json
import re

import pytest
import torch

from tests.utils.report.pages import Page, assert_loads_nothing, assert_references_hold
from tests.utils.report.test_curves import decode
from utils.config import VideoConfig
from utils.prediction import Predictions
from utils.report import write_report
from utils.report.clips import caution, examples
from utils.results import write_history, write_json
from utils.structures import Labels
from utils.tasks.clip_metrics import score
from utils.tasks.clips import Clips

CLASSES = ["calm", "<script>alert(1)</script>", "sad & sorry"]
HISTORY = [{"epoch": 1, "loss": 2.5, "loss_cls": 2.0, "val_uar": 0.5},
           {"epoch": 2, "loss": 1.5, "loss_ldl": 1.0, "val_uar": 0.7}]


def scores_of(targets, predicted, classes=CLASSES, **more):
    probabilities = torch.nn.functional.one_hot(torch.tensor(predicted), len(classes)).double()
    return score(probabilities, torch.tensor(targets), classes) | {"shares": {}, "left_out": {}} | more


def make_run(folder, metrics, history=()):
    (folder / "config.yaml").write_text("# recipe: caer <b>\nlr: 1.0e-05\nmilestones:\n- 10\n- 15\nroot_dir: null\n"
                                        "note: a < b\n")
    write_json(metrics, folder / "metrics.json")
    if history:
        write_history(list(history), folder / "history.csv")
    return folder


def page_of(folder, predictions=None, frames=None, classes=CLASSES):
    nothing = Predictions([], torch.zeros(0, dtype=torch.int64), torch.zeros(0, len(classes)))
    path = write_report(folder, Clips(VideoConfig(), Labels(classes)), predictions or nothing, frames or {})
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture
def full_run(tmp_path):
    """Two splits, a history, five clips of the test split with frames."""
    targets = torch.tensor([0, 0, 0, 0, 1])
    logits = torch.tensor([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [0.1, 0.7, 0.2], [0.3, 0.3, 0.4]]).log()
    ids = ["a/sure", "a/<script>x", "a/unsure", "a/error", "b/error"]
    test = scores_of([0, 0, 0, 0, 1], [0, 0, 0, 1, 2], shares={"face: face box": 0.9, "face: centre crop": 0.1})
    val = scores_of([0, 1, 2], [0, 1, 1], shares={"face: face box": 1.0})
    folder = make_run(tmp_path, {"val": val, "test": test}, HISTORY)
    frames = {clip: torch.full((2, 8, 3, 224, 160), 50, dtype=torch.uint8) for clip in ids}
    return folder, Predictions(ids, targets, logits), frames


def test_headline_equals_the_metrics_beside_both_baselines(full_run):
    folder, predictions, frames = full_run
    metrics = json.loads((folder / "metrics.json").read_text())
    page = Page(page_of(folder, predictions, frames))
    expected = []
    for split in ("test", "val"):
        for key in ("uar", "war", "macro_f1"):
            values = [metrics[split][key], *(metrics[split]["baselines"][of][key] for of in ("majority", "prior"))]
            expected += [f"{100 * value:.1f}" for value in values]
    assert [text for text in page.within("dl", "dd") if re.fullmatch(r"[\d.]+", text)] == expected
    assert [text for text in page.within("h2")][:2] == ["Test", "Validation"]


def test_confusion_matrix_holds_the_counts_row_by_row(tmp_path):
    scores = scores_of([0, 0, 0, 0, 2, 2], [0, 0, 0, 1, 2, 0])
    html = page_of(make_run(tmp_path, {"test": scores}))
    rows = re.search(r'<table class="matrix">.*?<tbody>(.*?)</tbody>', html, re.DOTALL).group(1).split("<tr>")[1:]
    cells = [re.findall(r'<td class="(\w*)" style="--v: ([\d.]+)">(\d+)</td>', row) for row in rows]
    assert [[int(count) for _, _, count in row] for row in cells] == [[3, 1, 0], [0, 0, 0], [1, 0, 1]]
    assert [[float(share) for _, share, _ in row] for row in cells] == [[0.75, 0.25, 0], [0, 0, 0], [0.5, 0, 0.5]]
    assert [[css for css, _, _ in row] for row in cells] == [["full", "", "zero"], ["zero"] * 3, ["", "zero", ""]]


def test_class_table_shows_a_dash_for_what_is_undefined_and_zero_for_zero(tmp_path):
    """calm: half found, half of its answers right; the second: no clip, no answer; the third: never right."""
    scores = scores_of([0, 0, 2], [0, 2, 0])
    html = page_of(make_run(tmp_path, {"test": scores}))
    rows = re.search(r'<table class="classes">.*?<tbody>(.*?)</tbody>', html, re.DOTALL).group(1).split("<tr>")[1:]
    cells = [re.findall(r"<td [^>]*>([^<]*)</td>", row) for row in rows]
    assert cells == [["2", "50.0", "50.0", "50.0"], ["0", "–", "–", "–"], ["1", "0.0", "0.0", "0.0"]]


def test_names_are_escaped(full_run):
    html = page_of(*full_run)
    page = Page(html)  # closes every tag, or fails
    assert "<script" not in html
    assert CLASSES[1] in page.within("th")
    assert "<script>x" in page.within("figcaption")
    assert page.within("h1") == ["caer <b>"]


def test_nothing_is_loaded_from_elsewhere(full_run):
    html = page_of(*full_run)
    assert_loads_nothing(html)
    assert_references_hold(html)


@pytest.mark.parametrize(("war", "uar", "says"), [
    (0.70, 0.50, None),  # exactly 5 points and 1.5 times: enough
    (0.699, 0.50, "WAR is 4.9 points above that of always answering Neutral (65.0 %)"),
    (0.62, 0.90, "WAR is 3.0 points below that of always answering Neutral (65.0 %)"),
    (0.90, 0.49, "UAR is 1.47 times chance (33.3 %)"),
])
def test_caution_by_the_rule(war, uar, says):
    majority = {"class": "Neutral", "war": 0.65, "uar": 1 / 3}
    text = caution("val", {"war": war, "uar": uar, "baselines": {"majority": majority}})
    assert text is says or text == f"On validation, {says}: that needs little or no look at the clips."


def test_caution_stands_in_the_page_of_the_split_it_is_true_of(tmp_path):
    good, poor = scores_of([0, 1, 2], [0, 1, 2]), scores_of([0, 0, 1], [0, 0, 0])
    page = Page(page_of(make_run(tmp_path, {"val": good, "test": poor})))
    notes = [text for text in page.within("p") if "look at the clips" in text]
    assert notes == ["On test, WAR is 0.0 points above that of always answering calm (66.7 %) and UAR is 1.00 times "
                     "chance (50.0 %): that needs little or no look at the clips."]


def test_curves_are_those_of_the_history(full_run):
    page = Page(page_of(*full_run))
    labels = [attributes["aria-label"] for _, attributes in page.tags if attributes.get("role") == "img"]
    assert labels == [
        "scores, % over epochs. validation UAR: 50 at epoch 1, 70 at epoch 2",
        "total over epochs. total: 2.5 at epoch 1, 1.5 at epoch 2",
        "cls over epochs. cls: 2 at epoch 1, 2 at epoch 1",
        "ldl over epochs. ldl: 1 at epoch 2, 1 at epoch 2",
    ]
    assert "Dashed line: epoch 2, whose weights are kept." in page.text
    assert "scored with the weights of epoch 2, the best on validation by UAR" in page.text


def test_examples_are_the_surest_first_two_of_each_kind():
    def row(clip, true, p_x, p_y):
        return {"clip": clip, "true": true, "predicted": "x" if p_x > p_y else "y", "p_x": str(p_x), "p_y": str(p_y)}

    rows = [row("c1", "y", 0.1, 0.9), row("c2", "x", 0.6, 0.4), row("c3", "x", 0.9, 0.1), row("c4", "x", 0.8, 0.2),
            row("c5", "x", 0.3, 0.7), row("unseen", "x", 0.99, 0.01)]
    frames = {f"c{i}": torch.zeros(1, 2, 3, 8, 8, dtype=torch.uint8) for i in range(1, 6)}
    found = examples(rows, frames)
    clips = {(name, kind): [example.clip for example in group]
             for name, kinds in found.items() for kind, group in kinds.items()}
    assert clips == {("x", "hits"): ["c3", "c4"], ("x", "errors"): ["c5"], ("y", "hits"): ["c1"], ("y", "errors"): []}
    assert list(found) == ["x", "y"]  # the order of the classes, not of the rows


def test_an_example_lists_three_classes_and_the_true_one():
    row = {"clip": "c", "true": "d", "predicted": "b", "p_a": "0.2", "p_b": "0.5", "p_c": "0.25", "p_d": "0.05"}
    example = examples([row], {"c": torch.zeros(2, 4, 3, 8, 8, dtype=torch.uint8)})["d"]["errors"][0]
    assert list(example.probabilities.items()) == [("b", 0.5), ("c", 0.25), ("a", 0.2), ("d", 0.05)]
    assert {name: len(images) for name, images in example.strips.items()} == {"face": 3, "context": 3}


def test_clips_in_the_page(full_run):
    """Class calm: two surest hits of three, one error; second class: one error. Each: two streams of three frames."""
    html = page_of(*full_run)
    page = Page(html)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [decode(image["src"]).shape for image in images] == [(96, 69, 3)] * 24
    assert [image["alt"] for image in images[2:4]] == ["face, frame 3 of 3", "context, frame 1 of 3"]
    assert "unsure" not in html
    bars = re.findall(r'<li class="(\w+)"><div class="bar" style="--v: ([\d.]+)"><span>([^<]*)</span>([\d.]+)', html)
    assert bars[0] == ("true", "0.9", "calm", "90.0")
    assert bars[2] == ("other", "0.05", "sad &amp; sorry", "5.0")
    assert [css for css, *_ in bars[6:9]] == ["miss", "other", "true"]  # the error of calm


def test_cuts_and_left_out(tmp_path):
    left_out = {f"bad/{i:02d}": f"reason {i} <" for i in range(23)}
    test = scores_of([0], [0], shares={"face: face box": 0.875, "face: centre crop": 0.125}, left_out=left_out)
    val = scores_of([0], [0], shares={"face: face box": 1.0})
    page = Page(page_of(make_run(tmp_path, {"val": val, "test": test})))
    assert "test validation face: centre crop 12.5 0.0 face: face box 87.5 100.0" in page.text
    assert page.within("h3") == ["23 clips of test left out"]
    assert [text for text in page.within("td") if text.startswith("reason")] == [f"reason {i} <" for i in range(20)]
    assert "The first 20 of 23." in page.text


def test_no_clip_left_out_is_said(full_run):
    assert Page(page_of(*full_run)).text.count("No clip was left out.") == 1


def test_recipe_shows_every_setting(full_run):
    assert "Recipe lr 1e-05 milestones [10, 15] root_dir null note a < b" in Page(page_of(*full_run)).text


def test_without_a_test_split_or_frames(full_run):
    folder, *_ = full_run
    metrics = json.loads((folder / "metrics.json").read_text())
    write_json({"val": metrics["val"]}, folder / "metrics.json")
    page = Page(page_of(folder))
    assert page.within("h2") == ["Validation", "Training", "Losses", "Classes", "Cuts", "Recipe"]
    assert not [tag for tag, _ in page.tags if tag in ("img", "details")]


def test_other_metrics_of_another_task(tmp_path):
    """No class, no curve, no prediction: the figures and the recipe are left."""
    page = Page(page_of(make_run(tmp_path, {"val": {"aspect_f1": 0.8125, "macro_f1": 0.5}})))
    assert page.within("h2") == ["Validation", "Recipe"]
    assert "aspect f1 0.8125" in page.text
    assert page.within("b") == ["50.0", "%"]


def test_page_of_many_classes_and_noise_stays_small(tmp_path):
    """Noise is the worst that JPEG can meet; 12 classes with two hits and two errors each."""
    classes = [f"class {i}" for i in range(12)]
    targets = torch.arange(12).repeat_interleave(4)
    predicted = torch.where(torch.arange(48) % 4 < 2, targets, (targets + 1) % 12)
    logits = 5 * torch.nn.functional.one_hot(predicted, 12).float()
    ids = [f"clip {i}" for i in range(48)]
    scores = scores_of(targets.tolist(), predicted.tolist(), classes)
    folder = make_run(tmp_path, {"test": scores}, HISTORY)
    frames = {clip: torch.randint(256, (2, 3, 3, 96, 96), dtype=torch.uint8) for clip in ids}
    html = page_of(folder, Predictions(ids, targets, logits), frames, classes)
    assert html.count("<img") == 48 * 6
    assert len(html.encode()) < 3_000_000
