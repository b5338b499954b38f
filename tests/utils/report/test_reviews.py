import json
import re
import unicodedata

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.utils.report.pages import Page, assert_loads_nothing, assert_references_hold, cells
from utils.config import TextConfig
from utils.config.text import TextLossConfig
from utils.prediction import Predictions
from utils.report import write_report
from utils.report.reviews import HEADLINE, POINTS, TEXT, caution, fold, misread, score_panels
from utils.results import write_history, write_json
from utils.structures import NOT_MENTIONED, Labels
from utils.tasks.review_metrics import HEADLINE as SCORES
from utils.tasks.reviews import Reviews

SENTIMENTS = ["Negative", "Neutral", "Positive"]
ASPECTS = ["FOOD&DRINKS#QUALITY", "<script>alert(1)</script>", "OTHERS"]
HISTORY = [{"epoch": epoch, "loss": 2.0 / epoch, "accuracy": 0.5, "loss_mention": 0.5, "val_cross_entropy": 1.0,
            **{f"val_{key}": (0.7 if epoch == 2 else 0.4) for key in SCORES}} for epoch in (1, 2, 3)]
HOSTILE = 'Pin tốt <img src=x onerror="alert(1)"> & <script>alert(2)</script>'


def task_of(mode="ignore", aspects=ASPECTS) -> Reviews:
    classes = SENTIMENTS + ["none"] * (mode == "class")
    return Reviews(TextConfig(loss=TextLossConfig(unmentioned=mode)),
                   Labels(classes, list(aspects), [name for name in aspects if name == "OTHERS"]))


def drawn(task: Reviews, reviews: int = 12, embedding: bool = True) -> Predictions:
    stream = torch.Generator().manual_seed(1)
    shape = reviews, len(task.labels.aspects)
    targets = torch.randint(-1, 3, shape, generator=stream)
    for place, name in enumerate(task.labels.aspects):
        if name in task.labels.unrated:
            targets[:, place] = torch.where(targets[:, place] >= 0, -2, -1)
    logits = 2 * torch.randn(*shape, len(task.labels.classes), generator=stream)
    mention = 2 * torch.randn(shape, generator=stream) if task.unmentioned == "ignore" else None
    features = torch.randn(reviews, 8, generator=stream) if embedding else None
    return Predictions([f"table/<b>{i}" for i in range(reviews)], targets, logits, mention, features)


def make_run(folder, task, predictions, splits=("val", "test"), history=HISTORY, **more):
    (folder / "config.yaml").write_text("# recipe: visfd\nunmentioned: ignore\n")
    scores = task.score(predictions) | {"shares": {"cut off": 0.25}, "left_out": {}} | more
    write_json(dict.fromkeys(splits, scores), folder / "metrics.json")
    write_history(list(history), folder / "history.csv")
    return scores


def page_of(folder, task, predictions, texts=None) -> str:
    texts = dict.fromkeys(predictions.ids, HOSTILE) if texts is None else texts
    return write_report(folder, task, predictions, texts).read_text(encoding="utf-8")


@pytest.fixture
def full_run(tmp_path):
    task = task_of()
    predictions = drawn(task)
    scores = make_run(tmp_path, task, predictions)
    return scores, page_of(tmp_path, task, predictions)


def told(values) -> list[str]:
    return ["–" if value is None else f"{100 * value:.1f}" for value in values]


def test_headline_scores_stand_beside_both_baselines(full_run):
    scores, html = full_run
    assert set(HEADLINE) == set(SCORES)
    expected = [text for key in HEADLINE for text in told(
        [scores[key], *(scores["baselines"][name][key] for name in ("majority", "neutral"))])]
    page = Page(html)
    assert [text for text in page.within("dl", "dd") if re.fullmatch(r"[\d.]+", text)] == 2 * expected  # two splits
    assert page.within("dl", "dt")[:6] == list(HEADLINE.values())
    assert "the best on validation by aspect+polarity micro-F1" in page.text
    assert "Dotted, neutral: the same aspects, all Neutral." in page.text
    assert f"reviews 12, mentions {scores['mentions']}, cross entropy {scores['cross_entropy']:.4g}" in page.text


