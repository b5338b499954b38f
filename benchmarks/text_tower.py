"""Prompts of 26 tokens, run to their end token and over all 77 positions of CLIP's context."""

import torch
from torch import nn

from benchmarks.plain.step import AllPositions
from benchmarks.results import Comparison, Result
from benchmarks.timing import by_turns
from models.clip import load_clip
from models.prompts import PromptLearner
from models.text_tower import TextTower

PROMPTS, WORDS, CONTEXTS = 15, 16, 8  # of 26 tokens with start and end


def run(rounds: int) -> list[Result]:
    torch.manual_seed(0)
    tower = TextTower(load_clip("ViT-B-32", "none", 224).text.eval())
    texts = [[" ".join(["face"] * (WORDS - 1) + ["happy"])] for _ in range(PROMPTS)]
    learner = PromptLearner(tower, texts, CONTEXTS, "end", class_specific=True)
    whole = AllPositions(tower)

    def forward_and_backward(of: nn.Module):
        def run() -> None:
            learner.context.grad = None
            learner(of).square().sum().backward()
        return run

    with torch.no_grad():
        short, long = learner.encode(tower), learner.encode(whole)
    off = float((short - long).norm() / long.norm())
    seconds = by_turns({"all 77 positions": forward_and_backward(whole),
                        f"{learner.length} positions": forward_and_backward(tower)}, rounds)
    facts = {"relative difference of the features": f"{off:.1e}", "prompts": PROMPTS}
    return [Comparison("Text tower of ViT-B/32, forward and backward", seconds, [tuple(seconds)], facts)]
