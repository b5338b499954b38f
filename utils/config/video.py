"""Settings of the video task."""

from dataclasses import dataclass, field
from typing import Literal

import tyro

from utils.config.checks import at_least, not_negative, require
from utils.config.clips import ClipDataConfig, ClipModelConfig
from utils.config.common import Config, TrainConfig


@dataclass(frozen=True)
class VideoDataConfig(ClipDataConfig):
    """How training clips are augmented and drawn."""

    augment: float = 1.0
    """Strength of the training augmentation; 0 is none."""
    random_erasing: float = 0.0
    """Probability that a patch of a training clip is erased."""
    use_weighted_sampler: bool = False
    """Draw training clips so that classes are equally likely."""
    sampler_power: float = 1.0
    """Weighted sampler: 1 makes classes equally likely, 0.5 goes half the way."""
    cache_features: bool = False
    """With a frozen image tower: its features of each clip, as evaluation sees it, are made once; mixup blends them."""

    def __post_init__(self):
        super().__post_init__()
        not_negative(self, "augment", "sampler_power")
        require(0 <= self.random_erasing <= 1, f"--random-erasing {self.random_erasing}: must be in [0, 1]")


@dataclass(frozen=True)
class VideoModelConfig(ClipModelConfig):
    """The prompts, and how clips are compared with them."""

    model: Literal["video"] = "video"
    """Kind of network."""
    text_type: Literal["class_names", "class_names_with_context", "class_descriptor", "prompt_ensemble"] = (
        "class_descriptor"
    )
    """What the prompts say about a class."""
    contexts_number: int = 8
    """Learnable context tokens in a prompt."""
    class_token_position: Literal["end", "middle", "front"] = "end"
    """Where the class text stands among the context tokens."""
    class_specific_contexts: bool = True
    """Own context tokens for every class, or one set shared by all."""
    contexts_init: str = ""
    """Words that the context tokens start from; random if empty."""
    temperature: float = 0.01
    """Logits are cosine similarities divided by it."""
    mirror: bool = False
    """At evaluation, a clip's feature is the mean of its own and its mirror image's."""

    def __post_init__(self):
        super().__post_init__()
        at_least(self, contexts_number=1)
        require(self.temperature > 0, f"--temperature {self.temperature}: must be positive")


@dataclass(frozen=True)
class VideoLossConfig:
    """The objective. Warm-ups and ramps are in epochs."""

    label_smoothing: float = 0.05
    """LSR2's epsilon; 0 is plain cross entropy."""
    use_ldl: bool = True
    """After its warm-up, SemanticLDL takes the place of LSR2."""
    ldl_warmup: float = 5
    """Epochs of LSR2 before SemanticLDL."""
    ldl_temperature: float | Literal["auto"] = "auto"
    """Temperature of the target distributions; `auto` solves it for --ldl-target-mass."""
    ldl_target_mass: float = 0.7
    """Mean probability that the targets give the true class, for `auto`."""
    ldl_features: Literal["handcrafted", "learned"] = "handcrafted"
    """Text features whose similarities make the target distributions."""
    lambda_mi: float = 0.1
    """Weight of the mutual information loss; 0 is off."""
    mi_warmup: float = 0
    """Epochs before MI sets in."""
    mi_ramp: float = 5
    """Epochs over which MI grows to its weight."""
    lambda_dc: float = 0.1
    """Weight of the decorrelation loss; 0 is off."""
    dc_warmup: float = 0
    """Epochs before DC sets in."""
    dc_ramp: float = 5
    """Epochs over which DC grows to its weight."""
    dc_rows: int = 0
    """Past features that join a batch in DC's correlation matrix."""
    use_moco: bool = True
    """Contrast videos with a queue of past features."""
    lambda_moco: float = 1.0
    """Weight of the MoCo loss."""
    moco_k: int = 4096
    """Length of the queue."""
    moco_m: float = 0.999
    """Momentum of the key encoder."""
    moco_t: float = 0.07
    """Temperature of the MoCo loss."""
    moco_keys: Literal["text", "video"] = "text"
    """What the momentum side encodes: the class's text, or the same frames of the video."""
    mixup_alpha: float = 0.2
    """Mixup's Beta parameter; 0 is off."""

    def __post_init__(self):
        require(0 <= self.label_smoothing < 1, f"--label-smoothing {self.label_smoothing}: must be in [0, 1)")
        require(0 <= self.moco_m <= 1, f"--moco-m {self.moco_m}: must be in [0, 1]")
        at_least(self, moco_k=1)
        require(self.moco_t > 0, f"--moco-t {self.moco_t}: must be positive")
        not_negative(self, "ldl_warmup", "lambda_mi", "mi_warmup", "mi_ramp", "lambda_dc", "dc_warmup", "dc_ramp",
                     "dc_rows", "lambda_moco", "mixup_alpha")
        mass = self.ldl_target_mass
        require(0 < mass < 1, f"--ldl-target-mass {mass}: must be between 0 and 1")
        temperature = self.ldl_temperature
        require(temperature == "auto" or temperature > 0, f"--ldl-temperature {temperature}: must be positive")


@dataclass(frozen=True)
class VideoTrainConfig(TrainConfig):
    """The loop, and the learning rates of a recogniser's parts."""

    lr_image_encoder: float = 1e-5
    """Learning rate of CLIP's image encoder; 0 freezes it."""
    lr_prompt_learner: float = 1e-3
    """Learning rate of the prompt contexts; 0 freezes them."""
    lr_adapter: float = 1e-4
    """Learning rate of the adapter; 0 freezes it."""


@dataclass(frozen=True)
class VideoConfig(Config):
    """A run that learns to recognise emotion in clips."""

    data: tyro.conf.OmitArgPrefixes[VideoDataConfig] = field(default_factory=VideoDataConfig)
    model: tyro.conf.OmitArgPrefixes[VideoModelConfig] = field(default_factory=VideoModelConfig)
    loss: tyro.conf.OmitArgPrefixes[VideoLossConfig] = field(default_factory=VideoLossConfig)
    train: tyro.conf.OmitArgPrefixes[VideoTrainConfig] = field(default_factory=VideoTrainConfig)

    def __post_init__(self):
        if self.data.cache_features:
            moving = {"--lr-image-encoder": self.train.lr_image_encoder, "--augment": self.data.augment,
                      "--random-erasing": self.data.random_erasing}
            wrong = [f"{name} {value:g}" for name, value in moving.items() if value]
            require(not wrong, "--cache-features: what the network sees of a clip must be the same in every epoch, and "
                    f"is not with {', '.join(wrong)}; set to 0")
            require(not self.model.mirror, "--cache-features: features have no mirror image; take --no-mirror")

    def unused(self) -> dict[str, str]:
        return self.data.unused()
