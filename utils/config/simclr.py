"""Settings of SimCLR: features from clips without labels."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import tyro

from utils.config.checks import at_least, not_negative, require
from utils.config.clips import ClipDataConfig, ClipModelConfig
from utils.config.common import Config, TrainConfig

BASE_BATCH, LARGE_BATCH = 256, 1024  # of the learning rate's rule; from which LARS is needed


@dataclass(frozen=True)
class SimclrDataConfig(ClipDataConfig):
    """Where clips come from, and what two views of one differ in. Training labels are not looked at."""

    unlabelled: Path | None = None
    """Folder, searched through, of videos and images to learn from in place of the training split."""
    load_size: int = 0
    """Side of the frames that views are cut from, in pixels; 0 is --image-size."""
    window: float = 0.5
    """Share of a video that a view's frames come from; each view has a window of its own."""
    crop_scale: float = 0.2
    """Least share of a frame's area that a view shows."""
    flip: float = 0.5
    """Probability that a view is mirrored."""
    colour: float = 1.0
    """Strength s of the colour distortion: (0.8, 0.8, 0.8, 0.2) s, of probability 0.8."""
    grey: float = 0.2
    """Probability that a view loses its colours."""
    blur: float = 0.5
    """Probability that a view is blurred."""

    def __post_init__(self):
        super().__post_init__()
        require(not 0 < self.load_size < self.image_size,
                f"--load-size {self.load_size}: must not be below --image-size {self.image_size}")
        not_negative(self, "load_size")
        for name in ("window", "crop_scale"):
            value = getattr(self, name)
            require(0 < value <= 1, f"--{name.replace('_', '-')} {value}: must be in (0, 1]")
        for name in ("flip", "grey", "blur"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"--{name} {value}: must be in [0, 1]")
        require(0 <= self.colour <= 1.25, f"--colour {self.colour}: must be in [0, 1.25]")


@dataclass(frozen=True)
class SimclrModelConfig(ClipModelConfig):
    """The encoder, and the head that training compares views behind."""

    model: Literal["simclr"] = "simclr"
    """Kind of network."""
    head_layers: Literal[2, 3] = 2
    """Layers of the projection head."""
    head_width: int = 512
    """Width of its hidden layers."""

    def __post_init__(self):
        super().__post_init__()
        at_least(self, head_width=1)


@dataclass(frozen=True)
class SimclrLossConfig:
    """The objective: NT-Xent within the batch, or InfoNCE against a queue of past keys."""

    ssl: Literal["simclr", "moco"] = "simclr"
    """SimCLR, or MoCo v2."""
    projection_width: int = 128
    """Width of the projections that are compared."""
    temperature: float = 0.5
    """Temperature of NT-Xent."""
    moco_k: int = 4096
    """Length of the queue."""
    moco_m: float = 0.999
    """Momentum of the key encoder."""
    moco_t: float = 0.2
    """Temperature of the MoCo loss."""

    def __post_init__(self):
        require(0 <= self.moco_m <= 1, f"--moco-m {self.moco_m}: must be in [0, 1]")
        at_least(self, moco_k=1, projection_width=1)
        for name in ("temperature", "moco_t"):
            value = getattr(self, name)
            require(value > 0, f"--{name.replace('_', '-')} {value}: must be positive")


@dataclass(frozen=True)
class SimclrTrainConfig(TrainConfig):
    """The loop. `auto` is settled by the batch, and stands as a number in the run's config.yaml."""

    optimizer: Literal["auto", "lars", "adamw", "sgd"] = "auto"
    """LARS; AdamW; SGD with Nesterov momentum 0.9; `auto` is LARS from a batch of 1024 on, SGD below."""
    lr: float | Literal["auto"] = "auto"
    """Learning rate; `auto` is 0.3 x batch / 256, or 0.001 x batch / 256 for AdamW."""
    warmup_epochs: float = 10
    """Epochs of linear learning-rate warm-up."""
    neighbours: int = 20
    """Of the kNN probe: nearest labelled clips that vote."""

    def __post_init__(self):
        super().__post_init__()
        at_least(self, neighbours=1)


@dataclass(frozen=True)
class SimclrConfig(Config):
    """A run that learns features of clips without labels."""

    data: tyro.conf.OmitArgPrefixes[SimclrDataConfig] = field(default_factory=SimclrDataConfig)
    model: tyro.conf.OmitArgPrefixes[SimclrModelConfig] = field(default_factory=SimclrModelConfig)
    loss: tyro.conf.OmitArgPrefixes[SimclrLossConfig] = field(default_factory=SimclrLossConfig)
    train: tyro.conf.OmitArgPrefixes[SimclrTrainConfig] = field(default_factory=SimclrTrainConfig)

    def __post_init__(self):
        require(self.loss.ssl == "moco" or self.data.batch_size > 1,
                f"--batch-size {self.data.batch_size}: a clip by itself has nothing to be told from")

    def unused(self) -> dict[str, str]:
        if self.loss.ssl == "simclr":
            return self.data.unused() | dict.fromkeys(("moco_k", "moco_m", "moco_t"), "used with --ssl moco only")
        return self.data.unused() | {"temperature": "used with --ssl simclr only; MoCo's is moco_t"}

    def settled(self) -> "SimclrConfig":
        """The learning rate and the optimiser that `auto` stands for (Chen et al., 2020, appendix B.6)."""
        train, batch = self.train, self.data.batch_size
        if train.optimizer == "auto":
            train = replace(train, optimizer="lars" if batch >= LARGE_BATCH else "sgd")
        if train.lr == "auto":
            train = replace(train, lr=(1e-3 if train.optimizer == "adamw" else 0.3) * batch / BASE_BATCH)
        return replace(self, train=train)
