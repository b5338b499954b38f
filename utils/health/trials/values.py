"""Trials of the objective's values: its terms worked out again from the settings, in plain formulas."""

import copy
import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.cells import sentiment_cells
from utils.config import TextConfig, VideoConfig
from utils.findings import Finding
from utils.health.trials.bench import Bench, close, fault
from utils.health.trials.contrasts import against_queue
from utils.health.trials.terms import OBJECTIVE, made_up, objective_of
from utils.structures import Batch

# Settings, and where in the loss of which term they must arrive.
SETTINGS = {
    "video": (("label_smoothing", "cls", "smoothing"), ("moco_k", "moco", "queue_size"),
              ("moco_t", "moco", "temperature"), ("dc_rows", "dc", "rows")),
    "text": (("focal_gamma", "cls", "gamma"), ("ghm_bins", "cls", "bins"), ("ghm_momentum", "cls", "momentum"),
             ("unified_weight", "cls", "weight"), ("unified_delta", "cls", "delta"), ("unified_gamma", "cls", "gamma"),
             ("contrastive_temperature", "con", "temperature"), ("contrastive_base_weight", "con", "base_weight")),
    "simclr": (("temperature", "ntxent", "temperature"), ("moco_k", "moco", "queue_size"),
               ("moco_t", "moco", "temperature")),
}


def settings_arrive(bench: Bench) -> Iterator[Finding]:
    unused = bench.config.unused()
    for setting, term, attribute in SETTINGS[bench.config.model.model]:
        if setting in unused or term not in bench.objective.terms:
            continue
        wanted, found = getattr(bench.config.loss, setting), getattr(bench.objective.terms[term].loss, attribute, None)
        if found != wanted:
            yield fault("settings", f"{setting} is {wanted}; the loss of {term} has {found}",
                        f"{OBJECTIVE}{bench.config.model.model}.py")
    if "unified_rare" not in unused and "cls" in bench.objective.terms and isinstance(bench.config, TextConfig):
        yield from _enhanced(bench)
    momentum = getattr(bench.model, "momentum", None)
    if momentum is not None and getattr(bench.model, "key_side", None) is not None \
            and momentum != bench.config.loss.moco_m:
        yield fault("settings", f"moco_m is {bench.config.loss.moco_m}; the network has {momentum}",
                    "models/__init__.py")


def _enhanced(bench: Bench) -> Iterator[Finding]:
    """The unified focal loss enhances the sentiments that are named, and no other."""
    names, rare = bench.task.labels.classes, bench.objective.terms["cls"].loss.rare
    found = {names[number] for number in ([] if rare is None else rare.tolist())}
    if found != set(bench.config.loss.unified_rare):
        yield fault("settings", f"unified_rare is {', '.join(bench.config.loss.unified_rare) or 'empty'}; the loss "
                    f"enhances {', '.join(sorted(found)) or 'none'}", f"{OBJECTIVE}text.py")


def both(batch: Batch, value) -> Tensor:
    return batch.lam * value(batch.targets) + (1 - batch.lam) * value(batch.other_targets)


def terms_of_video(bench: Bench) -> Iterator[Finding]:
    """Every term on a batch blended by mixup."""
    loss, (output, batch) = bench.config.loss, made_up(bench)
    batch = replace(batch, other_targets=batch.targets.roll(1), lam=0.3)
    objective = objective_of(bench)
    terms, log_p = objective.terms, output.logits.log_softmax(dim=-1)  # (B, C)
    expected = {}

    def smoothed(labels: Tensor) -> Tensor:
        own = log_p.gather(1, labels[:, None]).mean()
        return -(1 - loss.label_smoothing) * own - loss.label_smoothing * log_p.mean()

    expected["cls"] = both(batch, smoothed)
    if "ldl" in terms:
        texts = output.handcrafted if loss.ldl_features == "handcrafted" else output.text_features
        targets = (texts @ texts.T / terms["ldl"].loss.target_temperature).softmax(dim=-1)  # (C, C)
        expected["ldl"] = both(batch, lambda labels: (targets[labels] * (targets[labels].log() - log_p)).sum(-1).mean())
        yield from _target_mass(bench)
    if "moco" in terms:
        queue = terms["moco"].loss

        def contrast(labels: Tensor) -> Tensor:
            keys = output.key if loss.moco_keys == "video" else output.key[labels]  # (B, D)
            return against_queue(output.embedding, keys, labels, queue, loss.moco_t)

        expected["moco"] = both(batch, contrast)
    similar = output.text_features @ output.handcrafted.T / 0.07  # (C, C)
    own = torch.arange(len(similar), device=similar.device)
    expected["mi"] = (F.cross_entropy(similar, own) + F.cross_entropy(similar.T, own)) / 2
    for name, value in expected.items():
        if name in terms and not close(found := terms[name](output, batch), value):
            yield fault("value", f"{name} is {float(found):.5g} on a blended batch; from the settings it should be "
                        f"{float(value):.5g}", f"{OBJECTIVE}video.py and utils/losses")


