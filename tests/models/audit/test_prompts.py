import dataclasses

import pytest
import torch

from models import build_model, texts
from models.audit.prompts import _texts, audit_prompts
from models.clip import load_clip
from models.recogniser import VideoRecogniser
from models.texts import class_texts
from tests.conftest import RECIPE
from utils.config import VideoConfig
from utils.findings import errors
from utils.recipe import load_config
from utils.structures import Labels

CAER = ["Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"]
RAER = ["Neutrality", "Enjoyment", "Confusion", "Fatigue", "Distraction"]
DAISEE = [[f"{level} {state}" for level in ("Very Low", "Low", "High", "Very High")]
          for state in ("Engagement", "Boredom", "Confusion", "Frustration")]
TYPES = ["class_names", "class_names_with_context", "class_descriptor", "prompt_ensemble"]


@pytest.fixture
def configure(micro, tmp_path):
    def make(flags: str = "") -> VideoConfig:
        path = tmp_path / "small.yaml"
        path.write_text(RECIPE.format(root=tmp_path))
        return load_config(str(path), flags.split())
    return make


def audited(config, classes=CAER, spoil=lambda model: None):
    labels = Labels(classes)
    model = build_model(config, labels)
    with torch.no_grad():
        spoil(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    findings = audit_prompts(config, model, labels)
    assert all(torch.allclose(value, before[name], 0, 0, equal_nan=True) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    return {finding.name: finding for finding in findings}


@pytest.mark.parametrize("text_type", TYPES)
def test_the_projects_own_texts_are_clean(configure, text_type):
    for classes in (CAER, RAER, *DAISEE):
        assert _texts(classes, class_texts(classes, text_type)) == []
    assert audited(configure(f"--text-type {text_type}")) == {}


@pytest.mark.parametrize("flags", [
    "--contexts-number 1 --class-token-position middle", "--contexts-number 5 --class-token-position middle",
    "--class-token-position front --no-class-specific-contexts", "--contexts-init hello --class-token-position end"])
def test_every_way_to_place_the_context_is_clean(configure, flags):
    assert audited(configure(flags)) == {}


def test_other_networks_have_no_prompts(configure):
    assert audit_prompts(configure(), torch.nn.Linear(2, 2), Labels(CAER)) == []


def spoil_order(model):
    order = model.prompts.order
    order[2, [1, 3]] = order[2, [3, 1]]


def spoil_end(model):
    model.prompts.end[3] -= 1


def spoil_words(model):
    model.prompts.embedded[[4, 5]] = model.prompts.embedded[[5, 4]]


def test_a_context_vector_in_the_wrong_place(configure):
    found = audited(configure(), spoil=spoil_order)
    assert found["prompt-order"].level == "error" and found["prompt-order"].count == 1
    assert found["prompt-order"].example == "'fear' from position 1 on"
    assert found["prompt-features"].count == 1 and found["prompt-features"].example.startswith("Fear (cosine ")


def test_pooled_before_the_end_token(configure):
    found = audited(configure(), spoil=spoil_end)
    assert found["prompt-end"].example == "'happy': 3 of 6, not 4" and "prompt-order" not in found


def test_words_of_two_classes_swapped(configure):
    found = audited(configure(), spoil=spoil_words)
    assert found["prompt-order"].count == 2 and found["prompt-order"].example.startswith("'neutral' from position 3 on")
    assert found["prompt-features"].example.startswith("Neutral (cosine ")


def test_handcrafted_features_of_other_texts(configure):
    def spoil(model):
        model.handcrafted[1] = -model.handcrafted[1]
    found = audited(configure(), spoil=spoil)
    assert set(found) == {"prompt-features"} and found["prompt-features"].example == "Disgust (cosine -1.0000)"


def test_classes_with_the_same_features(configure):
    def spoil(model):
        model.handcrafted[6] = model.handcrafted[0]
    found = audited(configure(), spoil=spoil)
    assert found["classes-alike"].example == "Anger and Surprise" and found["classes-alike"].level == "error"


def test_cosines_are_told_of_pretrained_weights_only(configure, monkeypatch):
    config, labels = configure(), Labels(CAER)
    model = build_model(config, labels)
    tuned = dataclasses.replace(config, model=dataclasses.replace(config.model, clip_pretrained="openai"))
    model.handcrafted.copy_(torch.nn.functional.normalize(torch.eye(7, model.handcrafted.shape[1]) + 0.2, dim=-1))
    note = next(finding for finding in audit_prompts(tuned, model, labels) if finding.name == "class-cosines")
    cosine = model.handcrafted[0] @ model.handcrafted[1]
    assert note.level == "note" and note.count == 21 and f"{cosine:.3f} to {cosine:.3f}, {cosine:.3f}" in note.text


def test_weights_that_are_no_numbers(configure):
    def spoil(model):
        model.prompts.context[1, 0, 0] = float("nan")
    assert "prompt-not-finite" in audited(configure(), spoil=spoil)


def test_a_text_tower_that_would_learn(configure):
    def spoil(model):
        model.text_tower.text.ln_final.requires_grad_(True)
    found = audited(configure(), spoil=spoil)["text-tower-learns"]
    assert found.count == 2 and found.example.startswith("text.ln_final.weight")


def test_context_that_nothing_sees(configure):
    def spoil(model):
        model.prompts.order[:, 1:3] = 0  # start tokens in its place
    found = audited(configure(), spoil=spoil)
    assert found["context-unused"].count == 7 and "prompt-order" in found


@pytest.mark.parametrize("name, texts_of, count, example", [
    ("prompt-empty", {"Fear": ("", " ")}, 1, "Fear"),
    ("prompt-shared", {"Fear": ("sad", texts.CLASSES["Sad"][1])}, 1, "Fear and Sad: "),
    ("prompt-of-another", {"Fear": ("sad", "a"), "Sad": ("afraid", "b")}, 1, "Fear: 'sad: a' names Sad"),
    ("prompt-long", {"Fear": ("afraid", "very " * 60)}, 1, "Fear (61 words)"),
])
def test_texts(configure, monkeypatch, name, texts_of, count, example):
    monkeypatch.setattr(texts, "CLASSES", texts.CLASSES | texts_of)
    found = audited(configure("--text-type class_descriptor"))[name]
    assert found.count == count and found.example.startswith(example)
    assert found.level == ("note" if name == "prompt-long" else "error")


def test_a_template_twice(configure, monkeypatch):
    monkeypatch.setattr(texts, "ENSEMBLE", (texts.TEMPLATE, texts.TEMPLATE))
    found = audited(configure("--text-type prompt_ensemble"))
    assert found["prompt-repeated"].count == 7 and found["prompt-repeated"].level == "warning"


def test_texts_of_other_classes(configure, micro):
    config, labels = configure(), Labels(CAER)
    clip = load_clip(micro, "none", 32)
    model = VideoRecogniser(clip, class_texts(CAER[:5], "class_names"), config.model)
    finding, = audit_prompts(config, model, labels)
    assert finding.name == "prompts-not-of-classes" and errors([finding])
