from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.explain.reviews import token_weights
from tests.models.test_aspects import LABELS, reader
from utils.structures import Output

PADDING = 1


def review(length: int, seed: int = 0) -> torch.Tensor:
    """(L,) ids: 0, words, 2"""
    stream = torch.Generator().manual_seed(seed)
    return torch.cat([torch.tensor([0]), torch.randint(4, 50, (length - 2,), generator=stream), torch.tensor([2])])


def hidden(tokens: torch.Tensor) -> torch.Tensor:
    return torch.tensor([0] + [PADDING] * (len(tokens) - 2) + [2])


def awake(pooling: str = "mean", mentions: bool = True, seed: int = 0):
    """A reader whose words are told apart as after training."""
    model = reader(pooling, mentions).eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        model.encoder.get_input_embeddings().weight.add_(torch.randn(50, 16) * 0.3)
    return model


@pytest.mark.parametrize("mentions", [True, False])
@pytest.mark.parametrize("pooling", ["cls", "mean", "aspect"])
def test_weights_add_up_to_what_the_tokens_change(pooling, mentions):
    """To the score of the review less that of as many paddings (completeness; Sundararajan et al., 2017)."""
    model, tokens = awake(pooling, mentions), review(12)
    with torch.no_grad():
        ends = [model.read(model.encoder.get_input_embeddings()(ids[None])) for ids in (hidden(tokens), tokens)]
    for aspect, sentiment in ((0, 0), (1, 2), (3, 1)):
        found = token_weights(model, tokens, PADDING, aspect, sentiment)
        scores = [[output.logits[0, aspect, sentiment] - output.logits[0, aspect].mean() for output in ends]]
        scores += [[output.mention[0, aspect] for output in ends]] if mentions else []
        for weights, (before, after) in zip((found.sentiment, found.mention), scores):
            assert weights.shape == (12,) and weights[[0, -1]].tolist() == [0, 0] and weights.abs().sum() > 0.01
            assert abs(weights.sum() - (after - before)) <= 0.02 * weights.abs().sum()
        assert (found.mention is not None) == mentions


class Linear(nn.Module):
    """Sums a weight of each token's each entry, for every aspect and sentiment, and for its mention."""

    def __init__(self, width: int = 3):
        super().__init__()
        embeddings = nn.Embedding(50, width)
        self.encoder = SimpleNamespace(get_input_embeddings=lambda: embeddings)
        self.embeddings, self.sentiments, self.mentions = embeddings, torch.randn(4, 3, width), torch.randn(4, width)

    def read(self, embedded: torch.Tensor) -> Output:
        return Output(logits=torch.einsum("nld,asd->nas", embedded, self.sentiments),
                      mention=torch.einsum("nld,ad->na", embedded, self.mentions))


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 9), st.integers(0, 3), st.integers(0, 2), st.integers(0, 999))
def test_of_a_linear_network_each_weight_is_that_of_the_token(length, aspect, sentiment, seed):
    torch.manual_seed(seed)
    model, tokens = Linear(), review(length, seed)
    found = token_weights(model, tokens, PADDING, aspect, sentiment)
    change = (model.embeddings.weight[tokens] - model.embeddings.weight[hidden(tokens)]).detach()  # (L, D)
    of = change @ model.sentiments[aspect].T  # (L, S)
    assert torch.allclose(found.sentiment, of[:, sentiment] - of.mean(dim=1), atol=1e-4)
    assert torch.allclose(found.mention, change @ model.mentions[aspect], atol=1e-4)


class Squared(Linear):
    """Of the sum of entries, its square."""

    def read(self, embedded: torch.Tensor) -> Output:
        square = embedded.sum(dim=(1, 2)).square()
        return Output(logits=torch.stack([square, -square], dim=-1)[:, None])


def test_the_path_is_walked_and_not_its_end():
    """Of s^2 along the way from s = 1 to s = 8 each token gets what it adds to s, times 1 + 8."""
    model = Squared(1)
    with torch.no_grad():
        model.embeddings.weight.zero_()
        model.embeddings.weight[[0, 4, 5], 0] = torch.tensor([1.0, 3.0, 1.0])
    found = token_weights(model, torch.tensor([0, 4, 5, 4, 2]), PADDING, 0, 0)
    assert found.mention is None
    assert found.sentiment.tolist() == pytest.approx([0, 3 * 9, 1 * 9, 3 * 9, 0])


def test_other_weights_give_other_words_the_weight():
    tokens = review(20)
    own, again, other = (token_weights(awake(seed=seed), tokens, PADDING, 0, 1) for seed in (0, 0, 1))
    for name in ("mention", "sentiment"):
        a, b, c = (getattr(found, name) for found in (own, again, other))
        assert torch.equal(a, b) and torch.corrcoef(torch.stack([a, c]))[0, 1].abs() < 0.6


def test_the_aspect_and_the_sentiment_that_are_asked_for():
    model, tokens = awake("aspect"), review(9)
    found = {(a, s): token_weights(model, tokens, PADDING, a, s) for a in range(len(LABELS.aspects)) for s in range(3)}
    rows = [weights.sentiment for weights in found.values()]
    assert all(not torch.allclose(a, b, atol=1e-4) for i, a in enumerate(rows) for b in rows[:i])
    for aspect in range(4):  # over the mean sentiment: of all together nothing is left
        assert torch.allclose(sum(found[aspect, s].sentiment for s in range(3)), torch.zeros(9), atol=1e-4)
        assert torch.equal(found[aspect, 0].mention, found[aspect, 1].mention)


def test_a_frozen_encoder_has_the_same_weights_and_nothing_is_left_behind():
    tokens = review(8)
    frozen, free = reader("mean", trainable=False).eval(), reader("mean").eval()
    frozen.encoder.requires_grad_(False)
    with torch.no_grad():
        found, expected = (token_weights(model, tokens, PADDING, 1, 1) for model in (frozen, free))
    assert torch.equal(found.sentiment, expected.sentiment) and found.sentiment.abs().max() > 0
    assert not found.sentiment.requires_grad and all(parameter.grad is None for parameter in free.parameters())
