"""Networks as ONNX files, written by torch and run by onnxruntime."""

import logging
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.export import Dim

from models.aspects import ReviewReader
from models.classifier import ClipClassifier
from utils.errors import UserError, first_line
from utils.provenance.hashes import file_hash
from utils.structures import Batch, Output

FILE, WEIGHTS = "model.onnx", "model.safetensors"


class _OfClips(nn.Module):
    """A classifier as a function of tensors: float frames in 0..255 -> logits (B, C), embedding (B, D)."""

    def __init__(self, classifier: ClipClassifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, *frames: Tensor) -> tuple[Tensor, Tensor]:
        output = self.classifier(Batch(torch.empty(0), [], *frames))
        return output.logits, output.embedding


class _OfReviews(nn.Module):
    """A reader as a function of tensors: tokens and mask (B, L) -> logits (B, A, S), mention (B, A)."""

    def __init__(self, reader: ReviewReader):
        super().__init__()
        self.reader = reader

    def forward(self, *tokens_and_mask: Tensor) -> tuple[Tensor, ...]:
        tokens, mask = tokens_and_mask
        output = self.reader(Batch(torch.empty(0), [], tokens=tokens, mask=mask))
        return (output.logits,) if output.mention is None else (output.logits, output.mention)


def export_clips(classifier: ClipClassifier, image_size: int, path: Path) -> None:
    """Write the video branch and its class features; batch and number of frames stay free."""
    streams = ("face",) if classifier.recogniser.video.fusion is None else ("face", "context")
    batch, frames = Dim("batch", min=1, max=4096), Dim("frames", min=1, max=4096)
    example = tuple(torch.rand(2, 3, 3, image_size, image_size) * 255 for _ in streams)
    free = [{0: batch, 1: frames}] * len(streams)
    _write(_OfClips(classifier), example, streams, ("logits", "embedding"), free, path)


def export_reviews(reader: ReviewReader, longest: int, path: Path) -> None:
    """Write the reader; batch and length, up to `longest` tokens, stay free."""
    batch, length = Dim("batch", min=1, max=4096), Dim("length", min=3, max=longest)
    example = torch.randint(3, 10, (2, 9)), torch.ones(2, 9, dtype=torch.int64)
    names = ("logits", "mention") if reader.mentions else ("logits",)
    _write(_OfReviews(reader), example, ("tokens", "mask"), names, [{0: batch, 1: length}] * 2, path)


def _write(module: nn.Module, example: tuple, inputs: Sequence[str], outputs: Sequence[str], free: list[dict],
           path: Path) -> None:
    with _quiet(), torch.no_grad():
        torch.onnx.export(module.eval().cpu(), example, path, input_names=inputs, output_names=outputs,
                          dynamic_shapes=(tuple(free),), dynamo=True, external_data=False, verbose=False)


def sign(folder: Path, weights: Path) -> None:
    """Note in the folder's file which weights it was made of, so that it is not run beside others."""
    model = onnx.load(folder / FILE)
    onnx.helper.set_model_props(model, {WEIGHTS: file_hash(weights)})
    onnx.save(model, folder / FILE)


@contextmanager
def _quiet():
    """The exporter tells every step, and warns of what is tested here."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(logging.NOTSET)


class OnnxNetwork(nn.Module):
    """A network in a file. It is always in evaluation, on the CPU or, where onnxruntime has it, on CUDA.

    Raises:
        UserError: no such file, or not one that onnxruntime can read.
    """

    def __init__(self, folder: Path):
        super().__init__()
        path = folder / FILE
        if not path.is_file():
            raise UserError(f"{path}: no such file; `python main.py export {folder} --format onnx` writes it")
        known = onnxruntime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in known]
        try:
            self._session = onnxruntime.InferenceSession(str(path), providers=providers)
        except Exception as error:  # onnxruntime's are of many kinds; all mean the same to the user
            raise UserError(f"{path}: onnxruntime cannot read it: {first_line(error)[:120]}") from None
        made_of = self._session.get_modelmeta().custom_metadata_map.get(WEIGHTS)
        if made_of and (folder / WEIGHTS).is_file() and made_of != file_hash(folder / WEIGHTS):
            raise UserError(f"{path}: made of other weights than those beside it; export it again")
        self._inputs = [node.name for node in self._session.get_inputs()]
        self._outputs = [node.name for node in self._session.get_outputs()]

    def forward(self, batch: Batch) -> Output:
        fed = {name: getattr(batch, name).cpu() for name in self._inputs}
        fed = {name: (part.float() if part.dtype == torch.uint8 else part).numpy() for name, part in fed.items()}
        found = self._session.run(self._outputs, fed)
        return Output(**{name: torch.from_numpy(part) for name, part in zip(self._outputs, found)})


