"""Clips loaded frame by frame with decord, PIL and torchvision, as floats."""

from collections.abc import Iterator

import decord
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional as F

from dataloaders.boxes import Boxes
from dataloaders.clips import Clip
from dataloaders.readers import frame_files
from dataloaders.sampling import tsn_indices

MEAN, STD = (0.481, 0.458, 0.408), (0.269, 0.261, 0.276)


def load_clip(clip: Clip, faces: Boxes, segments: int, side: int, stream: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A clip's face and context, (T, 3, S, S) float each; one flip and rotation for all frames."""
    flip, angle = stream.random() < 0.5, float(stream.uniform(-15, 15))

    def tensor(image: Image.Image) -> Tensor:
        image = image.resize((side, side), Image.BILINEAR).rotate(angle, Image.BILINEAR)
        image = image.transpose(Image.FLIP_LEFT_RIGHT) if flip else image
        return F.normalize(F.to_tensor(image), MEAN, STD)  # (3, S, S)

    face, context = [], []
    for index, image in frames(clip, segments, stream):
        face.append(tensor(image.crop(faces.get(clip.id, index))))
        context.append(tensor(image))
    return torch.stack(face), torch.stack(context)


def frames(clip: Clip, segments: int, stream: np.random.Generator) -> Iterator[tuple[int, Image.Image]]:
    """Of a folder or a video, with their numbers."""
    if clip.path.is_dir():
        files = frame_files(clip.path)
        for index in tsn_indices(len(files), segments, 1, stream):
            yield index, Image.open(files[index]).convert("RGB")
    else:
        reader = decord.VideoReader(str(clip.path), num_threads=1)
        indices = tsn_indices(len(reader), segments, 1, stream)
        for index, pixels in zip(indices, reader.get_batch(indices).asnumpy()):
            yield index, Image.fromarray(pixels)
