"""Settings of the text task: the sentiment of each aspect that a review mentions."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import tyro

from utils.config.checks import at_least, flag, not_negative, require
from utils.config.common import Config, DataConfig, TrainConfig


@dataclass(frozen=True)
class TextDataConfig(DataConfig):
    """Where reviews come from, and how they become tokens."""

    dataset: Literal["reviews", "demo_reviews"] = "reviews"
    """Tables of reviews, or our own generated ones."""
    benchmark: str = ""
    """Name of the public data set, looked for in the encoder's card: one tuned on it scores too well."""
    text_column: str = "auto"
    """Column of a table that holds the text; `auto` finds it."""
    aspects: tuple[str, ...] = ()
    """The aspects; if none are given, those of the training split."""
    sentiments: tuple[str, ...] = ()
    """The sentiments; if none are given, those of the training split."""
    num_workers: int = 0
    """Loader processes; tokens need none."""
    max_tokens: int = 256
    """Tokens after which a review is cut off; how many are is counted."""
    oversample: float = 0.0
    """Repeat training reviews by (most frequent / own rarest sentiment)^this; 0 is off, 1 evens them out."""

    def __post_init__(self):
        super().__post_init__()
        at_least(self, max_tokens=8)
        require(0 <= self.oversample <= 1, f"--oversample {self.oversample}: must be in [0, 1]")
        for name in ("aspects", "sentiments"):
            names = getattr(self, name)
            require(len(set(names)) == len(names), f"{flag(name)} {' '.join(names)}: a name stands there twice")


@dataclass(frozen=True)
class TextModelConfig:
    """The encoder and its heads."""

    model: Literal["text"] = "text"
    """Kind of network."""
    encoder: str = "uitnlp/visobert"
    """Folder or hub name of a BERT-like encoder, or `tiny`, our own: untrained, with a tokenizer made on the spot."""
    vocab_size: int = 2000
    """Tokens of the tokenizer that `--encoder tiny` is given."""
    prefix: str = ""
    """Put before every review, as an encoder may ask for: e5's is `query: `."""
    pooling: Literal["cls", "mean", "aspect"] = "cls"
    """How the last hidden states become a vector: the first, their mean, or an attention query for each aspect."""
    mention_threshold: float = 0.5
    """Probability from which an aspect counts as mentioned."""
    head_width: int = 512
    """Width of the sentiment head's hidden layer."""
    projection_width: int = 256
    """Width of the projection that the contrastive loss compares."""
    dropout: float = 0.1
    """In the heads."""

    def __post_init__(self):
        at_least(self, vocab_size=100, head_width=1, projection_width=1)
        require(0 <= self.dropout < 1, f"--dropout {self.dropout}: must be in [0, 1)")
        threshold = self.mention_threshold
        require(0 < threshold < 1, f"--mention-threshold {threshold}: must be between 0 and 1")


@dataclass(frozen=True)
class TextLossConfig:
    """The objective: classification_weight * classification + contrastive_weight * SupCon + mention_weight * BCE."""

    loss_type: Literal["focal", "ghm", "unified", "ce"] = "focal"
    """The classification loss of the sentiments."""
    unmentioned: Literal["ignore", "neutral", "class"] = "ignore"
    """An aspect not mentioned: no sentiment, and a head of its own says which are; Neutral; or one more class."""
    classification_weight: float = 0.95
    """Weight of the classification loss."""
    focal_gamma: float = 2.0
    """Focal: power of the error that an easy cell is damped by; 0 is cross entropy."""
    focal_alpha: Literal["auto"] | tuple[float, ...] | None = "auto"
    """Focal: weight of each sentiment; `auto` is its inverse frequency among the cells mentioned."""
    ghm_bins: int = 10
    """GHM-C: bins of the gradient norm."""
    ghm_momentum: float = 0.75
    """GHM-C: of the bins' averaged counts."""
    unified_weight: float = 0.5
    """Unified focal: weight of its cross entropy against its Tversky part."""
    unified_delta: float = 0.6
    """Unified focal: weight of what is missed against what is falsely said."""
    unified_gamma: float = 0.5
    """Unified focal: strength of focus."""
    unified_rare: tuple[str, ...] = ()
    """Unified focal: the sentiments to enhance, which makes it asymmetric."""
    contrastive_weight: float = 0.05
    """Weight of the supervised contrastive loss; 0 is off."""
    contrastive_temperature: float = 0.1
    """Temperature of the contrastive loss."""
    contrastive_base_weight: float = 0.0
    """Least weight of any pair of reviews as a positive; above it they are weighed by their agreement."""
    mention_weight: float = 1.0
    """Weight of the mention head's loss."""

    def __post_init__(self):
        not_negative(self, "classification_weight", "focal_gamma", "contrastive_weight", "mention_weight")
        at_least(self, ghm_bins=1)
        require(0 <= self.ghm_momentum < 1, f"--ghm-momentum {self.ghm_momentum}: must be in [0, 1)")
        for name in ("unified_weight", "unified_delta", "unified_gamma", "contrastive_base_weight"):
            require(0 <= getattr(self, name) <= 1, f"{flag(name)} {getattr(self, name)}: must be in [0, 1]")
        temperature = self.contrastive_temperature
        require(temperature > 0, f"--contrastive-temperature {temperature}: must be positive")
        weights = self.focal_alpha if isinstance(self.focal_alpha, tuple) else ()
        require(min(weights, default=0) >= 0, f"--focal-alpha {' '.join(map(str, weights))}: must not be negative")
        require(self.unmentioned != "ignore" or self.mention_weight > 0,
                "--mention-weight 0: with --unmentioned ignore nothing else learns which aspects are mentioned")
        require(self.unmentioned == "ignore" or self.classification_weight + self.contrastive_weight > 0,
                "--classification-weight 0: nothing is left to learn; no other loss has a weight either")


