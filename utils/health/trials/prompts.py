"""Trials of the prompts and of the comparison with them."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from utils.findings import Finding
from utils.health.trials.bench import ROUNDING, Bench, close, fault
from utils.health.trials.clips import heard
from utils.structures import Output

PROMPTS = "models/prompts.py"


def compared_with_classes(bench: Bench) -> Iterator[Finding]:
    """Logits are cosines of unit features over the temperature, one for each class."""
    output, classes = bench.say(bench.clips()), len(bench.task.labels.classes)
    for name in ("text_features", "handcrafted"):
        features = getattr(output, name)
        length = features.norm(dim=-1)
        if len(features) != classes or not close(length, torch.ones_like(length)):
            yield fault("unit-length", f"{name} are {len(features)} of length {float(length.mean()):.3g}, not "
                        f"{classes} of length 1", PROMPTS)
        if float(torch.pdist(features).min()) < 1e-5:
            yield fault("class-texts", f"two classes have the same {name}", f"{PROMPTS} and models/texts.py")
    cosines = F.normalize(output.embedding, dim=-1) @ F.normalize(output.text_features, dim=-1).T
    expected = cosines / bench.config.model.temperature
    if not close(output.logits, expected, 1e-3):
        yield fault("logits", f"logits are not cosines over --temperature {bench.config.model.temperature:g}",
                    "models/recogniser.py")


def contexts_reach_their_class(bench: Bench) -> Iterator[Finding]:
    """The context of a class moves the feature of that class, and of no other; a shared one moves all."""
    prompts = bench.model.prompts
    with torch.enable_grad():
        features = prompts(bench.model.text_tower)  # (C, D)
        direction = bench.noise(features.shape[-1]) - 0.5
        if not features.requires_grad:
            if prompts.context.requires_grad:
                yield fault("prompt-contexts", "no gradient reaches the prompt contexts", PROMPTS)
            return
        moved = [torch.autograd.grad(feature @ direction, prompts.context, retain_graph=True)[0]
                 for feature in features[:3]]  # (C or 1, M, W) each
    for label, gradient in enumerate(moved):
        sizes = gradient.abs().amax(dim=-1)  # (C or 1, M)
        own = label if len(sizes) > 1 else 0
        others = torch.cat([sizes[:own], sizes[own + 1:]])
        if not sizes[own].all():
            yield fault("prompt-contexts", f"a context vector of class {label} does not change its text feature",
                        PROMPTS)
        elif others.numel() and float(others.max()) > ROUNDING * float(sizes[own].max()):
            yield fault("prompt-contexts", f"the context of another class changes the text feature of class {label}",
                        PROMPTS)
    expected = len(features) if bench.config.model.class_specific_contexts else 1
    if len(prompts.context) != expected or prompts.context.shape[1] != bench.config.model.contexts_number:
        yield fault("prompt-contexts", f"there are contexts of {tuple(prompts.context.shape[:2])}, not of "
                    f"{(expected, bench.config.model.contexts_number)}", PROMPTS)


def prompts_are_in_order(bench: Bench) -> Iterator[Finding]:
    """What the text tower reads: start, contexts and words as the recipe says, end; pooled at the end."""
    prompts, given = bench.model.prompts, []
    hook = heard(bench.model.text_tower, given)
    with torch.no_grad():
        prompts(bench.model.text_tower)
    hook.remove()
    seen, end, length = given[0]  # (C*K, L, W), (C*K,)
    numbers = prompts.context.shape[1]
    ahead = {"end": numbers, "middle": numbers // 2, "front": 0}[bench.config.model.class_token_position]
    for row, embedded in enumerate(prompts.embedded):
        words = int(end[row]) - numbers - 1
        context = prompts.context[min(row // prompts.per_class, len(prompts.context) - 1)]
        expected = torch.cat([embedded[:1], context[:ahead], embedded[1: words + 1], context[ahead:],
                              embedded[words + 1: words + 2]])
        if words < 1 or int(end[row]) >= length or not torch.equal(seen[row, : len(expected)], expected):
            yield fault("prompt-order", f"prompt {row} does not read start, contexts and class text as "
                        f"--class-token-position {bench.config.model.class_token_position} says, end", PROMPTS)
            return


def texts_are_clips_own(bench: Bench) -> Iterator[Finding]:
    """The hand-crafted features are what open_clip's own text tower says of the same words."""
    prompts, tower = bench.model.prompts, bench.model.text_tower
    with torch.no_grad():
        tokens = _tokens(prompts.embedded, tower.text.token_embedding.weight)  # (C*K, L)
        tower.text.eval()
        features = F.normalize(tower.text(tokens).float(), dim=-1).unflatten(0, (-1, prompts.per_class))
        own = F.normalize(features.mean(dim=1), dim=-1)  # (C, D)
        ends = tokens.argmax(dim=-1) + prompts.context.shape[1]
    if not close(bench.model.handcrafted, own, 1e-4):
        yield fault("class-texts", "the hand-crafted text features are not what CLIP's text tower says of the class "
                    "texts", "models/text_tower.py and mean_per_class in models/prompts.py")
    if not torch.equal(ends, prompts.end):
        yield fault("prompt-order", "prompts are not pooled at their end token", PROMPTS)


def _tokens(embedded: Tensor, table: Tensor) -> Tensor:
    """The ids (N, L) whose embeddings (N, L, W) these are."""
    found, place = torch.unique(embedded.flatten(0, 1), dim=0, return_inverse=True)  # (U, W)
    ids = torch.cat([torch.cdist(part, table).argmin(dim=-1) for part in found.split(64)])
    return ids[place].view(embedded.shape[:2])


def keys_are_features(bench: Bench) -> Iterator[Finding]:
    """A momentum side that has met its followed one gives the same features; there is one only where MoCo is on."""
    model, loss = bench.model, bench.config.loss
    wanted = loss.moco_keys if loss.use_moco and loss.lambda_moco else "none"
    with bench.changed(*(model.key_side.state_dict().values() if model.key_side else ())):
        for value in model.key_side.parameters() if model.key_side else ():
            value.data.neg_()
        apart = _keyed(bench)
        model.meet_keys()
        output = _keyed(bench)
    if output.key is not None and close(apart.key, output.key):
        yield fault("keys", f"--moco-keys {wanted}: the keys do not change with the momentum side's weights: they are "
                    "not its own", "models/recogniser.py: _keys")
    expected = {"text": output.text_features, "video": output.embedding, "none": None}[wanted]
    if (output.key is None) != (expected is None) or (expected is not None and not close(output.key, expected, 1e-4)):
        yield fault("keys", f"--moco-keys {wanted}: the momentum side, with the weights that it follows, does not give "
                    "the features that these give", "models/recogniser.py: _keys")


def _keyed(bench: Bench) -> Output:
    bench.model.eval()
    bench.model.training = True  # of the outermost module alone: keys are made, nothing is dropped
    with torch.no_grad():
        output = bench.model(replace(bench.clips()))
    bench.model.eval()
    return output
