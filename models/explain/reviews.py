"""What each token of a review adds to an answer: integrated gradients (Sundararajan et al., 2017, arXiv 1703.01365)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from models.aspects import ReviewReader
from utils.structures import Output

STEPS, AT_ONCE = 64, 16  # points of the path; of which so many are read at a time


@dataclass(frozen=True)
class TokenWeights:
    """Of L tokens and one aspect, what each adds to the mention's logit, and to the sentiment's over the mean of all.

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
        mentions = reader.read(end[None]).mention is not None

    def weights_of(score: Callable[[Output], Tensor]) -> Tensor:
        gradients = IntegratedGradients(lambda embedded: score(reader.read(embedded)))
        found = gradients.attribute(end[None], start[None], n_steps=STEPS, method="riemann_middle",
                                    internal_batch_size=AT_ONCE)  # (1, L, D)
        return found[0].sum(dim=-1).detach().cpu()

    def of_sentiment(output: Output) -> Tensor:
        logits = output.logits[:, aspect].float()  # (N, S)
        return logits[:, sentiment] - logits.mean(dim=-1)

    mention = weights_of(lambda output: output.mention[:, aspect].float()) if mentions else None
    return TokenWeights(mention, weights_of(of_sentiment))
