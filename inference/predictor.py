"""What reads new inputs with a run: of clips or of reviews, as the run has learned."""

from typing import TYPE_CHECKING, Union

from inference.run import Run
from utils.config import TextConfig

if TYPE_CHECKING:
    from inference.clips import ClipPredictor
    from inference.reviews import ReviewPredictor

Predictor = Union["ClipPredictor", "ReviewPredictor"]


def predictor_of(run: Run, device: str = "auto", **settings) -> Predictor:
    """Ready to predict.

    Args:
        device: cuda, mps or cpu; `auto` takes the first there is.
        settings: of ClipPredictor or ReviewPredictor.
    """
    # Each has libraries of its own, which take seconds.
    if isinstance(run.config, TextConfig):
        from inference.reviews import ReviewPredictor as Chosen
    else:
        from inference.clips import ClipPredictor as Chosen
    return Chosen(run, device, **settings)
