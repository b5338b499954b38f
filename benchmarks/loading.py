"""Loading clips: the loader beside the plain one, on folders of frames and on videos, and videos that were packed."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
import torch

from benchmarks.plain.loading import load_clip
from benchmarks.results import Comparison, Result
from benchmarks.timing import by_turns
from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from dataloaders.order import Draw
from dataloaders.packed import Pack
from dataloaders.packing import write_pack
from dataloaders.video import AugmentedDataset, collate_clips
from utils.config import VideoConfig, VideoDataConfig

CLIPS, FRAMES, SEGMENTS, SIDE = 8, 32, 16, 224
SIZES = ((320, 240), (640, 480), (1280, 720))  # width, height


def cases(folder: Path) -> dict[str, Callable[[], object]]:
    """What each loads the same clips, by name; the clips are written into the folder."""
    found = {}
    for width, height in SIZES:
        clips, faces = folders_of_frames(folder / f"{width}x{height}", width, height)
        data = VideoDataConfig(num_segments=SEGMENTS, image_size=SIDE)
        found[f"{width}x{height} ours"] = partial(ours, AugmentedDataset(clips, data, 0, faces))
        found[f"{width}x{height} plain"] = partial(plain, clips, faces, SEGMENTS)
    return found | _videos(folder)


def _videos(folder: Path) -> dict[str, Callable[[], object]]:
    clips, faces = films(folder / "films")
    data = VideoDataConfig(root_dir=folder / "films", train_annotation=Path("list.txt"), image_size=SIDE,
                           bounding_box_face=Path("faces.json"))
    deque(write_pack(VideoConfig(data=data), folder / "pack", 0, 64, 2**28, 0), maxlen=0)
    packed = AugmentedDataset(clips, data, 0, pack=Pack(folder / "pack"))
    return {"H.264 packed": partial(ours, packed), "H.264 ours": partial(ours, AugmentedDataset(clips, data, 0, faces)),
            "H.264 plain": partial(plain, clips, faces, data.num_segments)}


def ours(dataset: AugmentedDataset) -> object:
    return collate_clips([dataset[Draw(0, index, 0)] for index in range(len(dataset))])


def plain(clips: list[Clip], faces: Boxes, segments: int) -> object:
    samples = [load_clip(clip, faces, segments, SIDE, np.random.default_rng(i)) for i, clip in enumerate(clips)]
    return [torch.stack(stream) for stream in zip(*samples)]  # (B, T, 3, S, S) each


def folders_of_frames(root: Path, width: int, height: int) -> tuple[list[Clip], Boxes]:
    """CLIPS folders of JPEG frames, and their faces' boxes."""
    boxes, clips = {}, []
    for number in range(CLIPS):
        folder = root / str(number)
        folder.mkdir(parents=True)
        boxes[str(number)] = {}
        for place, (frame, box) in enumerate(scene(number, FRAMES, width, height)):
            cv2.imwrite(str(folder / f"{place}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, 90])
            boxes[str(number)][f"{place}.jpg"] = box
        clips.append(Clip(str(number), folder, number % 7))
    return clips, _boxes(root, boxes)


def films(root: Path, width: int = 640, height: int = 480) -> tuple[list[Clip], Boxes]:
    """CLIPS files of H.264 at 25 frames a second, of 60 to 100 frames, a list of them, and their faces' boxes."""
    root.mkdir(parents=True)
    boxes, clips = {}, []
    for number in range(CLIPS):
        path = root / f"{number}.mp4"
        boxes[str(number)] = film(path, number, 60 + number * 40 // (CLIPS - 1), width, height)
        clips.append(Clip(path.name, path, number % 7))
    (root / "list.txt").write_text("".join(f"{clip.id} 0 {clip.label}\n" for clip in clips))
    return clips, _boxes(root, boxes)


def film(path: Path, seed: int, length: int, width: int, height: int) -> dict[str, list[float]]:
    """A file of H.264, and the face's box in each of its frames."""
    boxes = {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=25, options={"g": "250", "keyint_min": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for place, (frame, box) in enumerate(scene(seed, length, width, height)):
            boxes[f"{place}.jpg"] = box
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode(None))
    return boxes


def _boxes(root: Path, boxes: dict) -> Boxes:
    (root / "faces.json").write_text(json.dumps(boxes))
    return Boxes(root / "faces.json")


def scene(seed: int, length: int, width: int, height: int) -> Iterator[tuple[np.ndarray, list[float]]]:
    """(H, W, 3) frames and the face's box: a patch that moves before a slowly panned background.

    Both are noise of which every octave has the same strength, as in photographs, with a camera's grain.
    """
    stream = np.random.default_rng(seed)
    back, face = texture(stream, height + 64, width + 64), texture(stream, height // 2, height // 2)
    mask = cv2.circle(np.zeros(face.shape, np.uint8), (height // 4, height // 4), height // 4, (1, 1, 1), -1)
    for place in range(length):
        pan = round(32 + 32 * np.sin(place / 20))
        frame = back[pan : pan + height, 64 - pan : 64 - pan + width].copy()
        x, y = round(width * (0.3 + 0.1 * np.sin(place / 9))), round(height * (0.25 + 0.1 * np.cos(place / 7)))
        under = frame[y : y + height // 2, x : x + height // 2]
        under[:] = np.where(mask, face, under)
        grain = stream.normal(0, 1, frame.shape)
        yield np.clip(frame + grain, 0, 255).astype(np.uint8), [x, y, x + height / 2, y + height / 2]


def texture(stream: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8, with cells from two pixels of a picture 240 high up to a quarter of it."""
    picture = np.full((height, width, 3), 128.0)
    for cells in (4, 8, 16, 32, 64, 120):
        strength = 30 if cells < 64 else 3
        small = stream.normal(0, strength, (cells, max(cells * width // height, 1), 1)) * stream.uniform(0.6, 1.4, 3)
        picture += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def run(rounds: int) -> list[Result]:
    """Of the frames' sizes, each beside the plain loader."""
    with TemporaryDirectory() as folder:
        found = cases(Path(folder))
        seconds = by_turns(found, rounds)
    pairs = [(name, name.replace("plain", "ours")) for name in found if name.endswith("plain")]
    pairs.append(("H.264 ours", "H.264 packed"))
    facts = {"clips": CLIPS, "frames of a clip": FRAMES, "of these loaded": SEGMENTS, "side of a crop": SIDE,
             "of 60 to 100 frames of H.264, 640x480,": 8}
    return [Comparison("Loading clips, two streams", seconds, pairs, facts)]
