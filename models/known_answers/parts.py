"""Known answers of what stands around the towers."""

import math

import torch
from torch import Tensor, nn

from models import build_model
from models.adapter import Adapter
from models.aspects import AspectAttention, PerAspectLinear
from models.chunks import in_chunks
from models.fusion import Fusion
from models.known_answers.towers import drawn_nowhere
from models.prompts import _order, mean_per_class
from models.simclr import projection_head
from models.temporal import TemporalTransformer, sinusoids
from models.texts import class_texts
from utils.config import SimclrConfig, SimclrDataConfig, SimclrModelConfig, SimclrTrainConfig
from utils.known_answers.answer import Answer, rows
from utils.structures import Labels

FRAMES = rows([1.0, 0.0], [0.0, 1.0]).detach()


def temporal(pool: str) -> Tensor:
    """Without layers and with an output layer of identity, on frames whose positions are taken off first.

    cls reads the class token, the query itself, (sqrt 2 ln 3, 0).
    attention: scores ln 3 and 0 weigh (1, 0) and (0, 1) by 3/4 and 1/4.
    """
    module = drawn_nowhere(lambda: TemporalTransformer(2, 1, 1, pool, 0.0)).eval()
    module.transformer = nn.Identity()
    with torch.no_grad():
        module.query.copy_(torch.tensor([math.sqrt(2) * math.log(3), 0.0]))
        module.out.weight.copy_(torch.eye(2))
        positions = torch.tensor([[0.0, 1.0], [math.sin(1), math.cos(1)]])
        frames = FRAMES - positions
        return module(frames[None])[0] - frames.mean(dim=0)


def silent() -> list[bool]:
    """Adapter and fusion start as the identity, and the temporal transformer as the mean."""
    x, other = torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), torch.ones(1, 2, 2)
    made = (drawn_nowhere(lambda: Adapter(2, 1, 0.0))(x), drawn_nowhere(lambda: Fusion(2))(x, other),
            drawn_nowhere(lambda: TemporalTransformer(2, 1, 1, "cls", 0.0)).eval()(x))
    return [value.round(decimals=5) for value in made]


def fused() -> Tensor:
    """Face 1 2 plus a correction of 10 x the context's first number."""
    fusion = drawn_nowhere(lambda: Fusion(2))
    with torch.no_grad():
        fusion.correction.weight[0, 2] = 10.0
        return fusion(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))


def chunked() -> list:
    """Values and the weights' gradient are those of the one batch; batch statistics are taken in once a chunk."""
    encoder = drawn_nowhere(lambda: nn.Sequential(nn.Linear(1, 1), nn.ReLU()))
    x, results = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]]), []
    with torch.no_grad():
        encoder[0].weight.fill_(2.0)
        encoder[0].bias.fill_(1.0)
    for size in (0, 2):
        features = in_chunks(encoder, [x], size)
        results.append([features.flatten(), torch.autograd.grad((features**2).sum(), encoder[0].weight)[0].flatten()])
    norm = nn.BatchNorm1d(1, momentum=0.5)  # running mean 0 -> 0.75 -> 2.125 -> 3.8125: of 1 2, 3 4, and 5 6
    in_chunks(norm, [torch.arange(1.0, 7.0)[:, None]], 2).sum().backward()
    return [results, norm.running_mean]


def chunked_dropout() -> float:
    """Features are 2 x or nothing; of a sum of c x the gradient by the factor c = 1 is the sum itself.

    Powers of 2, so that no two masks have one sum.
    """
    encoder = drawn_nowhere(lambda: nn.Sequential(nn.Linear(1, 1, bias=False), nn.Dropout(0.5)))
    nn.init.ones_(encoder[0].weight)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        total = in_chunks(encoder, [2.0 ** torch.arange(16)[:, None]], 4).sum()
        return torch.autograd.grad(total, encoder[0].weight)[0].item() / total.item()


def of_seeds() -> bool:
    """Whether seeds 0 and 1 give the same first weights."""
    def first(seed: int) -> Tensor:
        config = SimclrConfig(data=SimclrDataConfig(image_size=48), train=SimclrTrainConfig(seed=seed),
                              model=SimclrModelConfig("tiny", "none", head_width=1))
        return next(drawn_nowhere(lambda: build_model(config, Labels([]))).parameters())

    return torch.equal(first(0), first(1))


def attended() -> Tensor:
    """Scores ln 3 and 0 of the two tokens that the mask shows: 3/4 of 1 0, 1/4 of 0 4."""
    attention = drawn_nowhere(lambda: AspectAttention(2, 1))
    with torch.no_grad():
        attention.queries.copy_(torch.tensor([[math.log(3), 0.0]]))
        return attention(torch.tensor([[[1.0, 0.0], [0.0, 4.0], [9.0, 9.0]]]), torch.tensor([[1, 1, 0]]))[0, 0]


