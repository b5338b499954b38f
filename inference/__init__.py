"""A trained run at work on inputs that it has never seen. `load_run` opens one."""

from pathlib import Path

from inference.predictor import Predictor, predictor_of
from inference.run import open_run

__all__ = ["Predictor", "load_run"]


def load_run(folder: str | Path, device: str = "auto", **settings) -> Predictor:
    """What a finished run learned, ready to predict; see `predictor_of` for the settings.

    Args:
        folder: a run folder, or one that `export --format safetensors` wrote.
    Raises:
        UserError: no run, damaged weights, or a run that was only pretrained.
    """
    return predictor_of(open_run(Path(folder)), device, **settings)
