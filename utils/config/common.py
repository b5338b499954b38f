"""The settings that every task has, and the Config that holds all of a run's."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import tyro

from utils.config.checks import at_least, not_negative, require

# These may differ between a run and its continuation; anything else would make it another run.
FREE_TO_CHANGE = {"recipe", "resume", "output_dir", "num_workers", "reader_timeout", "save_every", "device", "root_dir",
                  "epochs", "score_test", "force", "compile", "shard"}


@dataclass(frozen=True)
class DataConfig:
    """Where samples come from, and how they are loaded."""

    root_dir: Path | None = None
    """Folder that annotation files, and the paths in them, are relative to."""
    train_annotation: Path | None = None
    """List or table of the training split."""
    val_annotation: Path | None = None
    """List or table of the validation split."""
    test_annotation: Path | None = None
    """List or table of the test split."""
    val_fraction: float = 0.0
    """Share of the training samples held out for validation where there is no such split."""
    batch_size: int = 8
    """Samples per batch."""
    num_workers: int = 4
    """Loader processes, at most one a processor; 0 loads in the main process."""
    reader_timeout: float = 120.0
    """Seconds that a sample may be read for; 0 is for ever. One that takes loader processes longer, twice, is left out;
    where all of several hang, or the main process, or one that reads a stream, the run stops."""
    max_bad_clips: float = 0.01
    """Share of unreadable clips, or blank reviews, above which the run stops."""

    def __post_init__(self):
        require(0 <= self.val_fraction < 1, f"--val-fraction {self.val_fraction}: must be in [0, 1)")
        at_least(self, batch_size=1)
        not_negative(self, "num_workers", "reader_timeout", "max_bad_clips")


@dataclass(frozen=True)
class TrainConfig:
    """The loop."""

    epochs: int = 20
    """Passes over the training samples."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with Nesterov momentum 0.9."""
    lr: float = 1e-3
    """Learning rate of what has none of its own: the heads, or the temporal transformer and fusion."""
    weight_decay: float = 1e-4
    """Not applied to biases, norms and prompts."""
    warmup_epochs: float = 0.5
    """Epochs of linear learning-rate warm-up."""
    milestones: tuple[int, ...] = ()
    """Epochs at which the learning rate falls by --gamma; without any it follows a cosine."""
    gamma: float = 0.1
    """Factor at each milestone."""
    use_amp: bool = True
    """Automatic mixed precision, where the device gains from it."""
    amp_dtype: Literal["auto", "bf16", "fp16"] = "auto"
    """Type of mixed precision; `auto` is bf16 where the device has it, else fp16 with a gradient scaler."""
    compile: bool = False
    """Towers and encoders go through torch.compile: the first steps take minutes, later ones less time."""
    shard: bool = False
    """Weights, gradients and optimiser state of the network are spread over the processes (FSDP2), not held by each."""
    grad_clip: float = 1.0
    """Largest gradient norm; 0 is off."""
    accumulate: int = 1
    """Batches per optimiser step."""
    ema: float = 0.0
    """Decay of the averaged weights that are evaluated and kept, lower in the first steps; 0 is off."""
    early_stop: int = 0
    """Epochs without a better validation score before training ends; 0 is off."""
    save_every: int = 0
    """Steps between checkpoints, beside the one at each epoch's end; 0 is none."""
    resume: str = ""
    """Checkpoint to go on from; `auto` takes that of --output-dir, or of the recipe's newest run, if there is one."""
    force: bool = False
    """Go on in spite of errors that the audit before training, or the watch over it, has found."""
    score_test: bool = True
    """After training, score the test split, once."""
    seed: int = 0
    """Of every random draw."""
    device: str = "auto"
    """Device: cuda, mps or cpu; `auto` takes the first there is."""
    output_dir: Path | None = None
    """The run folder; if not given, runs/RECIPE, or runs/RECIPE-2 and so on where that is taken."""

    def __post_init__(self):
        at_least(self, epochs=1, accumulate=1)
        rates = [f.name for f in dataclasses.fields(self)
                 if f.name.startswith("lr") and getattr(self, f.name) != "auto"]
        not_negative(self, *rates, "weight_decay", "warmup_epochs", "gamma", "grad_clip", "early_stop", "save_every",
                     "seed")
        require(0 <= self.ema < 1, f"--ema {self.ema}: must be in [0, 1)")
        require(list(self.milestones) == sorted(self.milestones), "--milestones: must rise")
        require(not (self.shard and self.compile), "--shard beside --compile: not tried together; leave one out")


@dataclass(frozen=True)
class Config:
    """One run: a task's sections. A YAML key is a flag's name without the dashes, `_` for `-`."""

    recipe: tyro.conf.Suppress[str] = "recipe"

    SYNONYMS: ClassVar[dict[str, str]] = {}  # other names that a YAML key may have

    def unused(self) -> dict[str, str]:
        """Settings that do nothing beside the others, and why: {key: "used with --loss-type focal only"}."""
        return {}

    def settled(self) -> "Config":
        """Itself, with whatever the recipe leaves to other settings."""
        return self

    @classmethod
    def sections(cls) -> dict[str, type]:
        """The dataclass of each section."""
        return {f.name: f.default_factory for f in dataclasses.fields(cls) if f.name != "recipe"}

    @classmethod
    def settings(cls) -> dict[str, type]:
        """The section's dataclass of each setting."""
        return {f.name: section for section in cls.sections().values() for f in dataclasses.fields(section)}

    def flat(self) -> dict[str, Any]:
        """Every setting that is used by its YAML key, in plain YAML types."""
        plain, unused = {"recipe": self.recipe}, self.unused()
        for section in self.sections():
            for name, value in dataclasses.asdict(getattr(self, section)).items():
                value = str(value) if isinstance(value, Path) else value
                plain[name] = list(value) if isinstance(value, tuple) else value
        return {name: value for name, value in plain.items() if name not in unused}
