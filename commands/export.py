"""`main.py export`: a run for others, or for other runtimes."""

from pathlib import Path

from utils.config import ExportSettings
from utils.errors import UserError
from utils.recipe import config_of_run, parse_flags


def export(run: str, words: list[str]) -> None:
    """
    Raises:
        UserError: no such run; no folder to write to; the ONNX file does not compute what PyTorch does; the upload
            failed.
    """
    settings = parse_flags(ExportSettings, words, f"main.py export {run}", "export")
    config_of_run(Path(run))  # a missing one is said at once
    if settings.format == "onnx" and settings.push_to_hub:
        raise UserError("--push-to-hub: uploads what --format safetensors writes")
    from inference.run import open_run  # only now: it brings torch, which takes seconds

    if settings.format == "onnx":
        from commands.export_onnx import export_onnx

        export_onnx(open_run(Path(run)), settings.output_dir)
    else:
        from commands.export_folder import export_folder

        export_folder(open_run(Path(run)), settings)
