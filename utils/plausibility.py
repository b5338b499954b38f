"""Settings that run, and with which hardly anything can be learned: far from what any paper or recipe uses."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from utils.config import Config, TextConfig, VideoConfig, flag
from utils.findings import Finding

STEPS = 20  # of the optimiser, below which a training hardly begins
MIXED = 8  # clips of a lane, below which a stream is hardly shuffled
FOREVER = math.inf


class Usual(NamedTuple):
    """The widest range that makes sense, and what follows from a value below and above it."""

    low: float
    high: float
    below: str
    above: str = ""


RATE = Usual(1e-7, 0.1, "the weights hardly move", "the weights leave what they knew at once")
WEIGHT = Usual(0, 10, "", "it drowns the other losses")
SHARP = "the nearest alone counts, and gradients vanish or explode"
ALIKE = "all look alike, whatever is learned"
OF_ALL = {
    "weight_decay": Usual(0, 1, "", "weights are drawn to 0 faster than they learn"),
    "gamma": Usual(0, 1, "", "the learning rate rises at each milestone"),
    "grad_clip": Usual(1e-3, FOREVER, "steps are clipped to next to nothing"),
    "dropout": Usual(0, 0.7, "", "little is left of the features"),
    "max_bad_clips": Usual(0, 0.2, "", "a run goes on without much of its data"),
}
USUAL: dict[str, dict[str, Usual]] = {
    "video": OF_ALL | {
        "temperature": Usual(0.002, 0.3, SHARP, "cosines lie in [-1, 1], so that no class can be told with certainty"),
        "label_smoothing": Usual(0, 0.5, "", "targets say little of the class"),
        "ldl_target_mass": Usual(0.3, 0.99, "targets say little of the class", "targets are the labels"),
        "mixup_alpha": Usual(0, 8, "", "nearly every clip is blended half and half"),
        "augment": Usual(0, 3, "", "training clips lose what they show"),
        "sampler_power": Usual(0, 1.5, "", "the rarest classes are drawn far more often than the others"),
        "centre_crop": Usual(0.2, 1, "a clip without a box shows next to nothing"),
        "box_margin": Usual(0, 2, "", "a face is a small part of its crop"),
        "moco_t": Usual(0.01, 1, SHARP, ALIKE),
        "lambda_mi": WEIGHT, "lambda_dc": WEIGHT, "lambda_moco": WEIGHT},
    "simclr": OF_ALL | {
        "temperature": Usual(0.02, 2, SHARP, ALIKE),
        "moco_t": Usual(0.01, 2, SHARP, ALIKE)},
    "text": OF_ALL | {
        "focal_gamma": Usual(0, 8, "", "only cells that are gravely wrong are learned from"),
        "classification_weight": Usual(1e-3, 10, "sentiments are hardly learned", WEIGHT.above),
        "contrastive_weight": WEIGHT, "mention_weight": WEIGHT,
        "contrastive_temperature": Usual(0.01, 2, SHARP, ALIKE),
        "token_dropout": Usual(0, 0.6, "", "little is left of a review"),
        "layer_decay": Usual(0.2, 1, "the lower layers hardly learn")},
}
MAY_BE_OFF = {"grad_clip"}  # at 0, as learning rates may
NEEDS = {"moco_t": "use_moco", "lambda_moco": "use_moco", "ldl_target_mass": "use_ldl",
         "sampler_power": "use_weighted_sampler"}


def audit_settings(config: Config, batches: int) -> Iterator[Finding]:
    """Each a warning: what is odd is not always wrong.

    Args:
        batches: of an epoch of training.
    """
    yield from _ranges(config)
    yield from _never_reached(config)
    yield from _steps(config, batches)
    yield from _standing_still(config)
    yield from _hardly_shuffled(config)


def _odd(key: str, value: float, why: str, remedy: str) -> Finding:
    return Finding("warning", "odd-setting", f"{flag(key)} {value:g}: {why}", remedy)


def _ranges(config: Config) -> Iterator[Finding]:
    settings = config.flat()
    usual = dict(USUAL[config.model.model])
    if config.train.optimizer == "adamw":
        usual |= {key: RATE for key in settings if key.split("_")[0] == "lr"}
    for key, (low, high, below, above) in usual.items():
        value = settings.get(key)
        if not isinstance(value, (int, float)) or key in NEEDS and not settings.get(NEEDS[key], True):
            continue
        off = not value and (key in MAY_BE_OFF or key.startswith("lr"))
        if (value < low and not off) or value > high:
            yield _odd(key, value, below if value < low else above, f"from {max(low, 0):g} to {high:g} is usual"
                       if high < FOREVER else f"{low:g} or more is usual")


def _never_reached(config: Config) -> Iterator[Finding]:
    train, sooner = config.train, "lower it, or raise --epochs"
    if train.warmup_epochs >= train.epochs:
        yield _odd("warmup_epochs", train.warmup_epochs, "the learning rate never gets to its value: --epochs is "
                   f"{train.epochs}", sooner)
    if train.milestones and train.milestones[0] >= train.epochs:
        yield _odd("milestones", train.milestones[0], f"it is never reached: --epochs is {train.epochs}", sooner)
    if isinstance(config, VideoConfig):
        loss = config.loss
        for key, used in (("ldl_warmup", loss.use_ldl), ("mi_warmup", loss.lambda_mi), ("dc_warmup", loss.lambda_dc)):
            if used and getattr(loss, key) >= train.epochs:
                yield _odd(key, getattr(loss, key), f"its loss never sets in: --epochs is {train.epochs}", sooner)


def _steps(config: Config, batches: int) -> Iterator[Finding]:
    steps = math.ceil(batches / config.train.accumulate) * config.train.epochs
    if config.train.accumulate > max(batches, 1):
        yield _odd("accumulate", config.train.accumulate, f"an epoch has {batches} batches, and so one step",
                   "lower it, or --batch-size")
    elif steps < STEPS:
        yield Finding("note", "few-steps", f"the whole training is {steps} steps of the optimiser", count=steps)


def _standing_still(config: Config) -> Iterator[Finding]:
    """Random weights that do not learn, and keys that do not follow."""
    if isinstance(config, TextConfig):
        if config.model.encoder == "tiny" and not config.train.lr_encoder:
            yield _odd("lr_encoder", 0, "the encoder is random, and stays so", "let it learn, or take a pretrained one")
        return
    random = config.model.clip_pretrained == "none" and not config.model.init_from
    if random and getattr(config.train, "lr_image_encoder", 1) == 0:
        yield _odd("lr_image_encoder", 0, "the image tower is random, and stays so",
                   "let it learn, or give --clip-pretrained or --init-from")
    if config.loss.moco_m == 1 and "moco_m" not in config.unused():
        yield _odd("moco_m", 1.0, "the keys' encoder never follows", "0.99 to 0.9999 is usual")


def _hardly_shuffled(config: Config) -> Iterator[Finding]:
    data = config.data
    if getattr(data, "stream", None) and (group := data.shuffle_buffer // data.lanes) < MIXED:
        yield _odd("shuffle_buffer", data.shuffle_buffer, f"of each of {data.lanes} lanes {group} clips at a time "
                   "change places, so that neighbours stay neighbours", f"{32 * data.lanes} or more is usual")
