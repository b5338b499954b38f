"""Settings of `predict`, of runs on clips and of runs on reviews."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from utils.config.checks import at_least, require
from utils.config.faces import FaceSettings

LEAST_STRIDE = 0.01  # seconds
NO_GRADIENTS = "--explain: needs gradients, which onnxruntime does not have; leave out --onnx"
Inputs = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT...")]


@dataclass(frozen=True)
class WindowSettings:
    """How a video becomes clips."""

    window: float = 4.0
    """Seconds that one answer looks at; best about as long as the clips of training."""
    stride: float | None = None
    """Seconds from one answer to the next; if not given, half a window."""
    frame_rate: float = 25.0
    """Frames a second of a folder of frames; a video has times of its own."""
    faces: Literal["auto", "find", "none"] = "auto"
    """Find faces, or cut each frame's centre; `auto` cuts the centre if the run was trained so, on two streams."""

    def __post_init__(self):
        for name in ("window", "stride", "frame_rate"):
            value = getattr(self, name)
            require(value is None or 0 < value < 1e6, f"--{name.replace('_', '-')} {value}: must be positive")
        require(self.step >= LEAST_STRIDE, f"--stride {self.step:g}: must be at least {LEAST_STRIDE:g}, a frame's time")

    @property
    def step(self) -> float:
        return self.stride or self.window / 2


@dataclass(frozen=True)
class ClipPredictSettings:
    """Reads videos, images, folders of frames, or a camera, with a run that was trained on clips."""

    input: Inputs
    """Videos, images, folders of frames, patterns like `clips/*.mp4`, or the number of a camera."""
    output_dir: Path | None = None
    """Where the answers go; if not given, RUN/predictions."""
    classes: str = ""
    """Score other classes than those of training, zero-shot: "bored student, focused student"."""
    video: bool = False
    """Also write the video with faces and answers drawn into it."""
    explain: bool = False
    """Also show what the surest answer rests on: frames, and places in them."""
    explain_at: float | None = None
    """The same of the answer at this second."""
    onnx: bool = False
    """Read with RUN/model.onnx, as `export` writes it, in onnxruntime."""
    seconds: float | None = None
    """Stop after so many seconds of the input; a camera goes on until Ctrl-C without."""
    batch_size: int = 8
    """Windows read at once."""
    device: str = "auto"
    """Device: cuda, mps or cpu; `auto` takes the first there is."""
    windows: tyro.conf.OmitArgPrefixes[WindowSettings] = field(default_factory=WindowSettings)
    face: tyro.conf.OmitArgPrefixes[FaceSettings] = field(default_factory=FaceSettings)

    def __post_init__(self):
        at_least(self, batch_size=1)
        require(len(self.input) > 0,
                "predict: give an input: a video, an image, a folder of frames, or a camera's number")
        require(self.seconds is None or self.seconds > 0, f"--seconds {self.seconds}: must be positive")
        require(not (self.onnx and self.explains), NO_GRADIENTS)

    @property
    def explains(self) -> bool:
        return self.explain or self.explain_at is not None


@dataclass(frozen=True)
class ReviewPredictSettings:
    """Reads reviews with a run that was trained on reviews."""

    input: Inputs
    """A .csv or .tsv table, a .txt with a review a line, - for standard input, or a review itself, in quotes."""
    format: Literal["jsonl", "csv"] = "jsonl"
    """JSON lines, or a table."""
    output_dir: Path | None = None
    """Write a file for each input there; else all to the screen."""
    text_column: str = "auto"
    """A table's column of text; `auto` finds it."""
    explain: bool = False
    """Also write the weight of each token, and a page that shows them; needs --output-dir."""
    onnx: bool = False
    """Read with RUN/model.onnx, as `export` writes it, in onnxruntime."""
    batch_size: int = 32
    """Reviews read at once."""
    device: str = "auto"
    """Device: cuda, mps or cpu; `auto` takes the first there is."""

    def __post_init__(self):
        at_least(self, batch_size=1)
        require(len(self.input) > 0, "predict: give an input: a table, a text file, or - for standard input")
        require(not (self.explain and self.output_dir is None), "--explain: needs --output-dir")
        require(not (self.onnx and self.explain), NO_GRADIENTS)
