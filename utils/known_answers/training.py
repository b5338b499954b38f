"""Known answers of what a step is made of: schedules, mixup, averages, optimiser groups, cells, views, seeds."""

import numpy as np
import torch
from torch import Tensor, nn

from utils.averaging import frozen_copy, move_towards
from utils.cells import sentiment_cells, unmentioned_class
from utils.config import SimclrDataConfig, SimclrTrainConfig, TextTrainConfig, VideoTrainConfig
from utils.known_answers.answer import Answer
from utils.meter import Meter
from utils.mixup import mixup
from utils.optimizer import build_optimizer, depth_factors
from utils.precision import choose_precision
from utils.schedules import before, from_epoch, learning_rate_factor, ramp
from utils.seeding import generator, seed_torch
from utils.structures import Batch
from utils.views import Draws, draw_views, make_views, view_pairs


def seeded() -> list[bool]:
    """Of each seed, use and counters: first numbers of the stream, of torch, and of the stream that seeded torch. Equal
    where all these are equal, and else all others."""
    counters = (), (0, 1), (1, 0), (1, 1)
    asked = [(seed, use, *each) for seed in (0, 1) for use in (0, 1, 2) for each in counters]
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        first, again = ([(generator(*each).random(), seed_torch(*each).random(), torch.rand(()).item())
                         for each in asked] for _ in range(2))
    return [first == again, len({number for numbers in first for number in numbers}) == 3 * len(asked)]


class Fixed:
    """A random stream that says always the same: a Beta draw of 1/4, a rotation, 1/4."""

    def beta(self, a: float, b: float) -> float:
        return 0.25 if a == b == 0.2 else float("nan")

    def permutation(self, size: int) -> np.ndarray:
        return np.roll(np.arange(size), -1)  # 1, 2, 0

    def random(self, shape) -> np.ndarray:
        return np.full(shape, 0.25)


def clips(*values: float) -> Tensor:
    """One frame of one pixel each, (B, 1, 1, 1, 1) uint8."""
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1, 1)


def mixed() -> dict:
    """lam 1/4 and partners 1, 2, 0: 0.25 x 0 + 0.75 x 8 = 6, 0.25 x 8 + 0.75 x 16 = 14, 4; 40, 50, 90."""
    batch = mixup(Batch(torch.arange(3), list("abc"), clips(0, 8, 16), clips(100, 20, 60)), 0.2, Fixed())
    return {"face": batch.face.flatten(), "context": batch.context.flatten(), "targets": batch.targets,
            "others": batch.other_targets, "lam": batch.lam}


def not_mixed() -> list:
    """Neither at alpha 0 nor of a single clip; but two are."""
    two, one = (Batch(torch.arange(n), ["a"] * n, clips(*range(n))) for n in (2, 1))
    return [mixup(batch, alpha, Fixed()).other_targets for batch, alpha in ((two, 0), (one, 0.2), (two, 0.2))]


def averaged() -> list:
    """0.9 x 1 + 0.1 x 3; counters are copied."""
    module = nn.BatchNorm1d(1)
    nn.init.constant_(module.weight, 1.0)
    average = frozen_copy(module)
    nn.init.constant_(module.weight, 3.0)
    nn.init.constant_(module.running_var, 11.0)  # from 1
    module.num_batches_tracked += 5
    move_towards(average, module, 0.9)
    return [average.weight, average.running_var, average.num_batches_tracked, average.weight.requires_grad]


def metered() -> dict:
    """(3 x 1 + 1 x 5) / 4; what was added once is a mean of one."""
    meter = Meter()
    meter.add({"loss": 1.0, "rare": 7.0}, 3)
    meter.add({"loss": torch.tensor(5.0)}, 1)
    return meter.means()


def optimised() -> list:
    """(group, rate, weight decay, weights) of a matrix and a bias of each group; a rate of 0 freezes."""
    def pair(name: str) -> list:
        return [(f"{name}.weight", nn.Parameter(torch.ones(2, 2))), (f"{name}.bias", nn.Parameter(torch.ones(3)))]

    groups = {"image_encoder": pair("video"), "prompt_learner": pair("prompts"), "adapter": pair("adapter"),
              "": pair("rest")}
    config = VideoTrainConfig(lr=4e-3, lr_image_encoder=1e-3, lr_prompt_learner=2e-3, lr_adapter=0, weight_decay=0.5)
    optimizer = build_optimizer(config, groups)
    frozen = [parameter.requires_grad for _, parameter in groups["adapter"]]
    rows = [[group["name"], group["lr"] * 1e3, group["full_lr"] * 1e3, group["weight_decay"],
             sum(parameter.numel() for parameter in group["params"])] for group in optimizer.param_groups]
    return [type(optimizer).__name__, rows, frozen]


