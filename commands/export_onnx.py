"""A run as an ONNX file, which is read again and compared."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from commands.output_files import make_folder
from inference.onnx import FILE, WEIGHTS, OnnxNetwork, export_clips, export_reviews, sign
from inference.run import Run
from models.classifier import ClipClassifier, learned_classes
from utils.config import TextConfig
from utils.errors import UserError
from utils.structures import Batch, Output

TOLERANCE = 1e-4  # of logits, between PyTorch and onnxruntime
TRIED = ((1, 1), (2, 3), (5, 8))  # batch, and frames or tens of tokens, of the inputs that are compared


def export_onnx(run: Run, output_dir: Path | None) -> None:
    """Write model.onnx into the folder, or into the run itself; see `write_onnx`."""
    folder = output_dir or run.folder
    make_folder(folder)
    print(f"{folder / FILE}: differs from PyTorch by {write_onnx(run, folder):.1e} at most, on fresh inputs")


def write_onnx(run: Run, folder: Path) -> float:
    """Write the file and read it again; the largest difference to PyTorch in a logit.

    Raises:
        UserError: the difference is over TOLERANCE; an earlier file stays as it is.
    """
    with TemporaryDirectory(dir=folder) as name:
        fresh = Path(name)
        if isinstance(run.config, TextConfig):
            network, longest = run.network, run.config.data.max_tokens
            export_reviews(network, longest, fresh / FILE)
            tried = [_reviews(run, batch, min(10 * length, longest)) for batch, length in TRIED]
        else:
            network = ClipClassifier(run.network, learned_classes(run.network))
            export_clips(network, run.config.data.image_size, fresh / FILE)
            tried = [_clips(run, batch, frames) for batch, frames in TRIED]
        sign(fresh, run.folder / WEIGHTS)
        written = OnnxNetwork(fresh)
        with torch.no_grad():
            difference = float(torch.stack([_difference(network(batch), written(batch)) for batch in tried]).max())
        if not difference <= TOLERANCE:  # NaN is no small difference
            raise UserError(f"export: the ONNX file differs from PyTorch by {difference:.1e}, more than {TOLERANCE:g}")
        os.replace(fresh / FILE, folder / FILE)
    return difference


def _clips(run: Run, batch: int, frames: int) -> Batch:
    size = run.config.data.image_size
    face, context = torch.randint(0, 256, (2, batch, frames, 3, size, size), dtype=torch.uint8)
    return Batch(torch.zeros(batch), [""] * batch, face, context if run.config.data.streams == "both" else None)


def _reviews(run: Run, batch: int, length: int) -> Batch:
    tokens = torch.randint(3, run.network.encoder.config.vocab_size, (batch, length))
    mask = (torch.arange(length) < torch.randint(2, length + 1, (batch, 1))).long()
    return Batch(torch.zeros(batch), [""] * batch, tokens=tokens, mask=mask)


def _difference(ours: Output, theirs: Output) -> Tensor:
    """The largest, of a NaN NaN."""
    pairs = [(ours.logits, theirs.logits)] + ([(ours.mention, theirs.mention)] if ours.mention is not None else [])
    return torch.stack([(a - b).abs().max() for a, b in pairs]).max()
