"""A review read once by an encoder as large as ViSoBERT, for three heads; and read once for each of two heads."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import XLMRobertaConfig, XLMRobertaModel

from benchmarks.results import Comparison, Result, Timelines
from benchmarks.timing import by_turns
from models.aspects import ReviewReader
from utils.objective import build_objective
from utils.recipe import load_config
from utils.structures import Batch, Labels, Output

LABELS = Labels(["positive", "negative", "neutral"], aspects=[f"aspect {number}" for number in range(11)],
                counts=[50, 30, 20])
REVIEWS, TOKENS = 8, 48
ENCODER = dict(num_hidden_layers=12, hidden_size=768, num_attention_heads=12, intermediate_size=3072, vocab_size=15_004,
               max_position_embeddings=514, attn_implementation="eager")


CASES = {"two passes": [("cls",), ("con", "mention")], "one pass, three heads": [("cls", "con", "mention")],
         "one pass, one head": [("cls",)]}


class Parts:
    """Seconds of each part of the steps so far."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


class Step:
    """Steps of a reader; in each its encoder is run once for each group of heads, and the optimiser once."""

    def __init__(self, groups: list[tuple[str, ...]]):
        torch.manual_seed(0)
        self.groups, self.parts = groups, Parts()
        encoder = XLMRobertaModel(XLMRobertaConfig(**ENCODER), add_pooling_layer=False)
        config = load_config("absa_demo", ["--dropout", "0"])
        self.reader = ReviewReader(encoder, LABELS, config.model).train()
        self.objective = build_objective(config, {}, LABELS).train()
        self.optimizer = torch.optim.AdamW(self.reader.parameters(), lr=1e-5, fused=True)
        targets = torch.randint(-1, 3, (REVIEWS, len(LABELS.aspects)))
        self.batch = Batch(targets, [""] * REVIEWS, tokens=torch.randint(5, 15_000, (REVIEWS, TOKENS)),
                           mask=torch.ones(REVIEWS, TOKENS, dtype=torch.int64))

    def __call__(self) -> None:
        for names in self.groups:
            with self.parts("encoder"):
                hidden = self.reader.encode(self.batch)
            with self.parts("heads"):
                output = self._decide(hidden, names)
            with self.parts("losses"):
                loss = sum(self.objective.terms[name](output, self.batch) for name in names)
            with self.parts("backward"):
                loss.backward()
        with self.parts("step"):
            nn.utils.clip_grad_norm_(self.reader.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()

    def _decide(self, hidden: Tensor, names: tuple[str, ...]) -> Output:
        """By the heads that these terms need."""
        reader, pooled = self.reader, hidden[:, :1]  # (B, 1, D)
        return Output(
            logits=reader.sentiments(pooled) if "cls" in names else None,
            mention=reader.mentions(pooled).squeeze(-1) if "mention" in names else None,
            projection=F.normalize(reader.projection(pooled[:, 0]), dim=-1) if "con" in names else None)


def run(rounds: int) -> list[Result]:
    steps = {name: Step(groups) for name, groups in CASES.items()}
    seconds = by_turns(steps, rounds)
    parts = {name: {part: value / (rounds + 1) for part, value in step.parts.seconds.items()}
             for name, step in steps.items()}
    facts = {"reviews": REVIEWS, "tokens": TOKENS, "precision": "float32"}
    two, three, one = CASES
    return [Comparison("Heads of a 12-layer encoder, 768 wide", seconds, [(two, three), (one, three)], facts),
            Timelines("Where a step's time goes, mean of all rounds", parts)]