def decayed() -> list:
    """Rates by layer: 1/2 to the power of the layers above; one that is no encoder's has its group's."""
    names = ["encoder.layer.0.weight", "encoder.layer.1.weight", "encoder.embeddings.weight", "head.weight"]
    optimizer = build_optimizer(TextTrainConfig(lr_encoder=8e-3, layer_decay=0.5, optimizer="sgd"), {
        "encoder": [(f"x.{name}", nn.Parameter(torch.ones(2, 2))) for name in names]})
    rates = [[group["lr"] * 1e3, group["full_lr"] * 1e3] for group in optimizer.param_groups]
    return [depth_factors([f"x.{name}" for name in names], 0.5), rates, optimizer.defaults["momentum"],
            optimizer.defaults["nesterov"]]


def of_optimizers() -> list:
    """What torch and timm are told beside the groups."""
    made = [build_optimizer(VideoTrainConfig(), {"": [("x", nn.Parameter(torch.ones(1)))]}),
            build_optimizer(SimclrTrainConfig(optimizer="lars", lr=0.1), {"": [("x", nn.Parameter(torch.ones(1)))]})]
    asked = ("betas", "eps", "amsgrad", "maximize"), ("momentum", "nesterov", "trust_clip", "trust_coeff")
    return [[optimizer.defaults[name] for name in names] for optimizer, names in zip(made, asked)]


def precisions() -> list:
    """Without AMP, in bf16, in fp16 with a scaler, whatever the device."""
    return [[str(found.dtype), found.scaled] for settings in (
        {"use_amp": False}, {"amp_dtype": "bf16"}, {"amp_dtype": "fp16"})
        for found in [choose_precision(VideoTrainConfig(**settings), torch.device("cpu"))]]


SAME = dict(left=0.0, top=0.0, width=1.0, height=1.0, flip=False, brightness=1.0, contrast=1.0, saturation=1.0,
            hue=0.0, grey=False, sigma=0.0)


def seen(*, frame: Tensor | None = None, **drawn) -> Tensor:
    """A view (3, 4, 4) of a frame whose columns are 0, 10, 20, 30, or of another."""
    frame = torch.arange(0, 40, 10).expand(3, 4, 4) if frame is None else frame
    draws = Draws(**{name: np.array([value]) for name, value in (SAME | drawn).items()})
    return make_views(frame.to(torch.uint8)[None, None], draws, 4)[0, 0]


COLOURED = torch.tensor([100, 50, 200]).view(3, 1, 1).expand(3, 4, 4)  # luma 0.299 x 100 + 0.587 x 50 + 22.8 = 82.05
DOT = 255 * torch.nn.functional.pad(torch.ones(3, 1, 1), (1, 2, 1, 2))
REDDISH = torch.tensor([100, 40, 40]).view(3, 1, 1).expand(3, 4, 4)


def pairs() -> list:
    """Where settings change nothing, the two views of each clip are its two windows."""
    nothing = SimclrDataConfig(image_size=16, crop_scale=1.0, flip=0, colour=0, grey=0, blur=0)
    values = torch.arange(8).view(2, 2, 2, 1, 1, 1) * 30  # of clip, window, frame
    batch = Batch(torch.arange(2), list("ab"), values.expand(-1, -1, -1, 3, 16, 16).to(torch.uint8))
    views = view_pairs(batch, nothing, Fixed()).face
    return views.float().mean(dim=(3, 4, 5))


def drawn() -> list:
    """Draws of 1/4: area 0.2 + 0.8 / 4 = 0.4, aspect (4/3)^-0.5 = 0.866025: width sqrt(0.346410), height
    sqrt(0.461880), left and top a quarter of what is left; factors 0.2 + 1.6 / 4 = 0.6; hue -0.5 x 0.2; sigma
    0.1 + 0.9 / 4 at 48 pixels."""
    draws = draw_views(Fixed(), 1, SimclrDataConfig(image_size=48), 48)
    return [float(value[0]) for value in vars(draws).values()]


def schedule(function, *epochs: float) -> list[float]:
    return [function(epoch) for epoch in epochs]


WEIGHTS, CELLS = "utils/schedules.py", torch.tensor([[-1, -2, 0, 2]])

