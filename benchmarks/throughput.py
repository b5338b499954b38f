"""Clips a second, memory, and the share of the device's matrix products that a training step reaches.

On a CUDA device ViT-B/32, B/16 and L/14 with 8 clips x 16 frames x 2 streams; else ViT-B/32 with 2 x 4 x 2.
"""

import statistics

import torch

from benchmarks.clips import trainer_on_random_clips
from benchmarks.flops import flops_of, peak_flops
from benchmarks.results import Comparison, Result
from benchmarks.timing import by_turns

ON_CUDA = {"ViT-B-32": (8, 16), "ViT-B-16": (8, 16), "ViT-L-14": (8, 16)}
ELSEWHERE = {"ViT-B-32": (2, 4)}


def run(rounds: int) -> list[Result]:
    torch.manual_seed(0)
    models = ON_CUDA if torch.cuda.is_available() else ELSEWHERE
    return [one(name, clips, frames, rounds) for name, (clips, frames) in models.items()]


def one(name: str, clips: int, frames: int, rounds: int) -> Comparison:
    """With every term on, the encoder learning, in the precision that the device gains from."""
    trainer = trainer_on_random_clips("caer", ["--clip-model", name, "--batch-size", str(clips), "--num-segments",
                                               str(frames), "--ldl-warmup", "0"])
    batch = next(trainer.loaders["train"].epoch(0))
    step = lambda: trainer.step([batch])  # noqa: E731
    step()
    work = flops_of(step)
    if trainer.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = by_turns({"a step": step}, rounds)
    middle = statistics.median(seconds["a step"])
    peak = peak_flops(trainer.device, trainer.precision.dtype or torch.float32)
    facts = {"clips a second": f"{clips / middle:.3g}", "operations of a step": f"{work:.3g}",
             "operations a second": f"{work / middle:.3g}", "of the fastest matrix product": f"{peak:.3g}",
             "reached": f"{work / middle / peak:.1%}", "precision": trainer.precision.why}
    if trainer.device.type == "cuda":
        facts["memory, GB"] = f"{torch.cuda.max_memory_allocated() / 2**30:.3g}"
    return Comparison(f"{name}, {clips} clips x {frames} frames x 2 streams", seconds, [], facts)
