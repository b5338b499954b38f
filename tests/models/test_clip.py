"""Every checkpoint here is a real file, in the layout that its makers write."""

import os
import pickle
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.clip import load_clip, read_weights
from utils.errors import UserError

IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 4 - 2
TEXTS = ["a dog", "the face of an angry person"]


def features(clip: nn.Module, images: Tensor = IMAGES) -> Tensor:
    with torch.no_grad():
        return torch.cat([clip.eval().encode_image(images), clip.encode_text(open_clip.tokenize(TEXTS))])


def old_layout(name: str, **options) -> nn.Module:
    """An open_clip model with the text tower's parameters at the top, as in OpenAI's files."""
    torch.manual_seed(1)
    clip = open_clip.create_model(name, **options).eval()
    # Larger than at the start, so that the activation function shows in the features.
    for key, parameter in clip.named_parameters():
        if "mlp.c_" in key and key.endswith("weight"):
            nn.init.normal_(parameter, std=0.5)
    return clip


def openai_state(clip: nn.Module) -> dict[str, Tensor]:
    sizes = {"input_resolution": 32, "context_length": 77, "vocab_size": 49408}
    return {k: v.half() for k, v in clip.state_dict().items()} | {k: torch.tensor(v) for k, v in sizes.items()}


@pytest.mark.parametrize("name", ["micro", "micro_bn"])
def test_random_weights(micro, name):
    torch.manual_seed(0)
    clip = load_clip(name, "none", 32)
    assert features(clip).shape == (5, 32)
    assert {p.dtype for p in clip.parameters()} == {torch.float32}
    torch.manual_seed(1)
    assert not torch.allclose(features(clip), features(load_clip(name, "none", 32)))


@pytest.mark.parametrize("name", ["micro", "micro_bn"])
@pytest.mark.parametrize("form", ["safetensors", "plain", "wrapped", "custom text"])
def test_a_checkpoint_gives_the_features_it_was_saved_with(micro, tmp_path, name, form):
    clip = old_layout(name, force_custom_text=form == "custom text")
    if form == "safetensors":
        path = tmp_path / "w.safetensors"
        save_file({k: v.contiguous() for k, v in clip.state_dict().items()}, path)
    else:
        path, weights = tmp_path / "w.pt", clip.state_dict()
        if form == "wrapped":
            weights = {"epoch": 3, "name": "x", "state_dict": {"module." + k: v for k, v in weights.items()}}
        torch.save(weights, path)
    assert torch.allclose(features(load_clip(name, str(path), 32)), features(clip), atol=1e-6)


def test_openai_state_dict_means_quick_gelu(micro, tmp_path):
    torch.save(openai_state(old_layout("micro")), tmp_path / "openai.pt")
    loaded = features(load_clip("micro", str(tmp_path / "openai.pt"), 32))
    half = {k: v.half().float() for k, v in old_layout("micro").state_dict().items()}
    quick, plain = old_layout("micro", force_quick_gelu=True), old_layout("micro")
    quick.load_state_dict(half)
    plain.load_state_dict(half)
    assert torch.allclose(loaded, features(quick), atol=1e-5)
    assert not torch.allclose(loaded, features(plain), atol=1e-3)
    assert loaded.dtype == torch.float32


def test_openai_torchscript_archive(micro, tmp_path):
    clip = old_layout("micro", force_quick_gelu=True)
    for key, size in (("input_resolution", 32), ("context_length", 77), ("vocab_size", 49408)):
        if hasattr(clip, key):
            delattr(clip, key)
        clip.register_buffer(key, torch.tensor(size))
    mask = clip.attn_mask
    del clip.attn_mask
    clip.attn_mask = mask  # a constant, as in OpenAI's archives, not a buffer
    with torch.no_grad():
        archive = torch.jit.trace(clip, (IMAGES[:1], open_clip.tokenize(TEXTS[:1])), check_trace=False)
    archive.save(tmp_path / "openai.pt")
    assert "input_resolution" in read_weights(tmp_path / "openai.pt")
    assert torch.allclose(features(load_clip("micro", str(tmp_path / "openai.pt"), 32)), features(clip), atol=1e-6)


