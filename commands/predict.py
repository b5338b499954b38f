"""`main.py predict`: what a run's best weights say of any input, in a fixed memory."""

from pathlib import Path

from commands.predict_clips import predict_clips
from commands.predict_reviews import predict_reviews
from inference.run import open_run
from utils.config import ClipPredictSettings, ReviewPredictSettings, TextConfig
from utils.recipe import parse_flags


def predict(run: str, words: list[str]) -> int:
    """Emotion in videos, or aspects and sentiments of reviews, as the run has learned; the exit status.

    Raises:
        UserError: a mistake in the command; no such run.
    """
    opened = open_run(Path(run))
    of_reviews = isinstance(opened.config, TextConfig)
    settings = parse_flags(ReviewPredictSettings if of_reviews else ClipPredictSettings, words,
                           f"main.py predict {run}", "predict")
    return (predict_reviews if of_reviews else predict_clips)(opened, settings)
