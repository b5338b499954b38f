"""What reads new inputs with a run: of clips or of reviews, as the run has learned."""

from inference.clips import ClipPredictor
from inference.reviews import ReviewPredictor
from inference.run import Run
from utils.config import TextConfig

Predictor = ClipPredictor | ReviewPredictor


def predictor_of(run: Run, device: str = "auto", **settings) -> Predictor:
    """Ready to predict.

    Args:
        device: cuda, mps or cpu; `auto` takes the first there is.
        settings: of ClipPredictor or ReviewPredictor.
    """
    return (ReviewPredictor if isinstance(run.config, TextConfig) else ClipPredictor)(run, device, **settings)
