"""The two dataclasses in which data, networks, losses and the trainer meet."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor


@dataclass
class Batch:
    """Samples on their way to a network. A task leaves empty what it lacks.

    `face` and `context` are frames (B, T, 3, H, W): uint8 as loaded, float in 0..255 after mixup.
    `other_targets` and `lam` are mixup's: every label-dependent loss is
    lam * L(targets) + (1 - lam) * L(other_targets).
    `notes` counts what the loader did (which crop each clip got), `bad` lists clips left out and why.
    """

    targets: Tensor  # (B,) int64
    ids: list[str]
    face: Tensor | None = None  # (B, T, 3, H, W)
    context: Tensor | None = None  # (B, T, 3, H, W)
    other_targets: Tensor | None = None  # (B,) int64
    lam: float = 1.0
    notes: Counter = field(default_factory=Counter)
    bad: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.targets)

    def _map_tensors(self, function) -> "Batch":
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: function(v) for k, v in tensors.items() if isinstance(v, Tensor)})

    def to(self, device: torch.device) -> "Batch":
        return self._map_tensors(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        return self._map_tensors(Tensor.pin_memory)


@dataclass
class Output:
    """What a network says about a batch. A task leaves empty what it lacks.

    `key` is the momentum side: one text feature per class (C, D) when MoCo's keys are texts, one
    video feature per clip (B, D) when they are videos.
    """

    logits: Tensor | None = None  # (B, C)
    embedding: Tensor | None = None  # (B, D), unit length
    text_features: Tensor | None = None  # (C, D), unit length, learned prompts
    handcrafted: Tensor | None = None  # (C, D), unit length, frozen prompts
    key: Tensor | None = None  # (C, D) or (B, D), unit length
