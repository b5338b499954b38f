"""A trained run at work on inputs that it has never seen. `load_run` opens one."""

from pathlib import Path

from inference.clips import ClipPredictor
from inference.reviews import ReviewPredictor
from inference.run import open_run
from utils.config import TextConfig

__all__ = ["ClipPredictor", "ReviewPredictor", "load_run"]


def load_run(folder: str | Path, device: str = "auto", **settings) -> ClipPredictor | ReviewPredictor:
    """What a finished run learned, ready to predict.

    Args:
        folder: a run folder, or one that `export --format safetensors` wrote.
        device: cuda, mps or cpu; `auto` takes the first there is.
        settings: of ClipPredictor or ReviewPredictor.
    Raises:
        UserError: no run, damaged weights, or a run that was only pretrained.
    """
    run = open_run(Path(folder))
    return (ReviewPredictor if isinstance(run.config, TextConfig) else ClipPredictor)(run, device, **settings)
