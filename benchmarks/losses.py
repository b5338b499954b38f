"""What the losses take: of a video step, and of a text step against a loop over the aspects."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.clips import trainer_on_random_clips
from benchmarks.plain.losses import over_aspects
from benchmarks.results import Comparison, Result
from benchmarks.timing import by_turns
from utils.losses import FocalLoss, GHMCLoss, SupConLoss, UnifiedFocalLoss

REVIEWS, ASPECTS, SENTIMENTS, WIDTH = 32, 11, 3, 256
TIMES = 20  # a loss, for it takes too little to be timed alone
MULTI_LABEL = {"focal": FocalLoss(), "GHM-C": GHMCLoss(), "unified focal": UnifiedFocalLoss(), "SupCon": SupConLoss()}
VIT = ["--clip-model", "ViT-B-32", "--batch-size", "2", "--num-segments", "4", "--ldl-warmup", "0", "--no-use-amp"]


def backward(loss: Callable[[Tensor], Tensor], inputs: Tensor) -> None:
    inputs.grad = None
    loss(inputs).backward()


def multi_label(name: str, rounds: int) -> Comparison:
    """All cells at once against aspect after aspect, forward and backward."""
    loss = MULTI_LABEL[name].train()
    targets = torch.randint(-1, SENTIMENTS, (REVIEWS, ASPECTS))
    of_reviews = name == "SupCon"  # it compares features of whole reviews, whatever the aspect
    inputs = torch.randn((REVIEWS, WIDTH) if of_reviews else (REVIEWS, ASPECTS, SENTIMENTS), requires_grad=True)

    def looped(x: Tensor) -> Tensor:
        return over_aspects(loss, x[:, None].expand(-1, ASPECTS, -1) if of_reviews else x, targets)

    cases = {"aspect by aspect": lambda: [backward(looped, inputs) for _ in range(TIMES)],
             "all aspects at once": lambda: [backward(lambda x: loss(x, targets), inputs) for _ in range(TIMES)]}
    title = f"{name}, {REVIEWS} reviews x {ASPECTS} aspects, {TIMES} times forward and backward"
    return Comparison(title, by_turns(cases, rounds), [tuple(cases)])


def of_a_video_step(rounds: int) -> Comparison:
    """All terms with a full queue of 4096, forward and backward to the network's output."""
    trainer = trainer_on_random_clips("raer", VIT)
    batch = next(trainer.loaders["train"].epoch(0))
    trainer.step([batch])
    moco = trainer.objective.terms["moco"].loss
    moco.enqueue(torch.randn(moco.queue_size, moco.queue.shape[1]), torch.randint(7, (moco.queue_size,)))
    with torch.no_grad():
        output = trainer.model(batch)
    heads = ("logits", "embedding", "text_features")

    def losses() -> None:
        for name in heads:
            setattr(output, name, getattr(output, name).detach().requires_grad_())
        trainer.objective(output, batch, 10.0).total.backward()

    seconds = by_turns({"the step": lambda: trainer.step([batch]), "its losses": losses}, rounds)
    shares = [loss / step for step, loss in zip(*seconds.values())]
    return Comparison("A step of ViT-B/32, 2 clips x 4 frames x 2 streams, and all its terms with a queue of 4096",
                      seconds, [], {"share of the losses": f"{min(shares):.2%} to {max(shares):.2%}"})


def run(rounds: int) -> list[Result]:
    torch.manual_seed(0)
    return [of_a_video_step(rounds), *(multi_label(name, rounds) for name in MULTI_LABEL)]
