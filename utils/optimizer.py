"""One optimiser group for each learning rate, with and without weight decay."""

import re
from collections import defaultdict

import torch
from torch import nn

from utils.config import TrainConfig
from utils.errors import UserError

LAYER = re.compile(r"\.layers?\.(\d+)\.|\.embeddings\.")  # of the encoders of transformers


def depth_factors(names: list[str], decay: float) -> list[float]:
    """Factors on the learning rate: `decay` to the power of the number of layers above a parameter's own."""
    found = [LAYER.search(name) for name in names]
    levels = [None if match is None else int(match[1]) + 1 if match[1] else 0 for match in found]
    top = max((level for level in levels if level is not None), default=0)
    return [1.0 if level is None else decay ** (top - level) for level in levels]


def build_optimizer(config: TrainConfig, groups: dict[str, list[tuple[str, nn.Parameter]]]) -> torch.optim.Optimizer:
    """AdamW, SGD or LARS over a model's parameter groups.

    A text encoder's layers learn the slower the lower they are, by `layer_decay`. Weight decay, and LARS's adaptation
    to each layer (You et al., 2017, arXiv 1708.03888), leave out biases, norms (whatever has one axis) and prompts. A
    group with learning rate 0 is frozen: its parameters stop requiring a gradient.

    Args:
        groups: named parameters by group; group `adapter` learns at `lr_adapter`, group `` at `lr`.
    Raises:
        UserError: everything is frozen.
    """
    parts = []
    for name, parameters in groups.items():
        rate = getattr(config, f"lr_{name}" if name else "lr")
        if rate == 0:
            for _, parameter in parameters:
                parameter.requires_grad_(False)
            continue
        factors = depth_factors([key for key, _ in parameters], getattr(config, "layer_decay", 1.0))
        buckets = defaultdict(list)
        for (_, parameter), factor in zip(parameters, factors):
            buckets[factor, parameter.ndim > 1 and name != "prompt_learner"].append(parameter)
        for (factor, decays), chosen in sorted(buckets.items(), key=lambda item: item[0]):
            parts.append({"params": chosen, "name": name or "rest", "lr": rate * factor, "full_lr": rate * factor,
                          "weight_decay": config.weight_decay if decays else 0.0,
                          "always_adapt": decays})  # LARS: not only where there is weight decay
    if not parts:
        raise UserError("every learning rate is 0: nothing is left to train")
    if config.optimizer == "lars":
        from timm.optim import Lars  # seconds to import, and of no use to a text encoder

        return Lars(parts, lr=config.lr, momentum=0.9, trust_clip=False)
    if config.optimizer == "sgd":
        return _with_momenta(torch.optim.SGD(parts, lr=config.lr, momentum=0.9, nesterov=True, fused=True))
    return torch.optim.AdamW(parts, lr=config.lr, fused=True)


def _with_momenta(optimizer: torch.optim.SGD) -> torch.optim.SGD:
    """Momenta of 0, of which the first step makes what it makes of none. Else the fused kernel's are whatever lay in
    memory, and stay so if the first step is left out, as one that is not finite is."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer
