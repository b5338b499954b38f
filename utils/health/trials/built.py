"""Trials of how a network was built: what learns and what does not, how deep and wide it is, and its dropout."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from utils.config import TextConfig
from utils.findings import Finding
from utils.health.trials.bench import Bench, close, fault


def learns_as_asked(bench: Bench) -> Iterator[Finding]:
    """Every learning rate above 0 has weights to move; what no recipe lets learn does not."""
    model, train = bench.model, bench.config.train
    for name, group in model.parameter_groups().items():
        key = f"lr_{name}" if name else "lr"
        if getattr(train, key) and not any(weight.requires_grad for _, weight in group):
            yield fault("learns", f"--{key.replace('_', '-')} is {getattr(train, key):g}, and no weight goes by it",
                        "parameter_groups of the network, and where it is frozen")
    frozen = {"the text tower": getattr(model, "text_tower", None)}
    if getattr(train, "freeze_embeddings", False):
        frozen["the encoder's table of word vectors"] = model.encoder.get_input_embeddings()
    for name, part in frozen.items():
        if part is not None and any(weight.requires_grad for weight in part.parameters()):
            yield fault("learns", f"{name} is to stay as it is, and it learns", "models/__init__.py and the network")


def learners_are_awake(bench: Bench) -> Iterator[Finding]:
    """In training a tower that learns is in train mode, and so are its batch norms when a batch goes through it."""
    model, train = bench.model.train(), bench.config.train
    towers = {"the image tower": getattr(model, "video", None) and getattr(train, "lr_image_encoder", 1)
              and model.video.visual, "the encoder": getattr(train, "lr_encoder", 0) and model.encoder}
    for name, tower in towers.items():
        if tower and not all(part.training for part in tower.modules()):
            yield fault("frozen", f"{name} learns, and is in eval mode while training", "train() of the network")
    if len(bench.batch) < 2:
        return
    norms = {name: part for name, part in model.named_modules() if isinstance(part, _BatchNorm)
             and part.track_running_stats and part.weight is not None and part.weight.requires_grad}
    before = {name: int(part.num_batches_tracked) for name, part in norms.items()}
    with torch.no_grad():
        model(bench.task.prepare(bench.batch, np.random.default_rng(0)))
    if still := [name for name, part in norms.items() if int(part.num_batches_tracked) == before[name]]:
        yield fault("frozen", f"{len(still)} batch norms learn, and a training batch leaves their statistics as they "
                    f"were, e.g. {still[0]}", "train() and forward() of the network")


def built_as_asked(bench: Bench) -> Iterator[Finding]:
    """Widths, depths and dropout of what stands behind the tower."""
    model, settings = bench.model, bench.config.model
    if isinstance(bench.config, TextConfig):
        parts, look = [model.sentiments, model.mentions], "models/aspects.py"
        found = {"head_width": model.sentiments[0].out_features}
        if model.projection is not None:
            found["projection_width"] = model.projection[-1].out_features
    else:
        parts, look = [model.video.adapter, model.video.temporal], "models/video_encoder.py"
        layers, adapter = model.video.temporal.transformer.layers, model.video.adapter.layers
        found = {"temporal_layers": len(layers), "temporal_heads": layers[0].self_attn.num_heads,
                 "temporal_pool": model.video.temporal.pool}
        width = adapter[1].in_features
        if adapter[1].out_features != max(width // settings.adapter_ratio, 1):
            yield fault("built", f"--adapter-ratio {settings.adapter_ratio}: the adapter goes from {width} to "
                        f"{adapter[1].out_features}", look)
        if hasattr(settings, "head_width"):
            found["head_width"] = model.head[0].out_features
    for name, value in found.items():
        if value != getattr(settings, name):
            yield fault("built", f"{name} is {getattr(settings, name)}; the network has {value}", look)
    shares = {part.p for each in parts if each is not None for part in each.modules() if isinstance(part, nn.Dropout)}
    if shares != {settings.dropout}:
        yield fault("built", f"--dropout is {settings.dropout:g}; the network's layers have "
                    f"{', '.join(f'{share:g}' for share in sorted(shares)) or 'none'}", look)


def contexts_start(bench: Bench) -> Iterator[Finding]:
    """At the words of --contexts-init, again and again."""
    tower, prompts = bench.model.text_tower, bench.model.prompts
    ids = tower.tokenizer.encode(bench.config.model.contexts_init)
    if ids:
        table = tower.text.token_embedding.weight
        expected = table[torch.tensor([ids[place % len(ids)] for place in range(prompts.context.shape[1])])]  # (M, W)
        if not close(prompts.context, expected.expand_as(prompts.context), 1e-6):
            yield fault("prompt-contexts", f"the contexts do not start at --contexts-init "
                        f"{bench.config.model.contexts_init!r}", "models/prompts.py: _initial_context")