def test_sections(full_run):
    _, html = full_run
    page = Page(html)
    assert page.within("h2") == ["Test", "Validation", "Training", "Losses", "Aspects and sentiments", "Reading",
                                 "Embeddings", "Worst mistakes on test", "Recipe"]
    assert "How reviews were read, in % of a split's reviews." in page.text
    assert "No review was left out." in page.text
    assert page.within("details", "summary")[0] == "The same on validation"


def test_the_table_of_aspects(full_run):
    scores, html = full_run
    expected = [[str(of["support"]), *told(of[key] for key in ("precision", "recall", "f1", "pair_f1",
                                                               "polarity_accuracy"))]
                for of in scores["per_aspect"].values()]
    assert cells(html, "classes aspects") == expected
    assert expected[2][-2:] == ["–", "–"]  # OTHERS has no sentiment
    bars = re.search(r'<table class="classes aspects">.*?<tbody>.*?</tr>', html, re.DOTALL).group()
    widths = [float(width) for width in re.findall(r'class="bar" style="--v: ([\d.]+)"', bars)]
    assert widths[0] == pytest.approx(scores["per_aspect"][ASPECTS[0]]["precision"], abs=5e-4)


def test_the_tables_of_sentiments(full_run):
    scores, html = full_run
    assert cells(html, "matrix") == [[str(count) for count in row] for row in scores["polarity_matrix"]]
    assert cells(html, "classes") == [[str(of["support"]), *told([of["recall"], of["precision"], of["f1"]])]
                                      for of in scores["per_sentiment"].values()]


def test_the_heat_map_holds_each_pair_s_f1_and_support(full_run):
    scores, html = full_run
    expected = [[text if f1 is None else f"{text} {support}" for f1, text, support in zip(row, told(row), supports)]
                for row, supports in zip(scores["pair_f1"], scores["pair_support"])]
    assert cells(html, "matrix heat") == expected
    heat = re.search(r'<table class="matrix heat">.*?</table>', html, re.DOTALL).group()
    assert [float(value) for value in re.findall(r"--v: ([\d.]+)", heat)] == pytest.approx(
        [f1 or 0 for row in scores["pair_f1"] for f1 in row], abs=5e-4)
    assert heat.count('class="none"') == sum(f1 is None for row in scores["pair_f1"] for f1 in row) >= 3


def test_curves_of_the_task(full_run):
    _, html = full_run
    page = Page(html)
    labels = [attributes["aria-label"] for _, attributes in page.tags if attributes.get("role") == "img"]
    assert labels[:3] == [
        "aspect+polarity F1, % over epochs. validation micro, validation macro: 40 at epoch 1, 40 at epoch 3",
        "aspect F1, % over epochs. validation micro, validation macro: 40 at epoch 1, 40 at epoch 3",
        "polarity, % over epochs. train accuracy: 50 at epoch 1, 50 at epoch 3; "
        "validation accuracy, validation macro-F1: 40 at epoch 1, 40 at epoch 3"]
    assert "Dashed line: epoch 2, whose weights are kept." in page.text


def test_training_s_accuracy_stands_apart_where_it_is_of_other_cells():
    """With a class for what is not mentioned it is over all cells, and polarity over those mentioned."""
    assert score_panels(task_of("ignore"))["polarity, %"]["train accuracy"] == "accuracy"
    for mode in ("neutral", "class"):
        found = score_panels(task_of(mode))
        assert "train accuracy" not in found["polarity, %"]
        assert found["train accuracy of all cells, %"] == {"train accuracy": "accuracy"}
    columns = {column for panel in score_panels(task_of()).values() for column in panel.values()}
    assert columns == {"accuracy", *(f"val_{key}" for key in SCORES)}


def test_nothing_a_review_or_a_table_says_becomes_markup(full_run):
    _, html = full_run
    assert_loads_nothing(html)
    assert_references_hold(html)
    page = Page(html)
    assert "<script" not in html and "<img" not in html and "<b>0" not in html
    assert HOSTILE in page.within("ol", "p")
    assert ASPECTS[1] in page.within("th")


