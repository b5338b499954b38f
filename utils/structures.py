"""The dataclasses in which data, networks, losses and the trainer meet."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

# Targets of an aspect; a sentiment's number is 0 or more.
NOT_MENTIONED, NO_POLARITY = -1, -2


@dataclass(frozen=True)
class Labels:
    """What a task decides.

    `classes` is what one decision chooses among, in label order. A review gets one decision for each of
    `aspects`, a clip just one; those in `unrated` are only mentioned or not. `counts` are the training cells of
    each class, as often as they are drawn.
    """

    classes: list[str]
    aspects: list[str] = field(default_factory=list)
    unrated: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


class Tensors:
    """A dataclass, some of whose fields are tensors."""

    def map_tensors(self, function):
        """Itself, with what the function makes of each of its tensors."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: function(v) for k, v in tensors.items() if isinstance(v, Tensor)})


@dataclass
class Batch(Tensors):
    """Samples on their way to a network. A task leaves empty what it lacks.

    `targets` of clips are class numbers; of reviews (B, A) a sentiment's number, NOT_MENTIONED or
    NO_POLARITY (mentioned, without one).
    `face` and `context` are frames: uint8 as loaded, float in 0..255 after mixup. Where views of a clip are to be
    compared they hold two, (B, 2, T, 3, H, W), and `targets` are the clips' numbers. Of a frozen image tower they may
    hold its features, (B, T, D).
    `tokens` are padded on the right, where `mask` is 0.
    `other_targets` and `lam` are mixup's: every label-dependent loss is
    lam * L(targets) + (1 - lam) * L(other_targets).
    `notes` counts what the loader did (which crop each clip got), `bad` lists clips left out and why.
    Where several processes share a batch, `shares` are the rows of each; `face`, `context`, `tokens` and `mask` hold
    this one's own, and all else is of the whole batch, B rows.
    """

    targets: Tensor  # (B,) or (B, A) int64
    ids: list[str]
    face: Tensor | None = None  # (B, T, 3, H, W), or (B, T, D)
    context: Tensor | None = None  # the same
    tokens: Tensor | None = None  # (B, L) int64
    mask: Tensor | None = None  # (B, L) int64
    other_targets: Tensor | None = None  # (B,) int64
    lam: float = 1.0
    notes: Counter = field(default_factory=Counter)
    bad: list[tuple[str, str]] = field(default_factory=list)
    shares: list[int] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def row(self, place: int) -> "Batch":
        """One sample, as a batch."""
        alone = self.map_tensors(lambda tensor: tensor[place : place + 1])
        return replace(alone, ids=self.ids[place : place + 1])

    def to(self, device: torch.device) -> "Batch":
        return self.map_tensors(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        return self.map_tensors(Tensor.pin_memory)


@dataclass
class Output(Tensors):
    """What a network says about a batch, of all its rows wherever they lie. A task leaves empty what it lacks.

    `key` is the momentum side: one text feature per class (C, D) when MoCo's keys are texts, one
    video feature per clip (B, D) when they are videos.
    """

    logits: Tensor | None = None  # (B, C), or (B, A, S) of reviews
    embedding: Tensor | None = None  # (B, D); of clips of unit length
    mention: Tensor | None = None  # (B, A), logits of an aspect being mentioned
    projection: Tensor | None = None  # (B, P), in training only
    text_features: Tensor | None = None  # (C, D), unit length, learned prompts
    handcrafted: Tensor | None = None  # (C, D), unit length, frozen prompts
    key: Tensor | None = None  # (C, D) or (B, D), unit length; (B, P) of second views
