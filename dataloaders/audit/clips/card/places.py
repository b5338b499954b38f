"""Whether samples of the card show the right frames at the right places."""

import numpy as np

from dataloaders.audit.clips.card.drawn import HEIGHT, WIDTH, Card, frames_of, numbers_in
from dataloaders.audit.clips.expected import context_of, face_of, see
from dataloaders.audit.clips.pictures import unlike
from dataloaders.audit.clips.reading import middle_indices
from dataloaders.loader import BadSample
from dataloaders.video import Sample, VideoDataset

TEXTS = {"card-shape": "samples have a wrong shape or type", "card-frames": "wrong frames of a clip are taken",
         "card-face": "the face stream shows another region or other colours than it should",
         "card-context": "the context stream shows another region or other colours than it should",
         "card-bad": "a clip without a box is not treated as --missing-box says"}


def wrongs_of(card: Card, name: str, sample: Sample | BadSample, dataset: VideoDataset) -> dict[str, str]:
    data, side = dataset.config, dataset.side
    bare_is_bad = name == "bare" and data.missing_box == "error"
    if isinstance(sample, BadSample) or bare_is_bad:
        return {} if bare_is_bad and isinstance(sample, BadSample) else {"card-bad": getattr(sample, "reason", "read")}
    views = 1 if sample.face.ndim == 4 else 2
    shape = (*(() if views == 1 else (2,)), data.num_segments * data.duration, 3, side, side)
    streams = {"face": sample.face} | ({"context": sample.context} if data.streams == "both" else {})
    for stream, tensor in streams.items():
        if tensor is None or tuple(tensor.shape) != shape or str(tensor.dtype) != "torch.uint8":
            said = "none" if tensor is None else f"{tuple(tensor.shape)} {tensor.dtype}"
            return {"card-shape": f"{stream} {said}, not {shape} torch.uint8"}
    wrong, count = {}, card.counts[name]
    numbers = numbers_in(card, frames_of(sample.face))
    due = middle_indices(count, data.num_segments, data.duration)
    if type(dataset) is VideoDataset and numbers != due:
        wrong["card-frames"] = f"{few(numbers)}, not {few(due)}"
    if max(numbers) >= count:
        return {"card-frames": f"{few(numbers)} of {count}"}
    for stream, tensor in streams.items():
        if how := _misplaced(card, name, stream, frames_of(tensor), numbers, dataset):
            wrong[f"card-{stream}"] = how
    return wrong


def few(numbers: list[int]) -> str:
    return " ".join(map(str, numbers[:8])) + (" ..." if len(numbers) > 8 else "")


def _misplaced(card: Card, name: str, stream: str, frames: np.ndarray, numbers: list[int],
               dataset: VideoDataset) -> str | None:
    data, due = dataset.config, []
    for number in numbers:
        frame, box = card.frame(number), card.box(name, number)
        if stream == "face":
            face = face_of(box, WIDTH, HEIGHT, data)
            due.append(see(frame, face.region, frames.shape[1]))
        else:
            due.append(context_of(frame, box if data.crop_body else None, frames.shape[1]))
    return unlike(frames, np.stack(due), 4.0)
