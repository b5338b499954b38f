"""Files in, batches out."""

import logging
import os

# Read by OpenCV when it is first imported: a header that claims more pixels is refused before decoding.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**26))
# FFmpeg's own lines say nothing that the one line for a bad clip does not.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

# Workers are many, so each gets one thread; and OpenCV's own threads do not survive the fork that makes them.
cv2.setNumThreads(0)

from dataloaders.boxes import Boxes
from dataloaders.datasets import find_file, load_splits
from dataloaders.loader import Loader
from dataloaders.order import Order
from dataloaders.video import VideoDataset
from utils.config import Config

log = logging.getLogger("camxuc")


def build_loaders(config: Config, pin_memory: bool = False, augmented: bool = True,
                  ) -> tuple[dict[str, Loader], list[str]]:
    """A Loader for each split of the recipe's data, and the class names in label order.

    `augmented` shuffles, weights and augments the training split; without it all splits are read as they are.

    Raises:
        UserError: whatever the recipe's files lack; see load_splits and Boxes.
    """
    data, seed = config.data, config.train.seed
    splits = load_splits(data, seed)
    if data.bounding_box_body and not data.crop_body:
        log.warning("--bounding-box-body is not used without --crop-body")
    faces = _boxes(data.bounding_box_face, data.root_dir, "--bounding-box-face")
    bodies = _boxes(data.bounding_box_body, data.root_dir, "--bounding-box-body")
    everything = [clip.id for clips in splits.clips.values() for clip in clips]
    for boxes in (faces, bodies):
        if boxes and (warning := boxes.warn_if_few_match(everything)):
            log.warning(warning)
    workers = min(data.num_workers, os.cpu_count() or 1)
    loaders = {}
    for split, clips in splits.clips.items():
        training = split == "train" and augmented
        dataset = VideoDataset(clips, data, seed, training, faces, bodies)
        order = Order([clip.label for clip in clips], data.batch_size, seed, shuffle=training,
                      weighted=training and data.use_weighted_sampler, power=data.sampler_power)
        loaders[split] = Loader(dataset, order, workers, data.reader_timeout, pin_memory)
    return loaders, splits.classes


def _boxes(path, root, flag) -> Boxes | None:
    return Boxes(find_file(path, root, flag)) if path else None