ANSWERS = [
    # 0.2 x (2 - 1) / 4, 0.2 x 2 / 4
    Answer("ramp", WEIGHTS, lambda: schedule(ramp(0.2, 1, 4), 0.99, 1, 2, 3, 5, 9), [0.0, 0.0, 0.05, 0.1, 0.2, 0.2]),
    Answer("ramp of no length", WEIGHTS, lambda: schedule(ramp(0.2, 1, 0), 0.99, 1), [0.0, 0.2]),
    Answer("ramp of half an epoch", WEIGHTS, lambda: schedule(ramp(0.2, 1, 0.5), 1.25, 2), [0.1, 0.2]),
    Answer("before", WEIGHTS, lambda: schedule(before(3), 0, 2.99, 3), [1.0, 1.0, 0.0]),
    Answer("from_epoch", WEIGHTS, lambda: schedule(from_epoch(3), 0, 2.99, 3), [0.0, 0.0, 1.0]),
    # 0.02 / 2, 1 / 2, then 0.5 (1 + cos(pi x 2/8)) and so on
    Answer("learning_rate_factor along a cosine", WEIGHTS,
           lambda: schedule(lambda epoch: learning_rate_factor(epoch, 10, 2, (), 0.1), 0, 1, 2, 4, 6, 10),
           [0.01, 0.5, 1.0, 0.853553, 0.5, 0.0]),
    Answer("learning_rate_factor with milestones", WEIGHTS,
           lambda: schedule(lambda epoch: learning_rate_factor(epoch, 10, 2, (4, 8), 0.1), 1, 3.9, 4, 8, 10),
           [0.5, 1.0, 0.1, 0.01, 0.01]),
    Answer("mixup", "utils/mixup.py", mixed, {"face": [6.0, 14.0, 4.0], "context": [40.0, 50.0, 90.0],
                                             "targets": [0, 1, 2], "others": [1, 2, 0], "lam": 0.25}),
    Answer("mixup where there is none", "utils/mixup.py", not_mixed, [None, None, [1, 0]]),
    Answer("streams of seeds", "utils/seeding.py", seeded, [True, True]),
    Answer("move_towards", "utils/averaging.py", averaged, [[1.2], [2.0], 5, False]),
    Answer("Meter", "utils/meter.py", metered, {"loss": 2.0, "rare": 7.0}),
    Answer("build_optimizer", "utils/optimizer.py", optimised,
           ["AdamW", [["image_encoder", 1.0, 1.0, 0.0, 3], ["image_encoder", 1.0, 1.0, 0.5, 4],
                      ["prompt_learner", 2.0, 2.0, 0.0, 7], ["rest", 4.0, 4.0, 0.0, 3], ["rest", 4.0, 4.0, 0.5, 4]],
            [False, False]]),
    Answer("optimisers", "utils/optimizer.py", of_optimizers,
           [[[0.9, 0.999], 1e-8, False, False], [0.9, False, False, 0.001]]),
    Answer("choose_precision", "utils/precision.py", precisions,
           [["None", False], ["torch.bfloat16", False], ["torch.float16", True]]),
    Answer("rates by layer", "utils/optimizer.py", decayed,
           [[0.5, 1.0, 0.25, 1.0], [[2.0, 2.0], [4.0, 4.0], [8.0, 8.0]], 0.9, True]),
    Answer("sentiment_cells", "utils/cells.py",
           lambda: [sentiment_cells(CELLS, -1), sentiment_cells(CELLS, 3)], [[[-1, -1, 0, 2]], [[3, -1, 0, 2]]]),
    Answer("unmentioned_class", "utils/cells.py",
           lambda: [unmentioned_class(how, ["Positive", "Neutral", "none"]) for how in ("ignore", "class", "neutral")],
           [-1, 2, 1]),
    Answer("a view that changes nothing", "utils/views.py", lambda: seen()[1, 2], [0, 10, 20, 30]),
    Answer("a mirrored view", "utils/views.py", lambda: seen(flip=True)[1, 2], [30, 20, 10, 0]),
    # Columns 1.75, 2.25, 2.75 and the edge; half to even
    Answer("a view of the right half", "utils/views.py", lambda: seen(left=0.5, width=0.5)[1, 2], [18, 22, 28, 30]),
    Answer("a view of the lower half", "utils/views.py",
           lambda: seen(frame=torch.arange(0, 40, 10).view(4, 1).expand(3, 4, 4), top=0.5, height=0.5)[1, :, 2],
           [18, 22, 28, 30]),
    Answer("a darker view", "utils/views.py", lambda: seen(brightness=0.5)[1, 2], [0, 5, 10, 15]),
    # Half of each, and half of the mean grey, 15
    Answer("a view of less contrast", "utils/views.py", lambda: seen(contrast=0.5)[1, 2], [8, 12, 18, 22]),
    Answer("a grey view", "utils/views.py", lambda: seen(frame=COLOURED, grey=True)[:, 0, 0], [82, 82, 82]),
    Answer("a view of half the saturation", "utils/views.py", lambda: seen(frame=COLOURED, saturation=0.5)[:, 0, 0],
           [91, 66, 141]),
    # Half a turn negates I = 0.5959 x 60 = 35.75 and Q = 0.2115 x 60 = 12.69 of luma 17.94 + 40: red loses
    # 2 x (0.9563 I + 0.6210 Q) = 84.1, green gains 2 x (0.2721 I + 0.6474 Q) = 35.9, blue 2 x (1.1070 I - 1.7046 Q)
    Answer("a view of the opposite hue", "utils/views.py",
           lambda: seen(frame=REDDISH, hue=0.5)[:, 0, 0], [16, 76, 76]),
    # Kernel 0.274 0.452 0.274: 255 x 0.452^2
    Answer("a blurred view", "utils/views.py", lambda: seen(frame=DOT, sigma=1.0)[0, 1, 1], 52),
    Answer("view_pairs", "utils/views.py", pairs, [[[0.0, 30.0], [60.0, 90.0]], [[120.0, 150.0], [180.0, 210.0]]]),
    Answer("draw_views", "utils/views.py", drawn,
           [0.102859, 0.080095, 0.588566, 0.679618, 1.0, 0.6, 0.6, 0.6, -0.1, 0.0, 0.325]),
]
