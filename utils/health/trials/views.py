"""Trials of SimCLR's network in training: which view becomes what."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from utils.findings import Finding
from utils.health.trials.bench import Bench, close, fault
from utils.structures import Batch, Output

NETWORK = "models/simclr.py"


def pairs_of_views(bench: Bench) -> Iterator[Finding]:
    """Where both views of each clip are one picture, both sides say the same of it, and of each clip another thing."""
    clips = bench.clips(count=4)
    twice = replace(clips, face=_pair(clips.face, clips.face), context=_pair(clips.context, clips.context))
    turned = replace(clips, face=_pair(clips.face, _flip(clips.face)),
                     context=_pair(clips.context, _flip(clips.context)))
    with bench.awake(), bench.changed(*bench.model.state_dict().values()):
        for weight in bench.model.key_side.parameters() if bench.model.key_side else ():
            weight.data.neg_()
        apart = _projected(bench, twice)
        if bench.model.key_side and close(apart.projection, apart.key, 1e-3):
            yield fault("keys", "the keys do not change with the momentum side's weights: they are not its own",
                        NETWORK)
        bench.model.meet_keys()
        alike, different = _projected(bench, twice), _projected(bench, turned)
        if not close(alike.projection, alike.key, 1e-3):
            yield fault("views", "two views that are one picture do not give one projection: a clip is paired with "
                        "another's view, or the momentum side sees it otherwise", NETWORK)
        if close(different.projection, different.key, 1e-3):
            yield fault("views", "two views of a clip are not looked at both: they are never told apart", NETWORK)
        spread = (alike.projection - alike.projection.mean(dim=0)).abs().max()
        if float(spread) <= 1e-5 * float(alike.projection.abs().max()):
            yield fault("views", "all clips get the same projection", NETWORK)
        width = bench.config.loss.projection_width
        if alike.projection.shape[-1] != width:
            yield fault("views", f"projections are {alike.projection.shape[-1]} wide, not {width}", NETWORK)


def _projected(bench: Bench, batch: Batch) -> Output:
    bench.model.eval()
    bench.model.training = True  # of the outermost module alone: there are projections, and nothing is dropped
    with torch.no_grad():
        output = bench.model(batch)
    bench.model.eval()
    return output


def _pair(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return None if one is None else torch.stack([one, other], dim=1)  # (B, 2, T, 3, H, W)


def _flip(frames: Tensor | None) -> Tensor | None:
    return None if frames is None else 255 - frames.flip(-1)


def view_settings(bench: Bench) -> Iterator[Finding]:
    """The task makes two different views of a clip, of the size that the network sees."""
    data, batch = bench.config.data, bench.batch
    whole = replace(batch, **{name: frames[:, :1].expand_as(frames) for name in ("face", "context")
                              if (frames := getattr(batch, name)) is not None})
    varied = data.crop_scale < 1 or data.colour > 0
    pairs = bench.task.prepare(whole, np.random.default_rng(3))
    for name in ("face", "context"):
        frames, given = getattr(pairs, name), getattr(batch, name)
        if frames is None:
            continue
        shape = (*given.shape[:4], data.image_size, data.image_size)
        if frames.shape != shape or frames.dtype != torch.uint8:
            yield fault("prepare", f"views of the {name} stream are {tuple(frames.shape)} {frames.dtype}, not bytes of "
                        f"{shape}", "utils/views.py")
        elif varied and given.float().std() > 1 and torch.equal(frames[:, 0], frames[:, 1]):
            yield fault("prepare", f"both views of the {name} stream are one picture", "utils/views.py")
    if not torch.equal(pairs.targets, batch.targets):
        yield fault("prepare", "targets are not the clips' own", "utils/views.py")