def _target_mass(bench: Bench) -> Iterator[Finding]:
    """The targets give the true class the mass that is asked for, of the features as they are before training."""
    loss = bench.config.loss
    temperature = bench.objective.terms["ldl"].loss.target_temperature
    with torch.no_grad():
        texts = bench.model.class_features()[loss.ldl_features]
    mass = float((texts @ texts.T / temperature).softmax(dim=-1).diagonal().mean())
    if loss.ldl_temperature != "auto":
        if not close(temperature, loss.ldl_temperature):
            yield fault("settings", f"ldl_temperature is {loss.ldl_temperature}; the loss has {float(temperature):.4g}",
                        f"{OBJECTIVE}video.py")
    elif loss.ldl_features == "handcrafted" and not math.isclose(mass, loss.ldl_target_mass, abs_tol=0.02):
        yield fault("ldl-targets", f"LDL's targets give the true class {mass:.3f}, not --ldl-target-mass "
                    f"{loss.ldl_target_mass:g}", "utils/losses/ldl.py")


def queue_takes_keys(bench: Bench) -> Iterator[Finding]:
    """One step puts each sample's key with its label behind the last; evaluation puts none."""
    if "moco" not in bench.objective.terms:
        return
    (output, batch), objective = made_up(bench), copy.deepcopy(bench.objective).train()
    queue = objective.terms["moco"].loss
    place, size = int(queue.pointer), queue.queue_size
    objective(output, batch, 0.0)
    of_classes = isinstance(bench.config, VideoConfig) and bench.config.loss.moco_keys == "text"
    keys = F.normalize(output.key[batch.targets] if of_classes else output.key, dim=-1)
    slots = [(place + number) % size for number in range(min(len(batch), size))]
    if not close(queue.queue[slots], keys[-size:]) or not torch.equal(queue.queue_labels[slots], batch.targets[-size:]):
        yield fault("queue", "a step does not put each sample's own key, with its label, into the queue",
                    f"{OBJECTIVE}{bench.config.model.model}.py and utils/losses/moco.py")
    before = copy.deepcopy(queue.state_dict())
    objective.eval()(output, batch, 0.0)
    if any(not torch.equal(value, before[name]) for name, value in queue.state_dict().items()):
        yield fault("queue", "evaluation changes the queue", f"{OBJECTIVE} and utils/losses/moco.py")


def terms_of_text(bench: Bench) -> Iterator[Finding]:
    """Focal, cross entropy and mentions over the cells that the recipe says are taught."""
    loss, (output, batch), terms = bench.config.loss, made_up(bench), objective_of(bench).terms
    labels = bench.task.labels
    cells = batch.targets.clone()  # (B, A)
    if loss.unmentioned != "ignore":
        names = [name.lower() for name in labels.classes]
        fill = len(names) - 1 if loss.unmentioned == "class" else next(
            place for place, name in enumerate(names) if name in ("neutral", "trung tính"))
        cells[cells == -1] = fill
    taught = cells >= 0
    expected = {}
    if loss.loss_type in ("focal", "ce"):
        log_p = output.logits.log_softmax(-1)[taught].gather(1, cells[taught][:, None])[:, 0]  # (N,)
        gamma = loss.focal_gamma if loss.loss_type == "focal" else 0.0
        expected["cls"] = (-(1 - log_p.exp()) ** gamma * log_p * _alpha(bench)[cells[taught]]).mean()
    mentioned = (batch.targets != -1).float()
    if output.mention is not None:
        said = output.mention.sigmoid()
        expected["mention"] = -(mentioned * said.log() + (1 - mentioned) * (1 - said).log()).mean()
    for name, value in expected.items():
        if name in terms and not close(found := terms[name](output, batch), value):
            yield fault("value", f"{name} is {float(found):.5g} on made-up reviews; from the settings it should be "
                        f"{float(value):.5g}", f"{OBJECTIVE}text.py, utils/cells.py and utils/losses")


def _alpha(bench: Bench) -> Tensor:
    """(S,)"""
    loss, counts = bench.config.loss, torch.tensor(bench.task.labels.counts, dtype=torch.float32)
    size = len(bench.task.labels.classes)
    if loss.loss_type != "focal" or loss.focal_alpha is None:
        return torch.ones(size, device=bench.device)
    alpha = counts.sum() / (size * counts) if loss.focal_alpha == "auto" else torch.tensor(loss.focal_alpha)
    return alpha.to(bench.device)


def accuracy_is_of_targets(bench: Bench) -> Iterator[Finding]:
    """Answers that are all right score 1, and under mixup lam."""
    output, batch = made_up(bench)
    if isinstance(bench.config, TextConfig):
        cells = sentiment_cells(batch.targets, bench.task.fill)
        right, expected = replace(output, logits=_certain(cells, output.logits.shape[-1])), 1.0
    elif isinstance(bench.config, VideoConfig):
        right, expected = replace(output, logits=_certain(batch.targets, output.logits.shape[-1])), 0.3
        batch = replace(batch, other_targets=(batch.targets + 1) % output.logits.shape[-1], lam=0.3)
    else:
        right, expected = replace(output, key=output.projection), 1.0
    if not close(found := bench.task.accuracy(right, batch), expected):
        yield fault("accuracy", f"answers that are {expected:g} right have an accuracy of {float(found):.4g}",
                    "accuracy in utils/tasks")


def _certain(labels: Tensor, classes: int) -> Tensor:
    return nn.functional.one_hot(labels.clamp(min=0), classes).float() * 9
