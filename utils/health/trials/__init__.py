"""Trials of a training before its first step: what is true of any network and objective of ours, tried on its own.

Metamorphic: nothing is compared with stored numbers. A clip alone must get what it gets in company, a feature must
depend on every frame, logits must be cosines over the temperature. On the first training batch, in float32.
"""

import contextlib
import random
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from utils.config import Config
from utils.findings import Finding
from utils.health.trials import built, clips, contrasts, network, prepared, prompts, reviews, terms, values, views
from utils.health.trials.bench import SAMPLES, Bench, restore, rows
from utils.structures import Batch

__all__ = ["trials"]

Trial = Callable[[Bench], Iterator[Finding]]

OF_CLIPS: tuple[Trial, ...] = (
    lambda bench: network.samples_are_apart(bench, bench.clips()), clips.streams_and_frames, clips.order_of_frames,
    clips.momentum_side, clips.moments_are_paired)
OF_ALL: tuple[Trial, ...] = (
    built.learns_as_asked, built.learners_are_awake, built.built_as_asked, network.learned_once,
    network.everything_learns, network.each_part_teaches, network.frozen_stands_still, terms.weights_over_training,
    terms.terms_reach, terms.steps_down, values.settings_arrive, values.accuracy_is_of_targets)
TRIALS: dict[str, tuple[Trial, ...]] = {
    "video": (*OF_CLIPS, prompts.compared_with_classes, prompts.contexts_reach_their_class,
              prompts.prompts_are_in_order, prompts.texts_are_clips_own, prompts.keys_are_features,
              prepared.mixes_as_asked, prepared.blends_as_often, values.terms_of_video, values.queue_takes_keys,
              *OF_ALL),
    "simclr": (*OF_CLIPS, views.pairs_of_views, views.view_settings, contrasts.contrast_of_views,
               values.queue_takes_keys, *OF_ALL),
    "text": (lambda bench: network.samples_are_apart(bench, reviews.short(bench)), reviews.tokens_matter,
             reviews.pooled_as_asked, reviews.aspects_are_apart, reviews.projections_are_unit, prepared.hides_as_asked,
             values.terms_of_text, contrasts.contrast_of_reviews, reviews.pads_as_the_tokenizer, *OF_ALL),
}
FRESH: dict[str, tuple[Trial, ...]] = {"video": (clips.keys_have_met,), "simclr": (clips.keys_have_met,)}
UNTRAINED: dict[str, tuple[Trial, ...]] = {"video": (clips.starts_as_the_mean, built.contexts_start),
                                           "simclr": (clips.starts_as_the_mean,)}


def trials(config: Config, task, model: nn.Module, objective: nn.Module, batch: Batch, device: torch.device,
           untrained: bool = True) -> list[Finding]:
    """What is wrong with a network and its objective, by name once each.

    Nothing is changed: weights, buffers, gradients, modes and random states are as before.

    Args:
        batch: the first one of training, as the loader gives it; SAMPLES of it are looked at.
        untrained: not resumed; and if it is not started from a run either, what starts silent is silent still.
    """
    if not len(batch):
        return []
    kind = config.model.model
    chosen = TRIALS[kind]
    if untrained:
        started = getattr(config.model, "init_from", None)
        chosen += FRESH.get(kind, ()) + (() if started else UNTRAINED.get(kind, ()))
    batch = rows(batch, list(range(min(SAMPLES, len(batch))))).to(device)
    bench, found = Bench(config, task, model, objective, batch, device), []
    with untouched(model, device):
        for trial in chosen:
            with untouched(model, device):
                found += _tried(trial, bench)
    return list({finding.name: finding for finding in reversed(found)}.values())[::-1]


def _tried(trial: Trial, bench: Bench) -> list[Finding]:
    name = getattr(trial, "__name__", "trial").strip("<>")
    try:
        return list(trial(bench))
    except AttributeError as error:  # a network of another make
        return [Finding("note", "trial-not-done", f"a trial could not be made, {name}: {error}")]
    except Exception as error:  # whatever it was, training would meet it too
        return [Finding("error", "trial-raised", f"{name}: {type(error).__name__}: {error}",
                        "the network or its objective does not run on the first batch; --force trains on")]


@contextlib.contextmanager
def untouched(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Buffers, modes and random states are put back at the end; convolutions are of full precision meanwhile."""
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    modes = [(module, module.training) for module in model.modules()]
    states = random.getstate(), np.random.get_state()
    exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=False)
    with torch.random.fork_rng([device] if device.type == "cuda" else []), exact:
        try:
            yield
        finally:
            restore(buffers)
            for module, mode in modes:
                module.training = mode
            random.setstate(states[0])
            np.random.set_state(states[1])
