"""Files in, batches out."""

import os
from pathlib import Path
from pkgutil import resolve_name

# Read by OpenCV when it is first imported: a header that claims more pixels is refused before decoding.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**26))
# FFmpeg's own lines say nothing that the one line for a bad clip does not.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

# Workers are many, so each gets one thread; and OpenCV's own threads do not survive the fork that makes them.
cv2.setNumThreads(0)

from dataloaders.loader import Loader
from utils.config import Config
from utils.structures import Labels

__all__ = ["Loader", "build_loaders"]

# Imported when one is asked for: transformers, for reviews, takes seconds.
LOADERS = {"video": "dataloaders.clip_loaders:clip_loaders", "text": "dataloaders.text_dataloader:review_loaders",
           "simclr": "dataloaders.clip_loaders:simclr_loaders"}


def build_loaders(config: Config, run_dir: Path, labels: Labels | None = None) -> tuple[dict[str, Loader], Labels]:
    """A Loader for each split of the recipe's data, and what there is to decide.

    Args:
        run_dir: the run's folder, where what is made of the training data is kept.
        labels: what a trained network decides, on which it is to be evaluated: the data may hold nothing else, and
            all splits are read as they are. Without it the training split is shuffled, weighted and augmented.
    Raises:
        UserError: whatever the recipe's files lack.
    """
    return resolve_name(LOADERS[config.model.model])(config, run_dir, labels)
