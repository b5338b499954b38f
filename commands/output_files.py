"""Where the answers to each input go."""

from collections import Counter
from pathlib import Path

from utils.errors import UserError


def output_files(inputs: list[str], folder: Path, stems: list[str], suffix: str, beside: list[str] = ()) -> list[Path]:
    """A file in the folder for each input.

    Args:
        beside: suffixes of what is written beside each of them.
    Raises:
        UserError: two files of the same name, one that is itself an input, or a folder that is one.
    """
    files = [folder / f"{stem}{suffix}" for stem in stems]
    written = Counter(path.with_suffix(end) for path in files for end in (suffix, *beside))
    given = {Path(name).resolve() for name in inputs}
    if folder.resolve() in given:
        raise UserError(f"predict: {folder} is an input, and would be written into; give another --output-dir")
    for path, count in written.items():
        if count > 1:
            raise UserError(f"predict: two inputs would be written to {path}; give them one at a time, each with an "
                            "--output-dir of its own")
        if path.resolve() in given:
            raise UserError(f"predict: {path} is an input, and would be written over; give another --output-dir")
    return files


def make_folder(folder: Path) -> None:
    """
    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output-dir {folder}: cannot be made: {error.strerror}") from None
