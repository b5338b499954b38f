"""Settings of the search for faces."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from utils.config.checks import at_least, require


@dataclass(frozen=True)
class FaceSettings:
    """How faces are found, and which."""

    detector: Literal["yunet"] = "yunet"
    """What finds them."""
    detector_model: Path | None = None
    """The detector's file; if not given it is fetched once."""
    min_score: float = 0.7
    """How sure the detector must be of a face, 0 to 1."""
    pick: Literal["track", "largest", "central"] = "track"
    """Of several faces: the largest, followed as long as it is seen; or in every frame the largest or most central."""
    every: int = 3
    """Look into every n-th frame; boxes of the others lie between."""
    gap: int = 10
    """Frames without the face that are bridged at most."""
    smooth: int = 4
    """Frames to both sides that a box is averaged over; 0 is none."""

    def __post_init__(self):
        at_least(self, every=1, gap=0, smooth=0)
        require(0 < self.min_score <= 1, f"--min-score {self.min_score}: must be in (0, 1]")


@dataclass(frozen=True)
class FacesSettings:
    """Finds faces in all clips of a recipe. Flags of the recipe, such as --root-dir, may stand beside these."""

    output: Path | None = None
    """The box file; if not given, faces.json in --root-dir."""
    jobs: int | None = None
    """Processes; if not given, --num-workers of the recipe."""
    face: tyro.conf.OmitArgPrefixes[FaceSettings] = field(default_factory=FaceSettings)
