"""Whether the network holds the weights that were asked for: a file read a second time, and a few of it compared."""

from collections.abc import Callable
from pathlib import Path

import open_clip
import torch
from safetensors import safe_open
from torch import Tensor, nn

from models.torchscript import is_torchscript, read_torchscript
from utils.config import Config
from utils.findings import Finding, of_some
from utils.unpickling import read_tensors

OPENAI = "input_resolution"  # a name that OpenAI's own files hold, and no other


def audit_weights(config: Config, model: nn.Module) -> list[Finding]:
    """What is wrong with --init-from RUN, and with --clip-pretrained of a file or of OpenAI's; of clips alone."""
    run, asked = getattr(config.model, "init_from", None), getattr(config.model, "clip_pretrained", "none")
    findings = []
    if not hasattr(model, "video"):
        return findings
    if run:
        names, read = opened(Path(run, "model.safetensors"))
        findings += _compared(f"--init-from {run}", {name: name for name in names if name.startswith("video.")},
                              read, model)
    names = []
    if Path(asked).is_file():
        names, read = opened(Path(asked))
        findings += _compared(f"--clip-pretrained {asked}", {
            name: place for name in names if not ((place := _place(name)).startswith("video.") and run)},
            read, model)
    if names or asked == "openai":
        findings += _activation(asked, asked == "openai" or OPENAI in names, model, config)
    return findings


def opened(path: Path) -> tuple[list[str], Callable[[str], Tensor]]:
    """The names in a file of weights, and what reads one of them; what need not be read is not."""
    if path.suffix == ".safetensors":
        file = safe_open(path, framework="pt")
        return list(file.keys()), file.get_tensor
    if is_torchscript(path):
        weights = read_torchscript(path)
    else:
        weights = read_tensors(path, mmap=True)
        weights = weights.get("state_dict", weights)
    return list(weights), weights.__getitem__


def _place(name: str) -> str:
    """Where a tensor of CLIP's lies in our networks. Old files have the text tower's at the top."""
    name = name.removeprefix("module.")
    return f"video.{name}" if name.startswith("visual.") else f"text_tower.text.{name.removeprefix('text.')}"


def _compared(flag: str, places: dict[str, str], read: Callable[[str], Tensor],
              model: nn.Module) -> list[Finding]:
    """Matrices of either tower, the first, the middle and the last; positions may have been resized."""
    network, chosen = model.state_dict(), []
    for tower in ("video.", "text_tower."):
        held = sorted(name for name, place in places.items() if place.startswith(tower) and place in network
                      and network[place].ndim > 1 and "position" not in place)
        chosen += [held[number] for number in sorted({0, len(held) // 2, len(held) - 1})] if held else []
    lost = [name for name in chosen if not torch.equal(read(name).float(), network[places[name]].float().cpu())]
    if lost or not chosen and any(place.startswith("video.") for place in places.values()):
        return [Finding("error", "weights-not-loaded", f"{flag}: {len(lost)} of {len(chosen)} weights of it that were "
                        "looked at are not those of the network", "this is a fault of models/clip.py or "
                        "models/weights.py: report it", **of_some(lost))]
    return []


def _activation(asked: str, openai: bool, model: nn.Module, config: Config) -> list[Finding]:
    """OpenAI trained with QuickGELU; others with GELU, but where the model's name says otherwise."""
    named = open_clip.get_model_config(config.model.clip_model) or {}
    expected = "QuickGELU" if openai or named.get("quick_gelu") else "GELU"
    wrong = [name for name, part in model.named_modules() if "resblocks" in name
             and type(part).__name__ in {"QuickGELU", "GELU"} - {expected}]
    return [Finding("error", "weights-activation", f"--clip-pretrained {asked}: its weights were trained with "
                    f"{expected}, and {len(wrong)} layers have another activation", "this is a fault of "
                    "models/clip.py: report it", **of_some(wrong))] if wrong else []
