"""A run as a folder with weights, settings and model card, which can be uploaded."""

import json
from pathlib import Path

from commands.output_files import make_folder
from inference.hub import PublishedRun
from inference.run import Run
from utils.config import ExportSettings
from utils.errors import UserError, first_line


def export_folder(run: Run, settings: ExportSettings) -> None:
    """Write the folder, and upload it if it is to be.

    Raises:
        UserError: no folder to write to, or one that holds other files; the upload failed.
    """
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
