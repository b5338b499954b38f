"""`main.py predict`: what a run's best weights say of any input, in a fixed memory."""

from pathlib import Path

from utils.config import ClipPredictSettings, ReviewPredictSettings, TextConfig
from utils.recipe import config_of_run, parse_flags


def predict(run: str, words: list[str]) -> int:
    """Emotion in videos, or aspects and sentiments of reviews, as the run has learned; the exit status.

    Raises:
        UserError: a mistake in the command; no such run.
    """
    of_reviews = isinstance(config_of_run(Path(run)), TextConfig)
    settings = parse_flags(ReviewPredictSettings if of_reviews else ClipPredictSettings, words,
                           f"main.py predict {run}", "predict")
    # Only now: it brings torch, which takes seconds, and what else this kind of run needs.
    if of_reviews:
        from commands.predict_reviews import predict_reviews as answer
    else:
        from commands.predict_clips import predict_clips as answer
    from inference.run import open_run

    return answer(open_run(Path(run)), settings)
