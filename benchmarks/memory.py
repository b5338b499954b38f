"""What a training step of ViT-B/16 holds: weights, gradients, moments, and what the backward pass needs.

Counted, not run: on tensors without data a step of any size takes seconds, and no GPU.
"""

import warnings
import weakref

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from benchmarks.clips import LABELS
from benchmarks.results import Curves, Result
from models import build_model
from utils.recipe import load_config
from utils.structures import Batch

FRAMES, CLIPS = 16, (1, 2, 4, 8)
CHUNKS = (0, 1)  # --chunk-size; 0 is all clips at once
GIB = 2**30


class ThereAndBack(nn.Module):
    """Forward and backward in one, for chunks are computed again in the second."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            output = self.model(batch)
        (output.logits.float().log_softmax(-1).mean() + output.embedding.square().mean()).backward()


class Held(TorchDispatchMode):
    """Bytes of the tensors that there are; `most` at any time."""

    def __init__(self):
        super().__init__()
        self.known, self.bytes, self.most = WeakIdKeyDictionary(), 0, 0

    def note(self, tensors) -> None:
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, Tensor) and (storage := tensor.untyped_storage()) not in self.known:
                self.known[storage] = None
                self.bytes += storage.nbytes()
                self.most = max(self.most, self.bytes)
                weakref.finalize(storage, self._gone, storage.nbytes())

    def _gone(self, size: int) -> None:
        self.bytes -= size

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        self.note(made)
        return made


def most_held(clips: int, chunk: int) -> float:
    """GiB at the worst moment of forward, backward and AdamW in bf16, the encoder learning too."""
    flags = ["--clip-pretrained", "none", "--chunk-size", str(chunk), "--num-segments", str(FRAMES)]
    config = load_config("caer", flags)
    model = build_model(config, LABELS).train()
    with FakeTensorMode() as fake:
        real = [*model.named_parameters(), *model.named_buffers()]
        weights = {name: fake.from_tensor(value) for name, value in real}
        learning = [value for value in weights.values() if value.requires_grad]
        optimizer = torch.optim.AdamW(learning, lr=1e-5, fused=True)
        held = Held()
        held.note(weights)
        with held:
            for _ in range(2):  # moments are made in the first
                frames = torch.empty(clips, FRAMES, 3, 224, 224, dtype=torch.uint8)
                batch = Batch(torch.zeros(clips, dtype=torch.int64), [""] * clips, frames, frames.clone())
                functional_call(ThereAndBack(model), {f"model.{name}": value for name, value in weights.items()},
                                (batch,))
                optimizer.step()
                optimizer.zero_grad()
    return held.most / GIB


def run(rounds: int) -> list[Result]:
    warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")  # by what keeps text features
    lines = {f"--chunk-size {chunk}": {clips: most_held(clips, chunk) for clips in CLIPS} for chunk in CHUNKS}
    return [Curves(f"Memory of a step, ViT-B/16, {FRAMES} frames x 2 streams, bf16", "clips in a batch", "GiB", lines)]
