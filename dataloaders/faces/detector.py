"""Face detectors: a picture in, faces out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from huggingface_hub import hf_hub_download

from dataloaders.boxes import Box
from dataloaders.crops import resize
from utils.config import FaceSettings
from utils.errors import UserError, first_line
from utils.provenance.hashes import sha256

DETECTED_SIDE = 640  # pixels of a picture's longer side; YuNet finds faces of 10 to 300 pixels
YUNET = ("opencv/face_detection_yunet", "face_detection_yunet_2023mar.onnx")
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"


@dataclass(frozen=True)
class Face:
    """A face's box in pixels, and how sure the detector is, 0 to 1."""

    box: Box
    score: float


class Detector(Protocol):
    """What finds faces; one implementation each in DETECTORS."""

    def __call__(self, picture: np.ndarray) -> list[Face]:
        """The faces in (H, W, 3) uint8 RGB."""


class YuNet:
    """YuNet (Wu et al., 2023, doi 10.1007/s11633-023-1423-y), run by OpenCV.

    Raises:
        UserError: no model file, and it cannot be fetched; or a file that OpenCV cannot read.
    """

    def __init__(self, settings: FaceSettings):
        path = Path(settings.detector_model or _fetched())  # a notebook may give a str
        if not path.is_file():
            raise UserError(f"--detector-model {path}: no such file")
        try:
            self._net = cv2.FaceDetectorYN.create(str(path), "", (DETECTED_SIDE, DETECTED_SIDE), settings.min_score)
            self(np.zeros((32, 32, 3), np.uint8))
        except cv2.error as error:
            raise UserError(f"--detector-model {path}: not a YuNet model that OpenCV can read: "
                            f"{first_line(error)[:100]}") from None

    def __call__(self, picture: np.ndarray) -> list[Face]:
        height, width = picture.shape[:2]
        scale = max(height, width) / DETECTED_SIDE
        if scale > 1:
            picture = resize(picture, max(round(width / scale), 1), max(round(height / scale), 1))
        else:
            scale = 1.0
        self._net.setInputSize(picture.shape[1::-1])
        found = self._net.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]  # (N, 15): x, y, w, h, landmarks, score
        return [Face((x * scale, y * scale, (x + w) * scale, (y + h) * scale), score)
                for x, y, w, h, *_, score in (found.tolist() if found is not None else ())]


def _fetched() -> Path:
    """YuNet's file from the hub's cache, filled by the first call.

    Raises:
        UserError: it is neither there nor can be had, or is another file than it should be.
    """
    try:
        path = Path(hf_hub_download(*YUNET))
    except Exception as error:  # the hub's and the network's are of many kinds; all mean the same to the user
        raise UserError(f"the face detector's file {YUNET[1]} cannot be fetched ({first_line(error)[:80]}); download "
                        f"it elsewhere from huggingface.co/{YUNET[0]} and give it by --detector-model FILE; `predict` "
                        "also does without faces, by --faces none") from None
    if sha256(path) != YUNET_SHA256:
        raise UserError(f"{path}: is not the file it should be (SHA-256); delete it, and it is fetched again")
    return path


DETECTORS: dict[str, Callable[[FaceSettings], Detector]] = {"yunet": YuNet}
