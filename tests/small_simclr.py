"""A SimCLR recipe for the `caer` fixture that trains in a second; 14 training clips in batches of 4 make 4 steps."""

from pathlib import Path

from commands.build import build_trainer
from trainer import Trainer
from utils import checkpoint
from utils.config import SimclrConfig
from utils.recipe import load_config

RECIPE = """\
model: simclr
dataset: caer
root_dir: {root}
clip_model: micro
clip_pretrained: none
image_size: 32
num_segments: 2
head_width: 16
projection_width: 8
batch_size: 4
num_workers: 0
epochs: 2
optimizer: adamw
lr: 1.0e-3
warmup_epochs: 0
neighbours: 3
max_bad_clips: 0
use_amp: false
device: cpu
"""


def configure(recipe: Path, flags: str = "") -> SimclrConfig:
    return load_config(str(recipe), flags.split())


def train(recipe: Path, folder: Path, flags: str = "", stops: tuple = ()) -> Trainer:
    """As in test_trainer: from stop to stop, each time in a new Trainer from the checkpoint that the last one left."""
    state = None
    for stop in (*stops, None):
        trainer = build_trainer(configure(recipe, flags), folder)
        if state:
            trainer.load_state_dict(state)
        trainer.fit(until_step=stop)
        state = checkpoint.load(folder / "checkpoints" / "last.pt")
    return trainer
