"""Settings of `main.py export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


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
