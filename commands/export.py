"""`main.py export`: a run for others, or for other runtimes."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch
from torch import Tensor

from commands.output_files import make_folder
from inference.hub import PublishedRun
from inference.onnx import FILE, WEIGHTS, OnnxNetwork, export_clips, export_reviews, sign
from inference.run import Run, open_run
from models.classifier import ClipClassifier, learned_classes
from utils.config import TextConfig
from utils.errors import UserError, first_line
from utils.recipe import parse_flags
from utils.structures import Batch, Output

TOLERANCE = 1e-4  # of logits, between PyTorch and onnxruntime
TRIED = ((1, 1), (2, 3), (5, 8))  # batch, and frames or tens of tokens, of the inputs that are compared


@dataclass(frozen=True)
class ExportSettings:
    """Writes a finished run for others: weights with a model card, or an ONNX file."""

    format: Literal["safetensors", "onnx"] = "safetensors"
    """A folder with weights, settings and model card, as the Hugging Face hub has it; or RUN/model.onnx."""
    output_dir: Path | None = None
    """Where to; if not given, RUN/export, or RUN itself for ONNX."""
    push_to_hub: str = ""
    """Also upload the folder, as OWNER/NAME; `hf auth login` comes before."""
    private: bool = True
    """The uploaded folder is to be seen by its owner alone."""


def export(run_dir: str, words: list[str]) -> None:
    """
    Raises:
        UserError: no such run; no folder to write to; the ONNX file does not compute what PyTorch does; the upload
            failed.
    """
    settings = parse_flags(ExportSettings, words, f"main.py export {run_dir}", "export")
    run = open_run(Path(run_dir))
    if settings.format == "onnx":
        if settings.push_to_hub:
            raise UserError("--push-to-hub: uploads what --format safetensors writes")
        folder = settings.output_dir or run.folder
        make_folder(folder)
        print(f"{folder / FILE}: differs from PyTorch by {export_onnx(run, folder):.1e} at most, on fresh inputs")
        return
    folder, published = settings.output_dir or run.folder / "export", PublishedRun(run)
    make_folder(folder)
    if folder.samefile(run.folder):
        raise UserError(f"--output-dir {folder}: is the run itself, whose settings would lose their paths; give "
                        "another")
    if any(folder.iterdir()) and not is_exported(folder):
        raise UserError(f"--output-dir {folder}: holds other files, which would be written over; give an empty folder")
    try:
        (folder / "README.md").unlink(missing_ok=True)  # the mixin keeps one that is there
        published.save_pretrained(folder)
    except OSError as error:
        raise UserError(f"--output-dir {folder}: cannot be written: {error.strerror}") from None
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    if settings.push_to_hub:
        try:
            print(published.push_to_hub(settings.push_to_hub, private=settings.private))
        except Exception as error:  # the hub's and the network's are of many kinds; all mean the same to the user
            raise UserError(f"--push-to-hub {settings.push_to_hub}: {first_line(error)[:160]}") from None


def is_exported(folder: Path) -> bool:
    """Whether an earlier export made the folder."""
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))["library"] == "camxuc"
    except (OSError, ValueError, TypeError, LookupError):
        return False


def export_onnx(run: Run, folder: Path) -> float:
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
