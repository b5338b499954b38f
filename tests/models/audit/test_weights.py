"""Weights that were asked for: real files in their makers' layouts raise nothing, and what was not taken is named."""

import warnings
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

import models
import models.clip
import models.weights
from models import build_model
from models.audit.weights import audit_weights
from models.clip import load_clip
from tests.faults.line import replace_line
from tests.models.test_clip import IMAGES, TEXTS, old_layout, openai_state
from tests.small_simclr import configure as configure_simclr
from utils.structures import Labels

CAER = ["Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"]


def archived(path: Path) -> None:
    """OpenAI's layout: TorchScript in half precision."""
    clip = old_layout("micro", force_quick_gelu=True)
    clip.register_buffer("input_resolution", torch.tensor(32))
    for name in ("context_length", "vocab_size"):
        delattr(clip, name) if hasattr(clip, name) else None
        clip.register_buffer(name, torch.tensor(77))
    mask = clip.attn_mask
    del clip.attn_mask
    clip.attn_mask = mask  # a constant, not a buffer
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        torch.jit.trace(clip, (IMAGES[:1], open_clip.tokenize(TEXTS[:1])), check_trace=False).save(path)


FORMS = {
    "plain.pt": lambda path: torch.save(old_layout("micro").state_dict(), path),
    "custom.pt": lambda path: torch.save(old_layout("micro", force_custom_text=True).state_dict(), path),
    "old.pt": lambda path: torch.save(old_layout("micro").state_dict(), path, _use_new_zipfile_serialization=False),
    "wrapped.pt": lambda path: torch.save({"epoch": 3, "state_dict": {
        f"module.{name}": value for name, value in old_layout("micro").state_dict().items()}}, path),
    "openai.pt": lambda path: torch.save(openai_state(old_layout("micro")), path),
    "archive.pt": archived,
    "w.safetensors": lambda path: save_file({
        name: value.contiguous() for name, value in old_layout("micro").state_dict().items()}, path),
}


def audited(config) -> dict:
    state = torch.get_rng_state()
    model = build_model(config, Labels(CAER))
    torch.set_rng_state(state)
    found = {finding.name: finding for finding in audit_weights(config, model)}
    assert torch.equal(torch.get_rng_state(), state)
    return found


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("flags", ["", "--image-size 64"])
def test_every_kind_of_file_that_is_taken_is_found(micro, configure, simclr_recipe, tmp_path, name, flags):
    FORMS[name](tmp_path / name)
    flags = f"--clip-pretrained {tmp_path / name} {flags}"
    assert audited(configure(flags)) == {}
    assert audited(configure_simclr(simclr_recipe, flags)) == {}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_that_is_not_taken(micro, configure, simclr_recipe, tmp_path, monkeypatch, name):
    FORMS[name](tmp_path / name)
    replace_line(models.clip._from_file, "clip.load_state_dict(weights)", "clip.state_dict().update(weights)",
                 monkeypatch)
    for config, looked in ((configure(f"--clip-pretrained {tmp_path / name}"), 6),
                           (configure_simclr(simclr_recipe, f"--clip-pretrained {tmp_path / name}"), 3)):
        finding = audited(config)["weights-not-loaded"]
        assert finding.level == "error" and f"{name}: {looked} of {looked} weights" in finding.text


def test_a_text_tower_that_is_not_taken(micro, configure, tmp_path, monkeypatch):
    FORMS["plain.pt"](tmp_path / "plain.pt")
    replace_line(models.clip._from_file, "clip.load_state_dict(weights)", "clip.load_state_dict({"
                 "k: v for k, v in weights.items() if k.startswith('visual')}, strict=False)", monkeypatch)
    finding = audited(configure(f"--clip-pretrained {tmp_path / 'plain.pt'}"))["weights-not-loaded"]
    assert finding.count == 3 and "3 of 6" in finding.text


@pytest.mark.parametrize("name", ["plain.pt", "openai.pt", "archive.pt"])
def test_another_activation_than_the_files(micro, configure, simclr_recipe, tmp_path, monkeypatch, name):
    FORMS[name](tmp_path / name)
    replace_line(models.clip._from_file, "= all(key in", "= not all(key in", monkeypatch)
    flags = f"--clip-pretrained {tmp_path / name}"
    found = audited(configure(flags))
    assert set(found) == {"weights-activation"} and found["weights-activation"].count == 3  # one layer and two
    assert f"trained with {'GELU' if name == 'plain.pt' else 'QuickGELU'}," in found["weights-activation"].text
    assert audited(configure_simclr(simclr_recipe, flags))["weights-activation"].count == 1


@pytest.mark.parametrize("quick", [False, True])
def test_a_model_whose_name_says_quick_gelu(micro, configure, monkeypatch, tmp_path, quick):
    """Its file is open_clip's own, and has none of OpenAI's names."""
    FORMS["plain.pt"](tmp_path / "plain.pt")
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: {"quick_gelu": True})
    replace_line(models.clip._from_file, "force_quick_gelu=quick_gelu", f"force_quick_gelu={quick}", monkeypatch)
    found = audited(configure(f"--clip-pretrained {tmp_path / 'plain.pt'}"))
    assert set(found) == (set() if quick else {"weights-activation"})


@pytest.mark.parametrize("quick", [False, True])
def test_openais_tag_means_quick_gelu(micro, configure, monkeypatch, quick):
    monkeypatch.setattr(models.clip, "load_clip", lambda name, tag, side, gelu: load_clip(name, "none", side, quick))
    assert set(audited(configure("--clip-pretrained openai"))) == (set() if quick else {"weights-activation"})


@pytest.mark.parametrize("flags", ["", "--clip-pretrained FILE"])
def test_a_run_that_is_started_from(micro, configure, simclr_recipe, simclr_run, tmp_path, monkeypatch, flags):
    """Its encoder takes the place of the file's, whose text tower stays."""
    FORMS["plain.pt"](tmp_path / "plain.pt")
    flags = f"--init-from {simclr_run} {flags.replace('FILE', str(tmp_path / 'plain.pt'))}"
    configs = configure(flags), configure_simclr(simclr_recipe, flags)
    assert [audited(config) for config in configs] == [{}, {}]
    replace_line(models.weights.load_part, ".load_state_dict(of_part)", ".state_dict().update(of_part)", monkeypatch)
    for config in configs:
        finding = audited(config)["weights-not-loaded"]
        assert finding.level == "error" and "--init-from" in finding.text and "of 3 weights" in finding.text


def test_random_weights_and_networks_without_an_encoder_of_clips(micro, configure):
    assert audited(configure()) == {}
    assert audit_weights(configure("--clip-pretrained openai"), torch.nn.Linear(2, 2)) == []
