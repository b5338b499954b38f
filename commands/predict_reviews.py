"""`main.py predict` with a run on reviews."""

import json
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from commands.output_files import make_folder, output_files
from dataloaders.table_rows import stream_rows
from inference.reviews import ReviewPredictor
from inference.run import Run
from utils.answers import FORMATS
from utils.config import ReviewPredictSettings
from utils.errors import UserError

SHOWN = 50  # reviews on the page of explanations
TABLES = (".csv", ".tsv", ".txt")
QUOTED = "\0"  # stands for all reviews on the command line; no file has that name


def predict_reviews(run: Run, settings: ReviewPredictSettings) -> int:
    """Aspects and sentiments of reviews, to the screen, or to a file for each input in --output-dir."""
    quoted = [name for name in settings.input if is_review(name)]
    names = [name for name in settings.input if name not in quoted] + [QUOTED] * bool(quoted)
    stems = [{"-": "stdin", QUOTED: "quoted"}.get(name, Path(name).stem) for name in names]
    suffix, folder = FORMATS[settings.format].suffix, settings.output_dir
    beside = [".why.jsonl", ".why.html"] if settings.explain else []
    given = [name for name in names if name not in ("-", QUOTED)]
    files = output_files(given, folder, stems, suffix, beside) if folder else [None] * len(stems)
    reader = ReviewPredictor(run, settings.device, settings.onnx)
    if folder:
        make_folder(folder)
    for name, path in zip(names, files):
        rows = (enumerate(map(one_line, quoted), 1) if name == QUOTED else
                stream_rows(sys.stdin.buffer if name == "-" else Path(name), settings.text_column))
        found = reader.read(tqdm(rows, unit=" reviews", disable=path is None), settings.batch_size)
        if path is None:
            write(reader, found, sys.stdout, settings.format)
            continue
        if settings.explain:
            found = explained(reader, found, path)
        try:
            with path.open("w", newline="", encoding="utf-8") as file:
                write(reader, found, file, settings.format)
        except OSError as error:
            raise UserError(f"{error.filename or path}: cannot be written: {error.strerror}") from None
        print(path, file=sys.stderr)
    return 0


def is_review(name: str) -> bool:
    """Whether an input is a review itself: words, and not the name of a file."""
    words = " " in name.strip() or not (Path(name).suffix or os.sep in name)
    return name != "-" and words and not os.path.exists(name) and Path(name).suffix.lower() not in TABLES


def one_line(text: str) -> str:
    """As a review in a file comes."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def write(reader: ReviewPredictor, found: Iterable[tuple[int, str, list[dict], str]], file: TextIO, style: str) -> None:
    """Write each row as soon as it is read, and say at the end how many had a note."""
    writer, notes = FORMATS[style](file, reader.task), Counter()
    for row, text, aspects, note in found:
        writer.write(row, text, aspects, note)
        file.flush()
        notes[note] += 1
    said = ", ".join(f"{count} {note}" for note, count in notes.items() if note)
    print(f"{notes.total()} reviews" + (f", {said}" if said else ""), file=sys.stderr)


def explained(reader: ReviewPredictor, found: Iterable[tuple[int, str, list[dict], str]], path: Path):
    """The rows as they are; beside `path` the weights of their tokens, and a page that shows the first of them."""
    from utils.report.frame import render  # with matplotlib, which takes a second
    from utils.report.tokens import read_review

    shown = []
    with path.with_suffix(".why.jsonl").open("w", encoding="utf-8") as file:
        for row, text, aspects, note in found:
            weights = reader.explain(text, aspects) if aspects else {}
            line = {"row": row, "aspects": [said | {"tokens": [
                {"text": part.piece.text, "mention": round(part.mention, 4), "sentiment": round(part.sentiment, 4)}
                for part in weights[said["aspect"]] if part.piece.kind not in ("gap", "cut")]} for said in aspects]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            if len(shown) < SHOWN:
                shown.append(read_review(aspects, weights, text))
            yield row, text, aspects, note
    page = render("tokens.html.j2", {"recipe": reader.run.config.recipe, "reviews": shown, "most": SHOWN})
    path.with_suffix(".why.html").write_text(page, encoding="utf-8")
