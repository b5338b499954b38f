"""Settings of every task that looks at clips: where they come from, and the encoder that makes a feature of one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utils.config.checks import at_least, flag, not_negative, require
from utils.config.common import DataConfig

LANES = 32  # of a stream, unless more are asked for: each keeps a file open


@dataclass(frozen=True)
class ClipDataConfig(DataConfig):
    """Where clips come from, and how they are cut."""

    dataset: Literal["caer", "caer_s", "raer", "daisee", "fer2013", "demo", "digits"] = "caer"
    """Layout and classes of the data set."""
    target: str = "Engagement"
    """DAiSEE: the column that is learned."""
    bounding_box_face: Path | None = None
    """JSON file of face boxes."""
    bounding_box_body: Path | None = None
    """JSON file of body boxes."""
    streams: Literal["both", "face"] = "both"
    """Face and context, or the face alone."""
    missing_box: Literal["centre", "full", "error"] = "centre"
    """Face stream of a clip without a box: centre crop, full frame, or `error`, which leaves the clip out as bad."""
    centre_crop: float = 0.7
    """Side of the centre crop, as a share of the frame's shorter side."""
    box_margin: float = 0.2
    """Widening of a face box on each side, as a share of its size."""
    crop_body: bool = False
    """Context stream: cut to the body box instead of the whole frame."""
    num_segments: int = 8
    """TSN: segments that a clip is divided into."""
    duration: int = 1
    """TSN: successive frames taken from each segment."""
    image_size: int = 224
    """Side of the square frames that the network sees, in pixels."""
    packed: Path | None = None
    """Folder that scripts/pack.py wrote, from which clips are read instead of from their own files."""
    stream: str | None = None
    """Where the pack's training shards are read in order, not at random: a folder, https://, s3://..."""
    stream_lanes: int = 0
    """Stream: places that are read at once, each by one worker, as many clips of each in a batch; they decide the
    order. 0 is --batch-size's largest divisor up to 32."""
    shuffle_buffer: int = 1024
    """Stream: clips of all lanes that are held undecoded, to be shuffled."""
    label_fraction: float = 1.0
    """Share of the training labels that a recogniser or a probe may use, as many of each class, at least one; drawn by
    the seed."""

    def __post_init__(self):
        super().__post_init__()
        require(0 < self.centre_crop <= 1, f"--centre-crop {self.centre_crop}: must be in (0, 1]")
        require(0 < self.label_fraction <= 1, f"--label-fraction {self.label_fraction}: must be in (0, 1]")
        at_least(self, num_segments=1, duration=1, image_size=16, shuffle_buffer=1)
        not_negative(self, "box_margin", "stream_lanes")
        require(not (self.crop_body and not self.bounding_box_body),
                "--crop-body needs --bounding-box-body FILE")
        if self.stream is not None:
            self._check_stream()

    def _check_stream(self) -> None:
        require(bool(self.stream), "--stream: give a folder or an address")
        require(self.packed is not None, f"--stream {self.stream}: give --packed FOLDER too, the pack with what is "
                "validated and tested on")
        # Each needs to know all training clips before the first is read.
        idle = {"label_fraction": 1.0, "val_fraction": 0.0, "use_weighted_sampler": False, "cache_features": False,
                "unlabelled": None}
        wrong = [flag(name) for name, value in idle.items() if getattr(self, name, value) != value]
        require(not wrong, f"--stream: does not go with {', '.join(wrong)}, which takes training clips at random; "
                "leave one out")
        require(self.batch_size % self.lanes == 0, f"--stream-lanes {self.stream_lanes}: must divide --batch-size "
                f"{self.batch_size}")

    @property
    def lanes(self) -> int:
        """Of the stream, whatever --stream-lanes 0 stands for."""
        most = min(self.batch_size, LANES)
        return self.stream_lanes or max(n for n in range(1, most + 1) if self.batch_size % n == 0)

    def unused(self) -> dict[str, str]:
        """As Config.unused."""
        return {} if self.stream else dict.fromkeys(("stream_lanes", "shuffle_buffer"), "used with --stream only")


@dataclass(frozen=True)
class ClipModelConfig:
    """The encoder of clips: image tower, adapter, fusion and temporal transformer."""

    clip_model: str = "ViT-B-16"
    """An open_clip model name; `tiny` or `small48`, our own; or `timm/NAME`, a tower of timm."""
    clip_pretrained: str = "openai"
    """A pretrained tag of open_clip, a checkpoint file, `timm` for those of timm/NAME, or `none` for random weights."""
    init_from: Path | None = None
    """A finished run on clips, with labels or without, whose encoder this one starts from."""
    adapter_ratio: int = 4
    """Bottleneck of the adapter: feature width / hidden width."""
    temporal_layers: int = 1
    """Depth of the temporal transformer."""
    temporal_heads: int = 8
    """Attention heads of the temporal transformer."""
    temporal_pool: Literal["cls", "attention"] = "cls"
    """How frames become one feature: class token or attention pooling."""
    dropout: float = 0.1
    """In the adapter and the temporal transformer."""
    chunk_size: int = 0
    """Clips of a batch whose activations are held at a time, the others being computed twice; 0 is all of them."""

    def __post_init__(self):
        at_least(self, adapter_ratio=1, temporal_layers=1, temporal_heads=1)
        not_negative(self, "chunk_size")
        require(0 <= self.dropout < 1, f"--dropout {self.dropout}: must be in [0, 1)")
