"""Settings of the video task."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from utils.config.checks import at_least, not_negative, require
from utils.config.common import Config, DataConfig, TrainConfig


@dataclass(frozen=True)
class VideoDataConfig(DataConfig):
    """Where clips come from, and how they are cut and augmented."""

    dataset: Literal["caer", "caer_s", "raer", "daisee", "fer2013", "demo"] = "caer"
    """Layout and classes of the data set."""
    target: str = "Engagement"
    """DAiSEE: the column that is learned."""
    bounding_box_face: Path | None = None
    """JSON file of face boxes."""
    bounding_box_body: Path | None = None
    """JSON file of body boxes."""
    streams: Literal["both", "face"] = "both"
    """Face and context, or the face alone."""
    missing_box: Literal["centre", "full", "error"] = "centre"
    """Face stream of a clip without a box: centre crop, full frame, or `error`, which leaves the clip out as bad."""
    centre_crop: float = 0.7
    """Side of the centre crop, as a share of the frame's shorter side."""
    box_margin: float = 0.2
    """Widening of a face box on each side, as a share of its size."""
    crop_body: bool = False
    """Context stream: cut to the body box instead of the whole frame."""
    num_segments: int = 8
    """TSN: segments that a clip is divided into."""
    duration: int = 1
    """TSN: successive frames taken from each segment."""
    image_size: int = 224
    """Side of the square frames that the network sees, in pixels."""
    augment: float = 1.0
    """Strength of the training augmentation; 0 is none."""
    random_erasing: float = 0.0
    """Probability that a patch of a training clip is erased."""
    use_weighted_sampler: bool = False
    """Draw training clips so that classes are equally likely."""
    sampler_power: float = 1.0
    """Weighted sampler: 1 makes classes equally likely, 0.5 goes half the way."""

    def __post_init__(self):
        super().__post_init__()
        require(0 < self.centre_crop <= 1, f"--centre-crop {self.centre_crop}: must be in (0, 1]")
        at_least(self, num_segments=1, duration=1, image_size=16)
        not_negative(self, "box_margin", "augment", "sampler_power")
        require(0 <= self.random_erasing <= 1, f"--random-erasing {self.random_erasing}: must be in [0, 1]")
        require(not (self.crop_body and not self.bounding_box_body),
                "--crop-body needs --bounding-box-body FILE")


@dataclass(frozen=True)
class VideoModelConfig:
    """The networks."""

    model: Literal["video"] = "video"
    """Kind of network."""
    clip_model: str = "ViT-B-16"
    """An open_clip model name, or `tiny` or `small48`, our own."""
    clip_pretrained: str = "openai"
    """A pretrained tag of open_clip, a checkpoint file, or `none` for random weights."""
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
    adapter_ratio: int = 4
    """Bottleneck of the adapter: feature width / hidden width."""
    temporal_layers: int = 1
    """Depth of the temporal transformer."""
    temporal_heads: int = 8
    """Attention heads of the temporal transformer."""
    temporal_pool: Literal["cls", "attention"] = "cls"
    """How frames become one feature: class token or attention pooling."""
    dropout: float = 0.1
    """In the adapter and the temporal transformer."""
    temperature: float = 0.01
    """Logits are cosine similarities divided by it."""
    mirror: bool = False
    """At evaluation, a clip's feature is the mean of its own and its mirror image's."""

    def __post_init__(self):
        at_least(self, contexts_number=1, adapter_ratio=1, temporal_layers=1, temporal_heads=1)
        require(0 <= self.dropout < 1, f"--dropout {self.dropout}: must be in [0, 1)")
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