@pytest.mark.parametrize("half", [False, True])
def test_another_image_size_resizes_the_position_embedding(micro, tmp_path, half):
    clip = old_layout("micro")
    torch.save(openai_state(clip) if half else clip.state_dict(), tmp_path / "w.pt")
    loaded = load_clip("micro", str(tmp_path / "w.pt"), 64)
    assert loaded.visual.positional_embedding.shape == (1 + 4 * 4, 32)
    atol = 1e-3 if half else 1e-6
    before, after = clip.visual.positional_embedding.detach(), loaded.visual.positional_embedding.detach()
    assert torch.allclose(after[0], before[0], atol=atol)
    # Bicubic interpolation keeps the mean of a grid whose size doubles, and its corners' order.
    assert torch.allclose(after[1:].mean(0), before[1:].mean(0), atol=0.02)
    corner = (after[1:].view(4, 4, -1)[::3, ::3] - before[1:].view(2, 2, -1)).norm()
    assert corner < 0.5 * before[1:].norm()
    assert features(loaded, torch.rand(1, 3, 64, 64)).shape == (3, 32)


def test_a_checkpoint_of_another_model(micro, tmp_path):
    torch.save(old_layout("micro_bn").state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"w.pt: does not fit micro: ") as error:
        load_clip("micro", str(tmp_path / "w.pt"), 32)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


class Hostile:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_hostile_pickle_is_refused_and_not_run(micro, tmp_path, write):
    write({"state_dict": Hostile(tmp_path / "made")}, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"w.pt: cannot be read as a checkpoint"):
        load_clip("micro", str(tmp_path / "w.pt"), 32)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_checkpoint(micro, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: cannot be read as a checkpoint") as error:
        load_clip("micro", str(tmp_path / name), 32)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [torch.zeros(3), [1, 2], {"state_dict": [1]}, {1: 2}])
def test_a_file_of_something_else(micro, tmp_path, value):
    torch.save(value, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"w.pt: cannot be read as a checkpoint"):
        load_clip("micro", str(tmp_path / "w.pt"), 32)


@pytest.mark.parametrize("name", ["ViT-B-32", "convnext_base"])
def test_pictures_too_small_for_the_tower(name):
    with pytest.raises(UserError, match=f"--image-size 20: {name} cannot see pictures of that size"):
        load_clip(name, "none", 20)


def test_neither_a_file_nor_a_tag():
    with pytest.raises(UserError, match=r"gone.pt: neither a file nor a tag of ViT-B-32 \(none, openai, "):
        load_clip("ViT-B-32", "gone.pt", 224)


@pytest.mark.parametrize("name, nearest", [("ViT-B/32", "ViT-B-32"), ("tinny", "tiny"), ("hf-hub:some/model", ""),
                                           ("local-dir:gone", ""), ("a:b", "")])
def test_an_unknown_model_names_the_nearest(name, nearest):
    with pytest.raises(UserError, match=rf"--clip-model {name}: no such model; nearest are .*{nearest}"):
        load_clip(name, "none", 224)


def test_a_tag_without_a_network(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"--clip-pretrained openai: .*download it elsewhere") as error:
        load_clip("ViT-B-32", "openai", 224)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["micro", "ViT-B-32-quickgelu"])
def test_no_copy_of_a_layers_weights_is_made_in_the_backward_pass(micro, name):
    """Of tokens in the order (N, L, W) torch multiplies each of the N by a copy: one batched product a layer."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Batched(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            if operation is torch.ops.aten.bmm.default:
                shapes.append(tuple(args[1].shape))
            return operation(*args, **(kwargs or {}))

    clip, shapes = load_clip(name, "none", 32), []
    with Batched():
        clip.text(torch.randint(1, 400, (3, 77))).sum().backward()
    assert [shape for shape in shapes if shape[0] == 3 and shape[1] > 77] == []
