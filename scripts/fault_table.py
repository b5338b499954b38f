"""The table of faults, as Markdown: each is put into a sound recipe and trained with, as the tests do.

    python -m scripts.fault_table                    print the table
    python -m scripts.fault_table --write docs/FAULTS.md  put it between the file's markers
"""

import argparse
import logging
import re
import sys
import tempfile
from pathlib import Path

from utils.markers import insert

ROOT = Path(__file__).parent.parent
NAME = "faults"
LONGEST = 240  # characters of what is said


def table() -> str:
    """A row for each fault of tests/faults/catalogue.py, with the sentence that it brings."""
    import open_clip
    import pytest

    from tests.faults.catalogue import FAULTS
    from tests.faults.sound import write_all
    from tests.faults.training import findings_of

    open_clip.add_model_config(ROOT / "tests" / "clip_configs")
    lines = ["| fault | how it shows elsewhere | finding | what it says |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sound = write_all(root)
        for number, fault in enumerate(FAULTS):
            (root / str(number)).mkdir()
            with pytest.MonkeyPatch.context() as patch:
                found = findings_of(fault, sound.__getitem__, root / str(number), patch)
            said = next((finding for finding in found if finding.name == fault.finding), None)
            if said is None:
                sys.exit(f"error: {fault.name}: nothing is said of {fault.finding}, only {[f.name for f in found]}")
            lines.append(row(fault.name, fault.shows, said.name, said.text.replace(f"{root}/{number}/data", "D")
                             .replace(str(sound[fault.base].parent), "D")))
    return "\n".join(lines)


def row(*cells: str) -> str:
    """Cut to a length, and with no bar of its own."""
    name, shows, finding, text = (" ".join(cell.split()).replace("|", r"\|") for cell in cells)
    return f"| {name} | {shows} | `{finding}` | {text if len(text) <= LONGEST else text[:LONGEST] + ' ...'} |"


def rows_of(text: str) -> list[tuple[str, str, str, str]]:
    """The rows of the table in a file that holds it: name, how it shows, finding, what it says."""
    part = text.split(f"<!-- {NAME} -->")[1].split(f"<!-- /{NAME} -->")[0]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in part.strip().splitlines()[2:]]
    return [(name, shows, finding.strip("`"), said) for name, shows, finding, said in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    part = table()
    if args.write:
        args.write.write_text(insert(args.write.read_text(encoding="utf-8"), NAME, part), encoding="utf-8")
    else:
        print(part)


if __name__ == "__main__":
    main()
