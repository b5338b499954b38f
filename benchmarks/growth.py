"""How time and memory of a training step grow with its sizes, and whether memory stands still over many epochs."""

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.autograd.graph import saved_tensors_hooks

from benchmarks.clips import trainer_on_random_clips
from benchmarks.loading import film
from benchmarks.resources import resident_megabytes
from benchmarks.results import Curves, Result
from benchmarks.timing import by_turns
from dataloaders.clips import Clip
from dataloaders.order import Draw
from dataloaders.video import VideoDataset
from trainer import Trainer
from utils.config import VideoDataConfig
from utils.structures import Labels

BASE = {"batch size": 8, "frames": 4, "classes": 7, "queue": 4096}
SIZES = {"batch size": (4, 8, 16, 32), "frames": (2, 4, 8, 16), "classes": (7, 14, 28, 56),
         "queue": (1024, 4096, 16_384, 65_536)}
LENGTHS = (50, 100, 200, 400)
EPOCHS, STEPS = 20, 10


def a_step(**sizes: int) -> Callable[[], None]:
    """Of the demo's network with every term on."""
    of = BASE | sizes
    labels = Labels([f"class {number}" for number in range(of["classes"])])
    flags = ["--batch-size", of["batch size"], "--num-segments", of["frames"], "--moco-k", of["queue"],
             "--ldl-warmup", 0, "--text-type", "class_names", "--bounding-box-face", "None", "--ema", 0]
    trainer = trainer_on_random_clips("demo", list(map(str, flags)), labels=labels)
    batch = next(trainer.loaders["train"].epoch(0))
    return lambda: trainer.step([batch])


def bytes_for_backward(step: Callable[[], None]) -> int:
    """Of all that is kept between forward and backward, each storage once."""
    kept: dict[int, int] = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        step()
    return sum(kept.values())


def with_size(name: str, rounds: int) -> list[Curves]:
    steps = {size: a_step(**{name: size}) for size in SIZES[name]}
    seconds = by_turns({str(size): step for size, step in steps.items()}, rounds)
    times = {size: 1e3 * statistics.median(seconds[str(size)]) for size in steps}
    held = {size: bytes_for_backward(step) / 2**20 for size, step in steps.items()}
    rest = ", ".join(f"{value} {other}" for other, value in BASE.items() if other != name)
    return [Curves(f"A step of the demo's network, by {name}", name, "ms", {"time": times}, {"the rest": rest}),
            Curves(f"What its backward pass needs, by {name}", name, "MiB", {"memory": held})]


def by_clip_length(rounds: int) -> Curves:
    """A clip of H.264 is decoded up to the last frame that is asked for."""
    with TemporaryDirectory() as folder:
        clips = [Clip(f"{length}.mp4", Path(folder, f"{length}.mp4"), 0) for length in LENGTHS]
        for length, clip in zip(LENGTHS, clips):
            film(clip.path, 0, length, 320, 240)
        dataset = VideoDataset(clips, VideoDataConfig(num_segments=8), 0)
        seconds = by_turns({clip.id: partial(dataset.__getitem__, Draw(0, place, 0))
                            for place, clip in enumerate(clips)}, rounds)
    times = {length: 1e3 * statistics.median(seconds[f"{length}.mp4"]) for length in LENGTHS}
    return Curves("Loading 8 frames of a clip, H.264, 320x240", "frames of the clip", "ms", {"time": times})


def over_epochs() -> Curves:
    """Resident memory after each epoch of a whole Trainer, watch and evaluation's network included."""
    with TemporaryDirectory() as folder:
        flags = ["--bounding-box-face", "None", "--epochs", str(EPOCHS), "--batch-size", "8"]
        trainer = trainer_on_random_clips("demo", flags, STEPS, Path(folder), watches=None)
        resident = {}
        for epoch in range(EPOCHS):
            one_epoch(trainer, epoch)
            resident[epoch + 1] = resident_megabytes()
    late = list(resident.values())[EPOCHS // 2 :]
    return Curves(f"Resident memory over {EPOCHS} epochs of {STEPS} steps", "epoch", "MiB", {"resident": resident},
                  {"growth over the second half, MiB": round(late[-1] - late[0], 1)})


def one_epoch(trainer: Trainer, epoch: int) -> None:
    for batch in trainer.loaders["train"].epoch(epoch):
        trainer.health.loaded(batch)
        trainer.step([batch])
        trainer.batch += 1
    trainer.health.close(epoch + 1, {"accuracy": 0.0})
    trainer.epoch, trainer.batch = epoch + 1, 0


def run(rounds: int) -> list[Result]:
    torch.manual_seed(0)
    return [*(curve for name in SIZES for curve in with_size(name, rounds)), by_clip_length(rounds), over_epochs()]