@dataclass(frozen=True)
class TextTrainConfig(TrainConfig):
    """The loop, and how the encoder learns."""

    lr_encoder: float = 2e-5
    """Learning rate of the encoder; 0 freezes it."""
    layer_decay: float = 1.0
    """Factor on the encoder's learning rate from each layer to the one below."""
    freeze_embeddings: bool = False
    """Leave the encoder's table of word vectors as it is."""
    token_dropout: float = 0.0
    """Share of a training review's tokens that are hidden."""

    def __post_init__(self):
        super().__post_init__()
        require(0 < self.layer_decay <= 1, f"--layer-decay {self.layer_decay}: must be in (0, 1]")
        require(0 <= self.token_dropout < 1, f"--token-dropout {self.token_dropout}: must be in [0, 1)")


@dataclass(frozen=True)
class TextConfig(Config):
    """A run that learns to read reviews."""

    SYNONYMS: ClassVar[dict[str, str]] = {"focal_weight": "classification_weight"}
    PARTS: ClassVar[dict[str, tuple[str, ...]]] = {  # what belongs to one classification loss
        "focal": ("focal_weight", "focal_gamma", "focal_alpha"),
        "ghm": ("ghm_bins", "ghm_momentum"),
        "unified": ("unified_weight", "unified_delta", "unified_gamma", "unified_rare"),
    }

    data: tyro.conf.OmitArgPrefixes[TextDataConfig] = field(default_factory=TextDataConfig)
    model: tyro.conf.OmitArgPrefixes[TextModelConfig] = field(default_factory=TextModelConfig)
    loss: tyro.conf.OmitArgPrefixes[TextLossConfig] = field(default_factory=TextLossConfig)
    train: tyro.conf.OmitArgPrefixes[TextTrainConfig] = field(default_factory=TextTrainConfig)

    def unused(self) -> dict[str, str]:
        unused = {key: f"goes with --loss-type {loss}, and it is {self.loss.loss_type}"
                  for loss, keys in self.PARTS.items() if loss != self.loss.loss_type for key in keys}
        if not self.loss.classification_weight:
            settings = set(sum(self.PARTS.values(), ("loss_type",))) - self.SYNONYMS.keys()
            unused |= dict.fromkeys(settings, "there is no classification loss at --classification-weight 0")
        if not self.loss.contrastive_weight:
            off = "there is no contrastive loss at --contrastive-weight 0"
            unused |= dict.fromkeys(("contrastive_temperature", "contrastive_base_weight", "projection_width"), off)
        if self.loss.unmentioned != "ignore":
            off = f"there is no mention head with --unmentioned {self.loss.unmentioned}"
            unused |= dict.fromkeys(("mention_weight", "mention_threshold"), off)
        if self.model.encoder != "tiny":
            unused["vocab_size"] = "goes with --encoder tiny; other encoders have their own tokenizer"
        if not self.train.lr_encoder:
            unused |= dict.fromkeys(("freeze_embeddings", "layer_decay"), "the encoder is frozen by --lr-encoder 0")
        return unused
