"""A folder for what visitors upload: nobody else can look into it, and it goes when the page ends."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def private_folder() -> Path:
    """Made anew, readable by this user alone, removed when Python ends; Gradio keeps its files in it from now on."""
    folder = Path(tempfile.mkdtemp(prefix="camxuc-"))  # mode 700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return folder


def forget(*paths: str | Path | None) -> None:
    """Remove files, and the folders that held nothing else."""
    for path in map(Path, filter(None, paths)):
        path.unlink(missing_ok=True)
        try:
            path.parent.rmdir()
        except OSError:  # others lie there
            continue
