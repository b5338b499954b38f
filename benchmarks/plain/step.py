"""A training step as projects of this family write it: all of CLIP's context, fixed texts and video keys every time."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.prompts import mean_per_class
from models.recogniser import VideoRecogniser, compare
from models.text_tower import TextTower
from utils.objective import Objective
from utils.structures import Batch, Output


class AllPositions(nn.Module):
    """The text tower over the whole context, whatever the prompts' length."""

    def __init__(self, tower: TextTower):
        super().__init__()
        self.tower = tower

    def forward(self, prompts: Tensor, end: Tensor, length: int) -> Tensor:
        return self.tower(prompts, end, prompts.shape[1])


class PlainRecogniser(nn.Module):
    """A recogniser's own towers and layers, run the long way.

    Each stream goes through the image tower by itself; every prompt runs over all positions of CLIP's context; the
    hand-crafted prompts are encoded in every step; a momentum copy of the video side sees the same frames; and all
    floating tensors of the copy follow one by one.

    Args:
        recogniser: its modules are taken, not copied.
        texts: the hand-crafted ones of each class, C lists of K texts.
    """

    def __init__(self, recogniser: VideoRecogniser, texts: list[list[str]], momentum: float):
        super().__init__()
        self.tower, self.prompts, self.video = recogniser.text_tower, recogniser.prompts, recogniser.video
        self.whole = AllPositions(self.tower)
        self.temperature, self.momentum, self.per_class = recogniser.temperature, momentum, len(texts[0])
        self.tokens = self.tower.tokenize([text for group in texts for text in group])
        self.key_side = copy.deepcopy(self.video).requires_grad_(False)

    def forward(self, batch: Batch) -> Output:
        video = self._see(self.video, batch)  # (B, D)
        text = self.prompts(self.whole)  # (C, D)
        with torch.no_grad():
            fixed, key = self._fixed(), self._see(self.key_side, batch)
        return Output(logits=compare(video, text, self.temperature), embedding=video, text_features=text,
                      handcrafted=fixed, key=key)

    def _see(self, side: nn.Module, batch: Batch) -> Tensor:
        streams = []
        for frames in (batch.face, batch.context):
            x = (frames.flatten(0, 1).float() - side.mean) / side.std
            x = side.visual(x)
            x = side.adapter(F.normalize(x, dim=-1) * x.shape[-1] ** 0.5)
            streams.append(x.unflatten(0, frames.shape[:2]))  # (B, T, D)
        return F.normalize(side.temporal(side.fusion(*streams)).float(), dim=-1)

    def _fixed(self) -> Tensor:
        end = self.tokens.argmax(dim=-1)
        return mean_per_class(self.whole(self.tower.embed(self.tokens), end, self.tokens.shape[1]), self.per_class)

    @torch.no_grad()
    def follow(self) -> None:
        for ours, theirs in zip(self.key_side.parameters(), self.video.parameters()):
            ours.data = ours.data * self.momentum + theirs.data * (1 - self.momentum)


class PlainStep:
    """Forward, every term, backward, clipping, AdamW, and the momentum side."""

    def __init__(self, model: PlainRecogniser, objective: Objective, groups: list[dict]):
        self.model, self.objective = model, objective
        self.optimizer = torch.optim.AdamW(groups)

    def __call__(self, batch: Batch, epoch: float) -> float:
        loss = self.objective(self.model(batch), batch, epoch).total
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.model.follow()
        return loss.item()
