"""Trials of what prepare() makes of a batch: mixup and token dropout."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from utils.findings import Finding
from utils.health.trials.bench import ROUNDING, SAMPLES, Bench, close, fault
from utils.structures import Batch

BLENDS, SIGMAS = 400, 5  # batches that are blended, and how far their mean may lie off by chance


def prepared(bench: Bench, count: int = SAMPLES) -> tuple[Batch, Batch]:
    """A batch of clips of different classes, and what prepare() makes of it."""
    count = max(2, min(count, len(bench.task.labels.classes)))
    batch = bench.clips(count)
    for seed in range(12):  # until both partners of a mixup weigh something
        made = bench.task.prepare(batch, np.random.default_rng(seed))
        if made.other_targets is None or 0.1 < made.lam < 0.9:
            break
    return batch, made


def mixes_as_asked(bench: Bench) -> Iterator[Finding]:
    """lam of a clip and 1 - lam of another, in both streams, with the target of that other; else nothing."""
    batch, made = prepared(bench)
    alpha, where = bench.config.loss.mixup_alpha, "utils/mixup.py and utils/tasks/clips.py"
    if (made.other_targets is not None) != (alpha > 0):
        yield fault("mixup", f"--mixup-alpha {alpha:g}: clips are {'not ' if alpha else ''}blended", where)
        return
    partner = made.other_targets if alpha else batch.targets  # targets are places
    for name in ("face", "context"):
        if (frames := getattr(batch, name)) is not None:
            expected = made.lam * frames + (1 - made.lam) * frames[partner]
            if not close(getattr(made, name) / 255, expected / 255):
                yield fault("mixup", f"the {name} stream is not lam of a clip and 1 - lam of the clip of the other "
                            "target", where)
    if not torch.equal(made.targets, batch.targets) or not 0 <= made.lam <= 1:
        yield fault("mixup", "targets are not the clips' own, or lam is not within 0 and 1", where)


def blends_as_often(bench: Bench) -> Iterator[Finding]:
    """The mean of lam (1 - lam) under Beta(alpha, alpha) is alpha / (2 (2 alpha + 1))."""
    if not (alpha := bench.config.loss.mixup_alpha):
        return
    frames, stream = torch.zeros(2, 1, 1, 1, 1), np.random.default_rng(0)
    batch = replace(bench.batch, face=frames, context=None, targets=torch.arange(2), ids=["", ""])
    lams = np.array([bench.task.prepare(batch, stream).lam for _ in range(BLENDS)])
    blends, due = lams * (1 - lams), alpha / (2 * (2 * alpha + 1))
    if abs(blends.mean() - due) > SIGMAS * blends.std() / BLENDS**0.5 + ROUNDING:
        yield fault("mixup-alpha", f"--mixup-alpha {alpha:g}: lam (1 - lam) is {blends.mean():.3g} in the mean, not "
                    f"{due:.3g}", "utils/mixup.py and utils/tasks/clips.py")


def hides_as_asked(bench: Bench) -> Iterator[Finding]:
    """The share of tokens that token dropout hides; never the first."""
    share, ones = bench.config.train.token_dropout, torch.ones(64, 64, dtype=torch.int64, device=bench.device)
    batch = replace(bench.batch, tokens=ones * 5, mask=ones, targets=torch.zeros(64, 1), ids=[""] * 64)
    made = bench.task.prepare(batch, np.random.default_rng(0))
    hidden = 1 - float(made.mask[:, 1:].float().mean())
    if abs(hidden - share) > 0.03 or not made.mask[:, 0].all() or not torch.equal(made.tokens, batch.tokens):
        yield fault("token-dropout", f"--token-dropout {share:g}: {hidden:.3g} of the tokens are hidden, or the first "
                    "is", "utils/tasks/reviews.py")
    none = bench.task.prepare(replace(batch, mask=torch.zeros_like(ones)), np.random.default_rng(0))
    if none.mask[:, 1:].any():
        yield fault("token-dropout", "padding becomes visible", "utils/tasks/reviews.py")
