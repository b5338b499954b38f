"""A whole training step of ViT-B/32, every term on, against one as projects of this family write it.

Two clips of four frames and two streams, five classes of three learnable prompts and one fixed one each. MoCo's keys
are videos there, and by default texts here, which need no second pass of the image tower: so both are shown.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.clips import trainer_on_random_clips
from benchmarks.plain.step import PlainRecogniser, PlainStep
from benchmarks.results import Comparison, Result
from benchmarks.timing import by_turns
from models.clip import load_clip
from models.recogniser import VideoRecogniser
from trainer import Trainer
from utils.objective import build_objective
from utils.structures import Labels

LABELS = Labels(["Neutrality", "Enjoyment", "Confusion", "Fatigue", "Distraction"])
WORDS = "a student in an online class whose eyes and brows and mouth show".split()
TEXTS = [[" ".join([*WORDS[: 13 - number], name.lower()]) for number in range(3)] for name in LABELS.classes]
FLAGS = ["--clip-model", "ViT-B-32", "--clip-pretrained", "none", "--batch-size", "2", "--num-segments", "4",
         "--ldl-warmup", "0", "--mi-ramp", "0", "--dc-ramp", "0"]
PLAIN, OURS = "as commonly written, keys of videos", "CamXuc"


def ours(*flags: str) -> Trainer:
    """A Trainer whose recogniser has the benchmark's prompts."""
    trainer = trainer_on_random_clips("raer", [*FLAGS, *flags], labels=LABELS)
    clip = load_clip("ViT-B-32", "none", 224)
    loss = trainer.config.loss
    model = VideoRecogniser(clip, TEXTS, trainer.config.model, keys=loss.moco_keys, momentum=loss.moco_m)
    with torch.no_grad():
        objective = build_objective(trainer.config, model.class_features(), LABELS)
    return Trainer(trainer.config, trainer.task, model.train(), objective.train(), trainer.loaders, trainer.run_dir,
                   watches=())


def plain() -> Callable[[], object]:
    """A step with the same towers, layers and terms, keys of videos, and the same rates of learning."""
    trainer = ours("--moco-keys", "video", "--no-use-amp")
    model = PlainRecogniser(trainer.model, [texts[:1] for texts in TEXTS], trainer.model.momentum).train()
    groups = [{key: group[key] for key in ("params", "lr", "weight_decay")} for group in trainer.optimizer.param_groups]
    step, batch = PlainStep(model, trainer.objective, groups), next(trainer.loaders["train"].epoch(0))
    return lambda: step(trainer.task.prepare(batch, np.random.default_rng(0)), 1.0)


def stepping(name: str, *flags: str) -> Callable[[], object]:
    """A call that makes one step."""
    if name == PLAIN:
        return plain()
    trainer = ours(*flags)
    batch = next(trainer.loaders["train"].epoch(0))
    return lambda: trainer.step([batch])


def peak_megabytes(name: str) -> float:
    """Of a process of its own that makes three steps in float32."""
    code = f"from benchmarks.step import measure_peak; measure_peak({name!r})"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def measure_peak(name: str) -> None:
    step = stepping(name, "--no-use-amp")
    for _ in range(3):
        step()
    said = Path("/proc/self/status").read_text()  # getrusage would tell the parent's, if that is more
    print(int(said.split("VmHWM:")[1].split()[0]) / 1024)


def run(rounds: int) -> list[Result]:
    torch.manual_seed(0)
    cases = {PLAIN: stepping(PLAIN), f"{OURS}, keys of videos": stepping(OURS, "--no-use-amp", "--moco-keys", "video"),
             f"{OURS}, keys of texts": stepping(OURS, "--no-use-amp")}
    low = ours().precision
    if low.dtype is not None:
        cases[f"{OURS}, keys of texts, {low.why}"] = stepping(OURS)
    seconds = by_turns(cases, rounds)
    facts = {f"memory of a process, MB, {name}": round(peak_megabytes(name)) for name in (PLAIN, OURS)}
    facts["precision"] = "float32, where not said otherwise"
    return [Comparison("A training step, ViT-B/32, 2 clips x 4 frames x 2 streams", seconds,
                       [(PLAIN, name) for name in list(cases)[1:]], facts)]
