"""A folder for what visitors upload: nobody else can look into it, and it goes when the page ends."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def private_folder() -> Path:
    """Made anew, readable by this user alone, removed when Python ends; Gradio keeps its files in it from now on."""
    for left in Path(tempfile.gettempdir()).glob("camxuc-*-*"):  # of a page that was killed and could not tidy up
        if left.name.split("-")[1].isdecimal() and not _runs(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)  # which leaves those of other users
    folder = Path(tempfile.mkdtemp(prefix=f"camxuc-{os.getpid()}-"))  # mode 700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return folder


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def forget(*paths: str | Path | None) -> None:
    """Remove files, and the folders that held nothing else."""
    for path in map(Path, filter(None, paths)):
        path.unlink(missing_ok=True)
        try:
            path.parent.rmdir()
        except OSError:  # others lie there
            continue
