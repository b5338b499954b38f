"""What an evaluation says of a sample, and the scores made of it, worked out again by other means."""

import contextlib
from collections.abc import Iterator

import torch
from sklearn.metrics import accuracy_score, f1_score, recall_score
from torch import Tensor
from torch.nn import functional as F

from utils.distributed import exchanged
from utils.errors import UserError, first_line
from utils.findings import Finding, of_some
from utils.health.watch import Watch
from utils.prediction import Predictions
from utils.structures import NO_POLARITY, NOT_MENTIONED, Batch

OFF, OFF_LOW = 0.02, 0.2  # of the spread over samples, in float32 and in low precision: a sample's own lies far below
LEAST = 3  # samples, for a spread
SCORED = 2e-3  # of a score, beside its own size where that is above 1


class InStep(Watch):
    """The first and the last sample of a split are put through the evaluated weights alone: they must get what the pass
    over the split says of them."""

    def evaluated(self, split: str, predictions: Predictions) -> None:
        loader, network = self.watched.loaders[split], self.watched.averaged or self.watched.model
        name = "logits" if predictions.logits is not None else "embedding"
        said = getattr(predictions, name)
        if len(predictions.ids) < LEAST or len(set(predictions.ids)) < len(predictions.ids):
            return
        planned = [draw for batch in loader.order.batches(0) for draw in batch]
        draws = {loader.ids[draw.index]: draw for draw in planned}
        chosen = [place for place in (0, len(predictions.ids) - 1) if predictions.ids[place] in draws]
        batches = [_read(loader, draws[predictions.ids[place]]) for place in chosen]
        told = exchanged([batch if isinstance(batch, str) else len(batch) > 0 for batch in batches])
        if wrong := [text for in_each in told for text in in_each if isinstance(text, str)]:
            raise RuntimeError(wrong[0])  # in all processes: one alone without this watch would be out of step
        # One that a process cannot read any more goes through no network: several processes meet there.
        read = [all(in_each) for in_each in zip(*told)]
        again = [self._alone(network, batch, name) if there else None for batch, there in zip(batches, read)]
        spread = (said - said.mean(dim=0)).abs().max()
        share = OFF if self.watched.precision.dtype is None else OFF_LOW
        off = [predictions.ids[place] for place, own in zip(chosen, again)
               if own is not None and float((said[place] - own).abs().max()) > max(share * spread, 1e-4)]
        if off:
            self.seen.setdefault("off", {})[split] = off

    def _alone(self, network, batch, name: str) -> Tensor:
        dtype, device = self.watched.precision.dtype, next(network.parameters()).device
        with _evaluating(network), torch.no_grad(), torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            return getattr(network(batch.to(device)), name)[0].float().cpu()

    def of_evaluation(self) -> Iterator[Finding]:
        for split, names in self.seen.pop("off", {}).items():
            yield Finding("error", "predictions-out-of-step", f"{split}: what was predicted of a sample is not what "
                          "the weights that are kept say of it", "see the pass over a split: which weights it goes "
                          "through, and how predictions and ids are joined", **of_some(names))


def _read(loader, draw) -> Batch | str:
    """A batch of one sample, or of none where it is bad; or what has gone wrong."""
    try:
        return loader.collate([loader.dataset[draw]])
    except UserError:
        raise
    except Exception as error:
        return f"a sample cannot be read again: {type(error).__name__}: {first_line(error)}"


@contextlib.contextmanager
def _evaluating(network) -> Iterator[None]:
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


class Scores(Watch):
    """The scores in an epoch's row are those of its predictions on validation."""

    def evaluated(self, split: str, predictions: Predictions) -> None:
        if split == "val" and predictions.logits is not None:
            of = _of_reviews if predictions.targets.ndim > 1 else _of_clips
            self.seen["scores"] = of(predictions, self.config, self.watched.labels)

    def close(self, epoch: int, row: dict) -> Iterator[Finding]:
        wrong = [f"{name} is {row[f'val_{name}']:.4g}, and not {value:.4g}"
                 for name, value in self.seen.pop("scores", {}).items()
                 if f"val_{name}" in row and abs(row[f"val_{name}"] - value) > SCORED * max(abs(value), 1)]
        if wrong:
            yield Finding("error", "other-scores", "the scores on validation are not those of its predictions",
                          "see the scores in utils/tasks", **of_some(wrong))


def _of_clips(predictions: Predictions, config, labels) -> dict[str, float]:
    targets, said = predictions.targets.numpy(), predictions.logits.argmax(dim=-1).numpy()
    present = sorted(set(targets.tolist()))
    among = dict(labels=present, average="macro", zero_division=0)
    logits = predictions.logits.double()
    surprise = logits.logsumexp(dim=-1) - logits.gather(1, predictions.targets[:, None])[:, 0]  # (N,)
    return {"war": accuracy_score(targets, said), "uar": recall_score(targets, said, **among),
            "macro_f1": f1_score(targets, said, **among),
            "cross_entropy": float(surprise.mean())}


def _of_reviews(predictions: Predictions, config, labels) -> dict[str, float]:
    """By sets of (review, aspect) and of (review, aspect, sentiment)."""
    truth, sentiments = predictions.targets, len(labels.classes) - (config.loss.unmentioned == "class")
    polarity = predictions.logits[..., :sentiments].argmax(dim=-1)  # (N, A)
    if predictions.mention is not None:
        named = torch.special.expit(predictions.mention) >= config.model.mention_threshold
    elif config.loss.unmentioned == "class":
        named = predictions.logits.argmax(dim=-1) != sentiments
    else:
        return {}
    said, true = (set(map(tuple, cells.nonzero().tolist())) for cells in (named, truth != NOT_MENTIONED))
    unrated = {place for place, aspect in enumerate(labels.aspects) if aspect in labels.unrated}
    pairs = {(*cell, int(polarity[cell])) for cell in said if cell[1] not in unrated and truth[cell] != NO_POLARITY}
    own = {(*cell, int(truth[cell])) for cell in true if truth[cell] != NO_POLARITY}
    known = truth >= 0
    right = float((polarity == truth)[known].float().mean()) if known.any() else 0.0
    return {"aspect_micro_f1": _dice(said, true), "pair_micro_f1": _dice(pairs, own), "polarity_accuracy": right,
            **({"cross_entropy": float(F.cross_entropy(predictions.logits[known], truth[known]))}
               if config.loss.unmentioned == "ignore" and known.any() else {})}


def _dice(said: set, true: set) -> float:
    return 2 * len(said & true) / max(len(said) + len(true), 1)
