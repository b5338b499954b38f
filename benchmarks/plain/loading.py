"""Clips loaded frame by frame with PIL and torchvision, as floats."""

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
    """A folder's face and context, (T, 3, S, S) float each; one flip and rotation for all frames."""
    flip, angle = stream.random() < 0.5, float(stream.uniform(-15, 15))

    def tensor(image: Image.Image) -> Tensor:
        image = image.resize((side, side), Image.BILINEAR).rotate(angle, Image.BILINEAR)
        image = image.transpose(Image.FLIP_LEFT_RIGHT) if flip else image
        return F.normalize(F.to_tensor(image), MEAN, STD)  # (3, S, S)

    face, context, files = [], [], frame_files(clip.path)
    for index in tsn_indices(len(files), segments, 1, stream):
        image = Image.open(files[index]).convert("RGB")
        face.append(tensor(image.crop(faces.get(clip.id, index))))
        context.append(tensor(image))
    return torch.stack(face), torch.stack(context)
