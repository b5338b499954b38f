"""What each token of a review adds to an answer: integrated gradients (Sundararajan et al., 2017, arXiv 1703.01365)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.aspects import ReviewReader
from utils.structures import Output

STEPS = 64  # points of the path


@dataclass(frozen=True)
class TokenWeights:
    """Of L tokens and one aspect, what each adds to the mention's logit and to the sentiment's, over the mean sentiment.

    With what the review gets with its tokens hidden, they add up to what it gets.
    """

    mention: Tensor | None  # (L,), None without a mention head
    sentiment: Tensor  # (L,)


def token_weights(reader: ReviewReader, tokens: Tensor, padding: int, aspect: int, sentiment: int) -> TokenWeights:
    """Of one review, (L,) token ids without padding, along the way from a review of paddings to it.

    The first and the last token, the encoder's own, stay as they are and weigh nothing.
    """
    hidden = torch.full_like(tokens, padding)
    hidden[0], hidden[-1] = tokens[0], tokens[-1]
    with torch.no_grad():
        start, end = reader.encoder.get_input_embeddings()(torch.stack([hidden, tokens]))  # (L, D) each

    def sums(output: Output) -> list[Tensor]:
        logits = output.logits[:, aspect]  # (N, S)
        score = [(logits[:, sentiment] - logits.mean(dim=-1)).sum()]
        return score if output.mention is None else [*score, output.mention[:, aspect].sum()]

    shares = (torch.arange(STEPS, device=tokens.device) + 0.5) / STEPS  # midpoints
    totals = None
    for share in shares.split(16):
        with torch.enable_grad():
            embedded = (start + share[:, None, None] * (end - start)).requires_grad_()  # (N, L, D)
            found = sums(reader.read(embedded))
        gradients = [torch.autograd.grad(score, embedded, retain_graph=True)[0].sum(dim=0) for score in found]
        totals = gradients if totals is None else [a + b for a, b in zip(totals, gradients)]
    weights = [((end - start) * total / STEPS).sum(dim=-1).cpu() for total in totals]  # (L,) each
    return TokenWeights(weights[1] if len(weights) > 1 else None, weights[0])
