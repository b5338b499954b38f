"""Trials of the reader of reviews: which tokens are read, and how they are pooled."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from utils.findings import Finding
from utils.health.trials.bench import Bench, close, fault, rows, same, told
from utils.structures import Batch

READER = "models/aspects.py"


def short(bench: Bench) -> Batch:
    """Two reviews of different length, told from padding by their mask alone."""
    batch = bench.batch
    order = batch.mask.sum(dim=1).argsort().tolist()
    chosen = rows(batch, [order[0], order[-1]])
    length = int(chosen.mask.sum(dim=1).max())
    if torch.equal(chosen.tokens[0], chosen.tokens[1]):
        chosen.mask[0, -(-length // 2):] = 0
    return replace(chosen, tokens=chosen.tokens[:, :length].clone(), mask=chosen.mask[:, :length].clone(), bad=[])


def tokens_matter(bench: Bench) -> Iterator[Finding]:
    """Every token that is not padding is read, and padding is not."""
    batch = short(bench)
    first = told(bench.say(batch))
    longer = replace(batch, tokens=F.pad(batch.tokens, (0, 8), value=int(batch.tokens[0, 0])),
                     mask=F.pad(batch.mask, (0, 8)))
    filled = replace(batch, tokens=torch.where(batch.mask == 0, batch.tokens[:1, :1], batch.tokens))
    swaps = {place: _swapped(batch, place) for place in _places(batch)}
    said = {place: told(bench.say(swapped)) for place, swapped in swaps.items()}
    wide, hidden = told(bench.say(longer)), told(bench.say(filled))
    for name, value in first.items():
        if not same(value, wide[name]):
            yield fault("padding", f"padding behind a review changes its {name}", f"{READER}: mask")
        if not same(value, hidden[name]):
            yield fault("mask", f"tokens that the mask hides change the {name}", f"{READER}: mask")
        unread = [place for place, other in said.items() if same(value[1:], other[name][1:], _loud(value[1:]))]
        if unread:
            yield fault("token-ignored", f"the {name} does not change with the token at place {unread[0]}",
                        f"{READER}, and the encoder's attention")


def _loud(value: Tensor) -> Tensor:
    return value.flatten(1)


def _places(batch: Batch) -> list[int]:
    """The last token, the one in the middle, and the second, of the longer review."""
    length = int(batch.mask[1].sum())
    return sorted({length - 1, length // 2, min(1, length - 1)})


def _swapped(batch: Batch, place: int) -> Batch:
    """With another token of the reviews at one place."""
    tokens = batch.tokens.clone()
    others = batch.tokens[batch.tokens != tokens[1, place]]
    if len(others):
        tokens[1, place] = others[len(others) // 2]
    return replace(batch, tokens=tokens)


def pads_as_the_tokenizer(bench: Bench) -> Iterator[Finding]:
    """The encoder's padding id, whose vector does not learn and behind which positions count, is the batch's."""
    known = bench.model.encoder.get_input_embeddings().padding_idx
    found = set(bench.batch.tokens[bench.batch.mask == 0].tolist())
    if known is not None and found - {known}:
        yield fault("padding-id", f"the batch is padded with token {min(found - {known})}, the encoder's padding is "
                    f"{known}", "models/text_encoder.py and the encoder's config.json")


def pooled_as_asked(bench: Bench) -> Iterator[Finding]:
    """The embedding is what --pooling says of the encoder's last hidden states."""
    batch, model, kept = short(bench), bench.model, []
    hook = model.encoder.register_forward_hook(lambda _, given, out: kept.append(out.last_hidden_state))
    output = bench.say(batch)
    hook.remove()
    hidden, mask = kept[0].float(), batch.mask.float()  # (B, L, D), (B, L)
    pooling = bench.config.model.pooling
    if pooling == "cls":
        expected = hidden[:, 0]
    elif pooling == "mean":
        expected = torch.einsum("bl,bld->bd", mask / mask.sum(dim=1, keepdim=True), hidden)
    else:
        scores = torch.einsum("ad,bld->bal", model.attention.queries, hidden) + mask.log().unsqueeze(1)
        expected = torch.einsum("bal,bld->bd", scores.softmax(dim=-1), hidden) / len(model.attention.queries)
    if not close(output.embedding, expected):
        yield fault("pooling", f"--pooling {pooling}: the embedding is not that of the encoder's last hidden states",
                    f"{READER}: _pool")


def aspects_are_apart(bench: Bench) -> Iterator[Finding]:
    """An aspect's own weights move its own cells; the heads are as many and as wide as the recipe says."""
    model, labels = bench.model, bench.task.labels
    output, batch = bench.say(short(bench)), short(bench)
    if output.logits.shape[1:] != (len(labels.aspects), len(labels.classes)):
        yield fault("cells", f"logits are {tuple(output.logits.shape)} for {len(labels.aspects)} aspects of "
                    f"{len(labels.classes)} classes", READER)
        return
    heads = {"logits": model.sentiments[-1], **({"mention": model.mentions[-1]} if model.mentions else {})}
    for name, head in heads.items():
        with bench.changed(head.own, head.bias):
            with torch.no_grad():
                head.own[-1].add_(bench.noise(*head.own[-1].shape))
                head.bias[-1].add_(1.0)
            after = bench.say(batch)
        moved = {kind: (getattr(after, kind) - getattr(output, kind)).abs() for kind in heads}
        if not moved[name][:, -1].gt(1e-4).any() or moved[name][:, :-1].gt(1e-4).any() or any(
                value.gt(1e-4).any() for kind, value in moved.items() if kind != name):
            yield fault("cells", f"the last aspect's own weights do not move its own {name} alone", READER)
    wanted = bench.config.loss.unmentioned == "ignore"
    if (output.mention is not None) != wanted:
        yield fault("cells", f"--unmentioned {bench.config.loss.unmentioned}: the head of mentions is "
                    f"{'missing' if wanted else 'there'}", READER)


def projections_are_unit(bench: Bench) -> Iterator[Finding]:
    """In training there are projections of unit length where the contrastive loss is on, and else none."""
    bench.model.eval()
    bench.model.training = True  # of the outermost module alone: nothing is dropped
    with torch.no_grad():
        projection = bench.model(short(bench)).projection
    bench.model.eval()
    if (projection is not None) != (bench.config.loss.contrastive_weight > 0):
        yield fault("projection", f"--contrastive-weight {bench.config.loss.contrastive_weight:g}: projections are "
                    f"{'there' if projection is not None else 'missing'}", READER)
    elif projection is not None and not close(length := projection.norm(dim=-1), torch.ones_like(length)):
        yield fault("unit-length", f"projections have length {float(length[0]):.3g}, not 1", READER)