def test_mistakes_are_grouped_by_review_worst_first():
    targets = torch.tensor([[0, 2, NOT_MENTIONED], [2, NOT_MENTIONED, -2], [2, 2, -2]])
    sure = torch.tensor([0.1, 0.1, 0.8]).double().log().expand(3, 3, 3)
    mention = torch.tensor([[0.9, 0.4, 0.2], [0.99, 0.95, 0.9], [0.99, 0.99, 0.99]]).double().logit()
    predictions = Predictions(["r0", "r1", "r2"], targets, sure, mention)
    found = misread(task_of(), predictions, {"r0": "ngắn", "r1": "a" * 999})
    assert [of.review for of in found] == ["r1", "r0"]
    assert [(m.aspect, m.true, m.said) for of in found for m in of.mistakes] == [
        (ASPECTS[1], "not mentioned", "Positive"),
        (ASPECTS[0], "Negative", "Positive"), (ASPECTS[1], "Positive", "not mentioned")]
    assert [m.probability for of in found for m in of.mistakes] == pytest.approx([0.95 * 0.8, 0.9 * 0.8, 0.6])
    assert (found[1].text, found[1].rest) == ("ngắn", "")
    assert (found[0].text, found[0].rest) == ("a" * TEXT, "a" * (999 - TEXT))


