import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import XLMRobertaConfig

from models.aspects import AspectAttention, PerAspectLinear, ReviewReader
from models.text_encoder import encoder_of
from utils.config import TextModelConfig
from utils.structures import Batch, Labels

LABELS = Labels(["Positive", "Negative", "Neutral"], ["BATTERY", "CAMERA", "PRICE", "OTHERS"])
SMALL = dict(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)


def reader(pooling="cls", mentions=True, trainable=True, contrasts=True, **settings) -> ReviewReader:
    torch.manual_seed(0)
    settings = TextModelConfig(pooling=pooling, head_width=8, projection_width=6, **settings)
    return ReviewReader(encoder_of(XLMRobertaConfig(**SMALL)), LABELS, settings, mentions, contrasts, trainable)


def batch(lengths=(5, 9, 3), seed=0) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    tokens = torch.full((len(lengths), max(lengths)), 1)
    for row, length in zip(tokens, lengths):
        row[:length] = torch.randint(4, 50, (length,), generator=stream)
    return Batch(torch.zeros(len(lengths), 4, dtype=torch.int64), list("abc"), tokens=tokens, mask=(tokens != 1).long())


@pytest.mark.parametrize("pooling", ["cls", "mean", "aspect"])
def test_shapes_and_the_projection_in_training_only(pooling):
    model = reader(pooling)
    output = model.train()(batch())
    assert output.logits.shape == (3, 4, 3) and output.mention.shape == (3, 4) and output.embedding.shape == (3, 16)
    assert output.projection.shape == (3, 6)
    assert torch.allclose(output.projection.norm(dim=-1), torch.ones(3), atol=1e-6)
    assert model.eval()(batch()).projection is None
    assert reader(pooling, mentions=False)(batch()).mention is None
    without = reader(pooling, contrasts=False).train()
    names = [name for name, _ in without.named_parameters()]
    assert without(batch()).projection is None and not any("projection" in name for name in names)


@pytest.mark.parametrize("pooling", ["cls", "mean", "aspect"])
def test_padding_changes_nothing(pooling):
    model = reader(pooling).eval()
    together, wider = batch(), batch()
    wider.tokens, wider.mask = F.pad(wider.tokens, (0, 7), value=1), F.pad(wider.mask, (0, 7))
    for name in ("logits", "mention", "embedding"):
        assert torch.allclose(getattr(model(together), name), getattr(model(wider), name), atol=1e-5)


def test_what_is_pooled():
    inputs = batch()
    for pooling, expected in (
        ("cls", lambda hidden: hidden[:, 0]),
        ("mean", lambda hidden: torch.stack([row[:n].mean(0) for row, n in zip(hidden, (5, 9, 3))])),
    ):
        model = reader(pooling).eval()
        hidden = model.encoder(inputs.tokens, attention_mask=inputs.mask).last_hidden_state
        assert torch.allclose(model(inputs).embedding, expected(hidden), atol=1e-6)


def test_aspect_attention_by_hand():
    attention = AspectAttention(2, 2)
    attention.queries = nn.Parameter(torch.tensor([[math.log(3), 0.0], [0.0, 0.0]]))
    hidden = torch.tensor([[[1.0, 0.0], [0.0, 4.0], [9.0, 9.0]]])
    pooled = attention(hidden, torch.tensor([[1, 1, 0]]))
    assert torch.allclose(pooled, torch.tensor([[[0.75, 1.0], [0.5, 2.0]]]))  # weights 3 : 1, and 1 : 1


def test_per_aspect_linear_is_one_layer_and_a_difference_for_each_aspect():
    layer, x = PerAspectLinear(5, 3, 2), torch.randn(4, 3, 5)
    assert torch.equal(layer(x), layer.shared(x))  # to begin with
    with torch.no_grad():
        layer.own.normal_(), layer.bias.normal_()
    apart = [F.linear(x[:, a], layer.shared.weight + layer.own[a], layer.shared.bias + layer.bias[a]) for a in range(3)]
    assert torch.allclose(layer(x), torch.stack(apart, 1), atol=1e-5)
    assert torch.allclose(layer(x[:, :1]), layer(x[:, :1].expand(-1, 3, -1)))


def test_a_pooler_is_never_used():
    model = reader()
    assert model.encoder.pooler is None and not any("pooler" in name for name, _ in model.named_parameters())


def test_every_parameter_learns_from_the_one_forward_pass():
    model = reader("aspect").train()
    output = model(batch())
    (output.logits.square().sum() + output.mention.sum() + output.projection[:, 0].sum()).backward()
    idle = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert idle == []
    names = {group: {name for name, _ in parameters} for group, parameters in model.parameter_groups().items()}
    assert names["encoder"] == {f"encoder.{name}" for name, _ in model.encoder.named_parameters()}
    assert names[""] == {name for name, _ in model.named_parameters()} - names["encoder"]


def test_a_frozen_encoder_has_no_gradient_and_no_dropout():
    model = reader(trainable=False).train()
    first, second = model(batch()), model(batch())
    assert torch.equal(first.embedding, second.embedding) and not first.embedding.requires_grad
    assert first.logits.requires_grad
    assert not torch.equal(reader().train()(batch()).embedding, first.embedding)
