"""Configured but idle: a feature of the recipe that is never seen to act, though its time has come."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from utils.config import Config
from utils.findings import Finding
from utils.health.watch import Step, Watch, Watched, add, taken

ALWAYS = (0.0, math.inf)


@dataclass(frozen=True)
class Feature:
    """`acts` tells of a step between the epochs of `window` whether the feature did anything in it."""

    name: str
    flag: str
    acts: Callable[[Step], Tensor | bool]
    window: tuple[float, float] = ALWAYS
    least: int = 3  # steps, after which it should have acted


def term(name: str, flag: str, window: tuple[float, float] = ALWAYS, least: int = 3) -> Feature:
    return Feature(name, flag, lambda step: _weighs(step, name) and step.report.parts[name] != 0, window, least)


def _weighs(step: Step, name: str) -> bool:
    return bool(step.report.weights.get(name))


def note(name: str, flag: str, text: str, least: int) -> Feature:
    """What the loader counts."""
    return Feature(name, flag, lambda step: step.loaded.notes[text] > 0, least=least)


def _mixed(step: Step) -> bool:
    return step.batch.other_targets is not None and step.batch.face.is_floating_point()


def _views_differ(step: Step) -> Tensor | bool:
    first = step.batch.face[0]  # of a clip: (2, T, 3, H, W)
    return first.ndim == 5 and (first[0] != first[1]).any()


def of_video(config: Config) -> Iterator[Feature]:
    loss, data = config.loss, config.data
    if loss.use_ldl:
        yield term("ldl", "--use-ldl", (loss.ldl_warmup, math.inf))
    if not loss.use_ldl or loss.ldl_warmup > 0:
        yield term("cls", "--label-smoothing", (0.0, loss.ldl_warmup if loss.use_ldl else math.inf))
    if loss.lambda_mi:
        yield term("mi", "--lambda-mi", (loss.mi_warmup, math.inf))
    if loss.lambda_dc:
        yield term("dc", "--lambda-dc", (loss.dc_warmup, math.inf))
    if loss.use_moco and loss.lambda_moco:
        yield term("moco", "--use-moco", least=8)  # 0 while the queue holds nothing of another class
    if loss.mixup_alpha:
        yield Feature("mixup", "--mixup-alpha", _mixed)
    yield from of_clips(data)


def of_clips(data) -> Iterator[Feature]:
    least = 3 + 300 // data.batch_size  # few clips may have a box
    if data.bounding_box_face:
        yield note("face boxes", "--bounding-box-face", "face: face box", least)
    if data.crop_body and data.streams == "both":
        yield note("body boxes", "--crop-body", "context: body box", least)


def of_text(config: Config) -> Iterator[Feature]:
    loss, size = config.loss, config.data.batch_size
    if loss.classification_weight:
        yield term("cls", "--classification-weight", least=8)  # 0 where no review of a batch has a sentiment
    if loss.contrastive_weight:  # 0 where no two reviews of a batch agree
        yield term("con", "--contrastive-weight", least=50 + 4000 // (size * size))
    if loss.unmentioned == "ignore":
        yield term("mention", "--mention-weight")
    if config.train.token_dropout:
        yield Feature("token dropout", "--token-dropout", lambda step: step.batch.mask.sum() < step.loaded.mask.sum(),
                      least=3 + int(20 / (config.train.token_dropout * size)))  # reviews may be of a token or two


def of_simclr(config: Config) -> Iterator[Feature]:
    yield term("ntxent" if config.loss.ssl == "simclr" else "moco", "--ssl", least=8)
    yield Feature("views", "--crop-scale", _views_differ)
    yield from of_clips(config.data)


FEATURES = {"video": of_video, "text": of_text, "simclr": of_simclr}


class Idle(Watch):
    """Every feature of the recipe must act in some step of each epoch in which its window is open, or of a few epochs
    where they are short."""

    def __init__(self, watched: Watched):
        super().__init__(watched)
        self.features = list(FEATURES[self.config.model.model](self.config))

    def forward(self, step: Step) -> None:
        for feature in self.features:
            start, end = feature.window
            if start < step.epoch < end and len(step.batch) > 1:
                add(self.seen, **{f"open {feature.name}": 1.0, f"acts {feature.name}": feature.acts(step)})

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        for feature in self.features:
            names = f"open {feature.name}", f"acts {feature.name}"
            if self.seen.get(names[0], 0) < feature.least:
                continue
            steps, acted = (taken(self.seen, name) for name in names)
            if not acted:
                yield Finding("error", "configured-but-idle", f"{feature.name} ({feature.flag}) is configured and did "
                              f"nothing in any of {int(steps)} steps", "see that it reaches the step, or "
                              "leave it out of the recipe", int(steps))