def test_what_is_said_of_a_cell_where_neutral_stands_for_not_mentioned():
    logits = torch.tensor([[[0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]]).log()
    predictions = Predictions(["r"], torch.tensor([[2, NOT_MENTIONED]]), logits)
    (found,) = misread(task_of("neutral", ["a", "b"]), predictions, {})
    assert [(m.true, m.said) for m in found.mistakes] == [
        ("Positive", "Neutral or not mentioned"), ("not mentioned", "Negative")]
    assert found.text == ""


def test_mistakes_in_the_page(tmp_path):
    task = task_of()
    predictions = drawn(task)
    make_run(tmp_path, task, predictions)
    worst, *_ = misread(task, predictions, {})
    long = "từ " * 200
    html = page_of(tmp_path, task, predictions, {worst.review: long})
    first = html.partition('<ol class="misread">')[2].partition("</li>\n<li><ul>")[0]
    page = re.sub(r"<[^>]*>", "", first)
    assert f"({100 * worst.mistakes[0].probability:.1f} %)" in page
    assert f"said {worst.mistakes[0].said}" in page and f"true {worst.mistakes[0].true}" in page
    assert first.count("từ") == 200 and "…" in first and "<details><summary>the rest</summary>" in first
    assert html.count('class="said"') == len(task.mistakes(predictions))


@given(st.text(max_size=3 * TEXT))
def test_folding_loses_no_word(text):
    head, rest = fold(text)
    assert "".join((head + rest).split()) == "".join(text.split())
    assert not rest or not unicodedata.combining(rest[0])
    assert len(head) <= TEXT or unicodedata.combining(head[TEXT])
    assert rest == "" or len(text.strip()) > TEXT


def test_folding_at_the_end_of_a_word():
    text = "x" * (TEXT - 3) + " yyyy " + "z" * 50
    assert fold(text) == ("x" * (TEXT - 3), "yyyy " + "z" * 50)
    assert fold("b" * TEXT) == ("b" * TEXT, "")
    accented = "e" * (TEXT - 1) + "e\u0302\u0301" + "n"
    assert fold(accented) == (accented[:-1], "n")


def scores_with(value: float, fixed: float) -> dict:
    return {key: value for key in SCORES} | {"baselines": {"majority": dict.fromkeys(SCORES, fixed),
                                                           "neutral": dict.fromkeys(SCORES, 0.0)}}


def test_caution_by_the_rule():
    assert caution("val", scores_with(0.4 + POINTS, 0.4)) is None
    text = caution("val", scores_with(0.4 + POINTS - 0.001, 0.4))
    assert text.startswith("On validation, little or nothing is gained by reading over giving every review the same")
    assert "aspect micro-F1 44.9 % (against 40.0 %)" in text
    assert [name in text for name in HEADLINE.values()] == [True] * 6
    one = scores_with(0.9, 0.4) | {"polarity_accuracy": 0.3}
    assert caution("test", one).endswith("the same answer: polarity accuracy 30.0 % (against 40.0 %).")
    one["baselines"]["neutral"]["pair_micro_f1"] = 0.88  # the better of the two counts
    assert "aspect+polarity micro-F1 90.0 % (against 88.0 %)" in caution("test", one)
    assert caution("test", {"pair_micro_f1": 0.1}) is None


@pytest.mark.parametrize("mode", ["ignore", "neutral", "class"])
def test_filled_accuracy_is_told_with_its_baseline_in_neutral_mode_only(tmp_path, mode):
    task = task_of(mode)
    predictions = drawn(task)
    scores = make_run(tmp_path, task, predictions)
    page = Page(page_of(tmp_path, task, predictions))
    if mode != "neutral":
        assert "counted as Neutral" not in page.text
        return
    assert (f"the accuracy over all cells is {100 * scores['filled_accuracy']:.1f} % ; always answering Neutral gets "
            f"{100 * scores['always_neutral_accuracy']:.1f} % . That score flatters") in page.text
    assert page.text.count("counted as Neutral") == 2 and page.text.count("That score flatters") == 1
    assert "filled accuracy" not in page.text


def test_the_projection_in_the_page(full_run):
    _, html = full_run
    plane = re.search(r'<div class="plane".*?</ul>', html, re.DOTALL).group()
    assert plane.count("<use ") == 12
    legend = re.findall(r"</svg>([^<]+) \((\d+)\)</li>", plane)
    assert sum(int(count) for _, count in legend) == 12
    assert {name for name, _ in legend} <= {*(f"all {name}" for name in SENTIMENTS), "mixed", "no sentiment"}
    text = Page(html).text
    assert "t-SNE of the embeddings of all 12 reviews of test" in text and "The axes have no unit" in text


@pytest.mark.parametrize("embedding", [None, torch.zeros(12, 8), torch.randn(12, 8)[:, :1]])
def test_without_embeddings_to_draw_there_is_no_projection(tmp_path, embedding):
    task = task_of()
    predictions = drawn(task)
    predictions.embedding = embedding
    make_run(tmp_path, task, predictions)
    assert "Embeddings" not in Page(page_of(tmp_path, task, predictions)).within("h2")


def test_one_review_without_any_sentiment(tmp_path):
    task = task_of()
    predictions = drawn(task, reviews=1)
    predictions.targets = torch.full((1, 3), NOT_MENTIONED)
    make_run(tmp_path, task, predictions, splits=("val",), history=[])
    page = Page(page_of(tmp_path, task, predictions))
    assert page.within("h2")[0] == "Validation" and "Training" not in page.within("h2")
    assert "On validation, little or nothing is gained" in page.text


@pytest.mark.parametrize("aspects", [["A"], [f"ROOM_AMENITIES#DESIGN&FEATURES {i}" for i in range(34)]])
def test_one_aspect_and_many(tmp_path, aspects):
    task = task_of("class", aspects)
    predictions = drawn(task)
    make_run(tmp_path, task, predictions)
    html = page_of(tmp_path, task, predictions)
    assert len(cells(html, "classes aspects")) == len(cells(html, "matrix heat")) == len(aspects)
    if len(aspects) > 1:
        assert "ROOM_<wbr>AMENITIES#<wbr>DESIGN&amp;FEATURES 0" in html


def test_other_scores_alone(tmp_path):
    (tmp_path / "config.yaml").write_text("# recipe: r\nlr: 1\n")
    (tmp_path / "metrics.json").write_text(json.dumps({"test": {"aspect_micro_f1": 0.5}}))
    task = task_of()
    page = Page(page_of(tmp_path, task, drawn(task, embedding=False)))
    assert page.within("h2") == ["Test", "Worst mistakes on test", "Recipe"]
    assert page.within("b")[:2] == ["50.0", "%"]
