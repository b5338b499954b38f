import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from inference.card import card_data, card_text, metrics_of
from inference.hub import PublishedRun
from inference.run import Run, open_run

CLIPS = {"val": {"clips": 30, "war": 0.9, "uar": 0.80004, "macro_f1": 0.7, "baselines": {"majority": {
             "war": 0.5, "uar": 0.25, "macro_f1": 0.1}}},
         "test": {"clips": 40, "war": 0.61, "uar": 0.62345, "macro_f1": 0.63, "baselines": {
             "majority": {"class": "Sad", "war": 0.3, "uar": 0.142857, "macro_f1": 0.05},
             "prior": {"war": 0.2, "uar": 0.142857}}}}


def rows(text: str) -> list[list[str]]:
    """The cells of all tables, headers and their rules left out."""
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    rules = [place for place, row in enumerate(table) if set(row[0]) == {"-"}]
    return [row for place, row in enumerate(table) if place not in rules and place + 1 not in rules]


@pytest.fixture
def scored(clip_run, tmp_path):
    """The run on clips, with scores and other settings."""
    shutil.copy(clip_run / "model.safetensors", tmp_path)

    def scored(metrics: dict | None, **settings) -> Run:
        if metrics is not None:
            (tmp_path / "metrics.json").write_text(json.dumps(metrics))
        run = open_run(clip_run)
        config = replace(run.config, model=replace(run.config.model, **settings))
        return Run(tmp_path, config, replace(run.labels, counts=[9, 8, 7, 6, 5, 4, 3]))

    return scored


def test_scores_stand_beside_baselines_the_test_split_first(scored):
    text = card_text(scored(CLIPS))
    assert rows(text)[7:] == [
        ["**test**, 40 clips", "62.3", "61.0", "63.0"], ["test, majority", "14.3", "30.0", "5.0"],
        ["test, prior", "14.3", "20.0", "–"],
        ["**validation**, 30 clips", "80.0", "90.0", "70.0"], ["validation, majority", "25.0", "50.0", "10.0"]]
    assert "| split | UAR | WAR | macro-F1 |\n|---|---|---|---|\n" in text
    assert rows(text)[:2] == [["Anger", "9"], ["Disgust", "8"]]  # in training
    assert metrics_of(scored(CLIPS)).keys() == {"test", "val"} and list(metrics_of(scored(CLIPS))) == ["test", "val"]


def test_the_head_is_what_the_hub_reads(scored, tmp_path):
    PublishedRun(scored(CLIPS)).generate_model_card().save(tmp_path / "README.md")
    data = ModelCard.load(tmp_path / "README.md").data
    assert (data.library_name, data.pipeline_tag, data.license) == ("camxuc", "video-classification", "other")
    assert {"pytorch_model_hub_mixin", "emotion-recognition"} <= set(data.tags) and data.language is None
    assert data.model_name == "small"
    found = {(result.dataset_split, result.metric_type): result.metric_value for result in data.eval_results}
    names = ("war", "uar", "macro_f1")
    assert found == {(split, name): round(CLIPS[split][name], 4) for split in CLIPS for name in names}
    assert {result.dataset_type for result in data.eval_results} == {"caer"}


def test_a_run_on_reviews(review_run, tmp_path):
    run = open_run(review_run)
    PublishedRun(run).generate_model_card().save(tmp_path / "README.md")
    card, metrics = ModelCard.load(tmp_path / "README.md"), json.loads((review_run / "metrics.json").read_text())
    assert (card.data.pipeline_tag, card.data.language) == ("text-classification", "vi")
    names = ("pair_micro_f1", "aspect_micro_f1", "polarity_accuracy", "pair_macro_f1", "aspect_macro_f1",
             "polarity_macro_f1")
    scores = [result for result in card.data.eval_results if result.dataset_split == "test"]
    assert {of.metric_type: of.metric_value for of in scores} == {key: round(metrics["test"][key], 4) for key in names}
    table, fixed = {row[0]: row[1:] for row in rows(card.content)}, metrics["test"]["baselines"]
    assert table["**test**, 6 reviews"] == [f"{100 * metrics['test'][key]:.1f}" for key in names]
    assert table["test, majority"] == [f"{100 * fixed['majority'][key]:.1f}" for key in names]
    assert {"test, neutral", "**validation**, 5 reviews", "validation, majority"} <= table.keys()
    assert [table[name] for name in ("Positive", "Negative", "Neutral")] == [["4"], ["3"], ["2"]]
    assert "aspects: BATTERY, CAMERA, OTHERS, PRICE" in card.content
    assert "started from tiny, with random weights. Its" in card.content
    assert "the best that one fixed answer would score" in card.content and "emotion" not in card.content.lower()
    assert 'model.predict("Pin trâu' in card.content and "## Not for what" not in card.content


def test_without_scores_it_says_so(scored, tmp_path):
    run = scored(None)
    assert metrics_of(run) == {} and "Take its answers for guesses." in card_text(run)
    PublishedRun(run).generate_model_card().save(tmp_path / "README.md")
    data = ModelCard.load(tmp_path / "README.md").data
    assert data.eval_results is None and "model-index" not in (tmp_path / "README.md").read_text()


def test_a_score_that_a_split_cannot_have_is_left_out(scored):
    """Of no rated review, say, there is no accuracy."""
    run = scored({"test": {"clips": 3, "war": 0.5, "uar": None}})
    assert {result.metric_type for result in card_data(run).eval_results} == {"war"}
    assert rows(card_text(run))[-1] == ["**test**, 3 clips", "–", "50.0", "–"]


@pytest.mark.parametrize("settings, said", [
    (dict(clip_model="ViT-B-16", clip_pretrained="openai"), "ViT-B-16, weights `openai`."),
    (dict(clip_model="ViT-B-16", clip_pretrained="/home/alice/w.pt"), "ViT-B-16, weights `w.pt`."),
    (dict(clip_model="micro", clip_pretrained="none"), "micro, with random weights."),
    (dict(clip_model="tiny", clip_pretrained="none"), "tiny, with random weights."),
    (dict(clip_model="tiny", clip_pretrained="none", init_from=Path("/home/alice/pretrained")),
     "tiny, with random weights, and from there by way of the run `pretrained`."),
])
def test_what_the_network_started_from(scored, settings, said):
    assert f"The network started from {said} Its settings" in card_text(scored(None, **settings))


def test_limits_are_told(scored):
    text = card_text(scored(CLIPS))
    assert re.findall("^#+ (.*)", text, re.MULTILINE) == [
        "small", "Use", "Data", "Results", "For what", "Not for what", "Limits", "Licence"]
    parts = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    for part, words in {
        "Not for what": ("Deciding anything about a person", "2024/1689", "have not agreed", "Barrett et al., 2019"),
        "Limits": ("likeliest of them is always named", "differs by age, gender, skin", "not calibrated"),
        "Licence": ("MIT", "`caer`", "terms of the data"), "Use": ("load_run", "answer.probability"),
    }.items():
        assert [word for word in words if word not in " ".join(parts[part].split())] == []
    assert "the face and its surroundings" in text and "Anger, Disgust, Fear" in text


def test_of_one_stream_it_tells_of_the_face_alone(scored):
    run = scored(None)
    config = replace(run.config, data=replace(run.config.data, streams="face"))
    assert "surroundings" not in card_text(Run(run.folder, config, run.labels))
