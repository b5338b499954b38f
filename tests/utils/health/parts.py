"""Small parts of a training, for the watches to look at."""

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from utils.config import VideoConfig, VideoDataConfig, VideoLossConfig, VideoTrainConfig
from utils.findings import Finding
from utils.health import Step, Watch, Watched
from utils.objective import LossReport
from utils.precision import Precision
from utils.structures import Batch, Labels, Output

FLOAT32 = Precision(None, False, "")


def video(**settings) -> VideoConfig:
    """Settings by name, wherever they belong."""
    parts = {}
    for name, kind in (("data", VideoDataConfig), ("loss", VideoLossConfig), ("train", VideoTrainConfig)):
        own = {key: value for key, value in settings.items() if key in kind.__dataclass_fields__}
        parts[name] = kind(**own)
    return VideoConfig(**parts)


@dataclass
class Order:
    """As dataloaders' in what is read of it."""

    visits: list[int]
    batches: int = 1

    def __len__(self) -> int:
        return self.batches


@dataclass
class Listed:
    ids: list[str]
    targets: Tensor
    order: Order = field(default=None)

    def __post_init__(self):
        self.order = self.order or Order(list(range(len(self.ids))))


def listed(*labels: int, **order) -> Listed:
    """Clips a, b, c, and so on."""
    ids = [chr(ord("a") + place) if len(labels) < 26 else f"{place}" for place in range(len(labels))]
    return Listed(ids, torch.tensor(labels), Order(list(range(len(labels))), **order))


def parts(config=None, model: nn.Module | None = None, objective: nn.Module | None = None, loaders: dict | None = None,
          classes: str = "xyz", averaged: nn.Module | None = None, precision: Precision = FLOAT32,
          **optimizer) -> Watched:
    config, model = config or video(), model or nn.Linear(2, 3)
    chosen = [p for p in model.parameters() if p.requires_grad]
    group = {"params": chosen, "name": "rest", "full_lr": optimizer.get("lr", 0.1)}
    return Watched(config, Labels(list(classes)), model, averaged, objective or nn.Identity(),
                   torch.optim.SGD([group], **{"lr": 0.1} | optimizer), precision, loaders or {})


def step(batch: Batch | None = None, output: Output | None = None, parts: dict | None = None,
         weights: dict | None = None, epoch: float = 0.0, loaded: Batch | None = None, stats: dict | None = None,
         total: Tensor | None = None) -> Step:
    values = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in (parts or {}).items()}
    weights = dict.fromkeys(values, 1.0) if weights is None else weights
    total = sum(values.values(), torch.zeros(())) if total is None else total
    batch = batch or clips([0, 1])
    return Step(loaded or batch, batch, output or Output(), LossReport(total, values, weights, stats or {}), epoch)


def forward(watch: Watch, step: Step, norm: float = 1.0) -> None:
    """And backward: with another norm than a finite one the step is left out."""
    watch.forward(step)
    watch.gradients(torch.tensor(norm))


def clips(labels: list[int], **more) -> Batch:
    return Batch(torch.tensor(labels), [chr(ord("a") + place) for place in range(len(labels))], **more)


def close(watch: Watch, epoch: int = 1, row: dict | None = None) -> list[Finding]:
    return list(watch.close(epoch, {} if row is None else row))


def names(findings: list[Finding]) -> list[str]:
    return [finding.name for finding in findings]


def reborn(watch: Watch) -> Watch:
    """As of a checkpoint: a new one that knows what the old one has seen."""
    new = type(watch)(watch.watched)
    new.seen = copy.deepcopy(watch.seen)
    return new
