"""One optimiser group for each learning rate, with and without weight decay."""

import torch
from torch import nn

from utils.config import TrainConfig
from utils.errors import UserError


def build_optimizer(config: TrainConfig, groups: dict[str, list[tuple[str, nn.Parameter]]]) -> torch.optim.Optimizer:
    """AdamW or SGD over a model's parameter groups.

    Args:
        groups: named parameters by group; group `adapter` learns at `lr_adapter`, group `` at `lr`.
    Weight decay leaves out biases, norms (whatever has one axis) and prompts. A group with learning rate 0
    is frozen: its parameters stop requiring a gradient.
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
        decayed = [p for _, p in parameters if p.ndim > 1 and name != "prompt_learner"]
        plain = [p for _, p in parameters if p.ndim <= 1 or name == "prompt_learner"]
        for chosen, decay in ((decayed, config.weight_decay), (plain, 0.0)):
            if chosen:
                parts.append({"params": chosen, "name": name or "rest", "lr": rate, "full_lr": rate,
                              "weight_decay": decay})
    if not parts:
        raise UserError("every learning rate is 0: nothing is left to train")
    if config.optimizer == "sgd":
        return torch.optim.SGD(parts, lr=config.lr, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(parts, lr=config.lr)