def of_aspects() -> Tensor:
    """Shared 2 x + 1 of x = 3; the second aspect's own weight 10 and bias 100: 7, 7 + 30 + 100."""
    head = drawn_nowhere(lambda: PerAspectLinear(1, 2, 1))
    with torch.no_grad():
        head.shared.weight.fill_(2.0)
        head.shared.bias.fill_(1.0)
        head.own[1] = 10.0
        head.bias[1] = 100.0
        return head(torch.tensor([[[3.0]]])).flatten()


def frames_layers() -> list:
    """Those of the transformer over frames."""
    layers = drawn_nowhere(lambda: TemporalTransformer(8, 3, 2, "cls", 0.25)).transformer.layers
    return [[layer.self_attn.num_heads, layer.self_attn.dropout, layer.dropout.p, layer.dropout1.p, layer.dropout2.p,
             layer.norm_first, layer.self_attn.batch_first, layer.linear1.out_features] for layer in layers]


def head(layers: int) -> list[str]:
    return [type(layer).__name__ for layer in drawn_nowhere(lambda: projection_head(4, 3, 2, layers))]


ANSWERS = [
    # Rates 1 and 10000^(-1/2) = 0.01
    Answer("sinusoids", "models/temporal.py", lambda: sinusoids(2, 4, torch.device("cpu")),
           [[0.0, 1.0, 0.0, 1.0], [0.841471, 0.540302, 0.0099998, 0.99995]]),
    Answer("TemporalTransformer, cls", "models/temporal.py", lambda: temporal("cls"), [1.553673, 0.0]),
    Answer("TemporalTransformer, attention", "models/temporal.py", lambda: temporal("attention"), [0.75, 0.25]),
    Answer("what starts silent", "models/adapter.py, fusion.py or temporal.py", silent,
           [[[[1.0, 2.0], [3.0, 6.0]]], [[[1.0, 2.0], [3.0, 6.0]]], [[2.0, 4.0]]]),
    Answer("Adapter's layers", "models/adapter.py",
           lambda: [list(weight.shape) for weight in drawn_nowhere(lambda: Adapter(8, 4, 0.0)).parameters()],
           [[8], [8], [2, 8], [2], [8, 2], [8]]),
    Answer("Adapter's dropout", "models/adapter.py",
           lambda: [part.p for part in drawn_nowhere(lambda: Adapter(8, 4, 0.25)).modules()
                    if isinstance(part, nn.Dropout)], [0.25]),
    Answer("TemporalTransformer's layers", "models/temporal.py", frames_layers,
           [[2, 0.25, 0.25, 0.25, 0.25, True, True, 32]] * 3),
    Answer("Fusion", "models/fusion.py", fused, [31.0, 2.0]),
    # f = 3 5 7 9 11; d of the sum of f^2 by the weight is the sum of 2 f x = 2 (3 + 10 + 21 + 36 + 55)
    Answer("in_chunks", "models/chunks.py", chunked,
           [[[[3.0, 5.0, 7.0, 9.0, 11.0], [250.0]]] * 2, [3.8125]]),
    Answer("in_chunks with dropout", "models/chunks.py", chunked_dropout, 1.0),
    Answer("build_model's seed", "models/__init__.py", of_seeds, False),
    Answer("AspectAttention", "models/aspects.py", attended, [0.75, 1.0]),
    Answer("PerAspectLinear", "models/aspects.py", of_aspects, [7.0, 137.0]),
    Answer("projection_head", "models/simclr.py", lambda: [head(2), head(3)],
           [["Linear", "BatchNorm1d", "ReLU", "Linear"],
            ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear"]]),
    # (1, 0) and (0, 1) of one class, (0, 1) twice of the next
    Answer("mean_per_class", "models/prompts.py",
           lambda: mean_per_class(rows([1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]), 2),
           [[0.707107, 0.707107], [0.0, 1.0]]),
    # Start 0, words 1 2, end 3, padding; contexts are 6, 7 and 8
    Answer("the order of a prompt", "models/prompts.py",
           lambda: [_order(2, 3, 6, position) for position in ("end", "middle", "front")],
           [[0, 6, 7, 8, 1, 2], [0, 6, 1, 2, 7, 8], [0, 1, 2, 6, 7, 8]]),
    Answer("class_texts", "models/texts.py",
           lambda: [class_texts(["Happy", "Sad"], kind)[1] for kind in ("class_names", "class_names_with_context")]
           + [[len(texts) for texts in class_texts(["Happy", "Sad"], "prompt_ensemble")]],
           [["sad"], ["a photo of a person who looks sad"], [5, 5]]),
]
