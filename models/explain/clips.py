"""What speaks for a class in a clip."""

from dataclasses import dataclass

from torch import Tensor

from models.classifier import ClipClassifier
from models.explain.frames import frame_attention
from models.explain.places import heard, heat, last_map
from models.recogniser import compare
from utils.structures import Batch


@dataclass(frozen=True)
class Reasons:
    """Of one clip and class. `frames` (T,) are shares of attention; `face` and `context` (T, H, W) heat, 0 to 1."""

    frames: Tensor
    face: Tensor
    context: Tensor | None


def reasons(classifier: ClipClassifier, batch: Batch, label: int) -> Reasons:
    """Of the one clip in the batch: attention over frames, and what raises the class's logit over the mean of all.

    The clip is taken as it is, also where --mirror averages it with its mirror image.
    """
    recogniser, size = classifier.recogniser, batch.face.shape[-1]
    video, frames = recogniser.video, batch.face.shape[1]
    # Frames with a gradient, so that a frozen tower has one too.
    face = batch.face.detach().float().requires_grad_()
    context = None if batch.context is None else batch.context.detach().float().requires_grad_()

    def score() -> Tensor:
        logits = compare(video(face, context), classifier.text, recogniser.temperature)[0]  # (C,)
        return logits[label] - logits.mean()

    layer = last_map(video.visual, (face[0, :1].detach() - video.mean) / video.std)
    streams = 1 if video.fusion is None else 2
    with heard(video.adapter if video.fusion is None else video.fusion) as features:
        maps = heat(score, layer, streams * frames, size).unflatten(0, (streams, frames))  # (S, T, H, W)
    of_frames = features[0].detach().reshape(1, frames, -1)
    return Reasons(frame_attention(video.temporal, of_frames)[0].cpu(), maps[0], maps[1] if streams == 2 else None)
