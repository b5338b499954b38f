"""CLIP from open_clip: any of its models, its pretrained tags, or a checkpoint on disk."""

import difflib
import logging
import pickle
from pathlib import Path

import open_clip
import torch
from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed, resize_text_pos_embed
from open_clip.transformer import QuickGELU, Transformer
from torch import Tensor, nn

from models.torchscript import is_torchscript, read_torchscript
from models.towers import TimmTower  # the import registers our own image towers with timm, too
from utils.errors import UserError, first_line
from utils.unpickling import read_tensors

log = logging.getLogger("camxuc")

open_clip.add_model_config(Path(__file__).parent / "clip_configs")

# Only OpenAI's own files hold these, and only OpenAI trained with QuickGELU.
OPENAI_KEYS = ("input_resolution", "context_length", "vocab_size")


def load_clip(name: str, pretrained: str, image_size: int, quick_gelu: bool = False) -> nn.Module:
    """An open_clip model with its text tower in `.text` and its image tower in `.visual`, in float32.

    Args:
        name: an open_clip model name, e.g. ViT-B-16, one of models/clip_configs, or timm/ and a model of timm.
        pretrained: an open_clip tag, a checkpoint file (open_clip's, safetensors, or OpenAI's .pt, as
            TorchScript or as state dict), or "none" for random weights. For timm/: "timm" for its weights, or "none".
        image_size: side of the input in pixels; a ViT's position embedding is resized to it.
        quick_gelu: OpenAI's activation, for random weights; pretrained ones say it themselves.
    Raises:
        UserError: unknown name or tag, too small an image, a missing, foreign or unreadable file, a failed download.
    """
    if name.startswith("timm/"):
        return _around_timm(name, pretrained, image_size)
    if name not in (known := open_clip.list_models()):
        nearest = ", ".join(difflib.get_close_matches(name, known, cutoff=0))
        raise UserError(f"--clip-model {name}: no such model; nearest are {nearest}; "
                        "`open_clip.list_models()` lists all")
    if pretrained == "none":
        return _create(name, image_size, force_quick_gelu=quick_gelu)
    if Path(pretrained).is_file():
        return _from_file(name, Path(pretrained), image_size)
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained not in tags:
        known = ", ".join(["none", *tags])
        raise UserError(f"--clip-pretrained {pretrained}: neither a file nor a tag of {name} ({known})")
    quick_gelu = open_clip.get_pretrained_cfg(name, pretrained).get("quick_gelu", False)
    log.info("%s: weights `%s`, from the cache or the network", name, pretrained)
    try:
        return _create(name, image_size, pretrained=pretrained, force_quick_gelu=quick_gelu)
    except RuntimeError as error:
        raise UserError(f"--clip-pretrained {pretrained}: cannot be had ({first_line(error)[:100]}...); download it "
                        "elsewhere and pass the file, or pass `none`") from None


def _create(name: str, image_size: int, **options) -> nn.Module:
    logging.disable(logging.ERROR)  # open_clip tells every step of its search, the hub every retry
    try:
        # force_custom_text gives every model the same layout.
        clip = open_clip.create_model(name, force_custom_text=True, force_image_size=image_size, **options)
    finally:
        logging.disable(logging.NOTSET)
    return _seeing(_positions_first(clip), name, image_size)


def _positions_first(clip: nn.Module) -> nn.Module:
    """Tokens in the order (L, N, W), as in OpenAI's code.

    Of (N, L, W) torch's attention makes views with gaps, and then copies a layer's weights for each of the N in the
    backward pass.
    """
    for transformer in (module for module in clip.modules() if type(module) is Transformer):
        for module in transformer.modules():
            if hasattr(module, "batch_first"):
                module.batch_first = False
    return clip


def _seeing(clip: nn.Module, name: str, image_size: int) -> nn.Module:
    try:
        with torch.no_grad():
            clip.visual.eval()(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError) as error:  # timm asserts
        raise UserError(f"--image-size {image_size}: {name} cannot see pictures of that size: "
                        f"{first_line(error)}") from None
    return clip


def _around_timm(name: str, pretrained: str, image_size: int) -> nn.Module:
    """One of timm's towers beside the untrained text tower of small48."""
    if pretrained not in ("timm", "none"):
        raise UserError(f"--clip-pretrained {pretrained}: {name} takes `timm`, for timm's weights, or `none`")
    clip = _create("small48", 48)
    try:
        clip.visual = TimmTower(name.removeprefix("timm/"), clip.text.text_projection.shape[1], image_size,
                                pretrained == "timm")
    except Exception as error:  # timm's, torch's and the hub's are of many kinds; all mean the same to the user
        raise UserError(f"--clip-model {name}: cannot be had: {first_line(error)[:160]}") from None
    return _seeing(clip, name, image_size)


def has_quick_gelu(clip: nn.Module) -> bool:
    return any(isinstance(module, QuickGELU) for module in clip.modules())


def _from_file(name: str, path: Path, image_size: int) -> nn.Module:
    weights = read_weights(path)
    quick_gelu = all(key in weights for key in OPENAI_KEYS)
    clip = _create(name, image_size, force_quick_gelu=quick_gelu)
    # OpenAI's are fp16, in which a position embedding cannot be resized on a CPU.
    weights = {k: v.float() for k, v in weights.items() if k not in OPENAI_KEYS and isinstance(v, Tensor)}
    weights = convert_to_custom_text_state_dict(weights)
    try:
        resize_pos_embed(weights, clip)
        resize_text_pos_embed(weights, clip)
        clip.load_state_dict(weights)
    except (RuntimeError, KeyError) as error:
        reason = " ".join(str(error).splitlines()[1:2] or [first_line(error)]).strip()
        raise UserError(f"--clip-pretrained {path}: does not fit {name}: {reason[:160]}") from None
    return clip


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in a checkpoint file. Nothing is unpickled but tensors, and no program in it is run.

    Raises:
        UserError: the file is not a checkpoint, or holds more than tensors and plain values.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        if is_torchscript(path):
            return read_torchscript(path)
        weights = read_tensors(path)
        if not isinstance(weights, dict):
            raise TypeError(f"holds a {type(weights).__name__}, not weights by name")
        return {name.removeprefix("module."): value for name, value in weights.get("state_dict", weights).items()}
    except pickle.UnpicklingError:  # torch's text advises to unpickle it
        raise UserError(f"{path}: cannot be read as a checkpoint: holds more than tensors and plain values") from None
    except Exception as error:  # every reader has its own errors; all mean the same to the user
        raise UserError(f"{path}: cannot be read as a checkpoint: {first_line(error)}") from None
