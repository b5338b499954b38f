"""Where the answers to each input go."""

from pathlib import Path

from utils.errors import UserError


def output_files(inputs: list[str], folder: Path, stems: list[str], suffix: str) -> list[Path]:
    """A file in the folder for each input.

    Raises:
        UserError: two inputs of the same name, or a file that is itself an input.
    """
    files = [folder / f"{stem}{suffix}" for stem in stems]
    given = {Path(name).resolve() for name in inputs}
    for path in files:
        if files.count(path) > 1:
            raise UserError(f"predict: two inputs would be written to {path}; give them one at a time, each with an "
                            "--output-dir of its own")
        if path.resolve() in given:
            raise UserError(f"predict: {path} is an input, and would be written over; give another --output-dir")
    return files
