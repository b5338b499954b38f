"""Steps that train the adapter alone, on frames of a frozen image tower and on its features, which were made once."""

from dataclasses import replace

import torch

from benchmarks.clips import trainer_on_random_clips
from benchmarks.results import Comparison, Result
from benchmarks.timing import by_turns

FLAGS = ["--clip-model", "ViT-B-32", "--lr-image-encoder", "0", "--augment", "0", "--batch-size", "8"]


def run(rounds: int) -> list[Result]:
    torch.manual_seed(0)
    results = []
    for name, flags in (("prompts learn too", []), ("prompts stand still", ["--lr-prompt-learner", "0"])):
        trainer = trainer_on_random_clips("caer", [*FLAGS, *flags])
        frames = next(trainer.loaders["train"].epoch(0))
        with torch.no_grad():
            face, context = (trainer.model.video.see(stream) for stream in (frames.face, frames.context))
        features = replace(frames, face=face, context=context)
        cases = {"frames": lambda: trainer.step([frames]), "features": lambda: trainer.step([features])}
        seconds = by_turns(cases, rounds)
        facts = {"clips": 8, "frames of each stream": 8, "precision": trainer.precision.why}
        results.append(Comparison(f"Steps with ViT-B/32 frozen; {name}", seconds, [("frames", "features")], facts))
    return results
