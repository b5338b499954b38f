"""`main.py predict`: what a run's best weights say of any input, in a fixed memory."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch
from tqdm import tqdm

from dataloaders.review_stream import batches_of
from dataloaders.table_rows import stream_rows
from dataloaders.text_dataloader import load_run_tokenizer
from models import load_run_model
from utils.answers import FORMATS, answers
from utils.config import TextConfig
from utils.errors import UserError
from utils.precision import choose_device, choose_precision
from utils.prediction import predict as predictions_of
from utils.recipe import load_config
from utils.tally import Tally
from utils.tasks import build_task


def predict(run: str, words: list[str]) -> None:
    """Aspects and sentiments of reviews, to the screen, or to a file for each input in --output-dir."""
    args = parse(words)
    files = output_files(args)
    reader = Reader(Path(run), args.device)
    for name, path in zip(args.input, files):
        rows = stream_rows(sys.stdin.buffer if name == "-" else Path(name), args.text_column)
        found = reader.read(tqdm(rows, unit=" reviews", disable=path is None), args.batch_size)
        if path is None:
            reader.write(found, sys.stdout, args.format)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            reader.write(found, file, args.format)
        print(path, file=sys.stderr)


def output_files(args: argparse.Namespace) -> list[Path | None]:
    """A file in --output-dir for each input; None without that folder.

    Raises:
        UserError: two inputs of the same name, or a file that is itself an input.
    """
    if args.output_dir is None:
        return [None] * len(args.input)
    stems = ["stdin" if name == "-" else Path(name).stem for name in args.input]
    files = [args.output_dir / f"{stem}{FORMATS[args.format].suffix}" for stem in stems]
    inputs = {Path(name).resolve() for name in args.input if name != "-"}
    for path in files:
        if files.count(path) > 1:
            raise UserError(f"predict: two inputs would be written to {path}; give them one at a time, each with an "
                            "--output-dir of its own")
        if path.resolve() in inputs:
            raise UserError(f"predict: {path} is an input, and would be written over; give another --output-dir")
    return files


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> None:
        raise UserError(f"predict: {message}; --help lists the flags")


def parse(words: list[str]) -> argparse.Namespace:
    """
    Raises:
        UserError: an unknown flag, or none of the inputs that are needed.
    """
    parser = Parser(prog="main.py predict RUN", allow_abbrev=False)
    parser.add_argument("input", nargs="+", metavar="INPUT", help="a .csv or .tsv table, a .txt with a review a line, "
                        "or - for standard input, a review a line")
    parser.add_argument("--format", choices=FORMATS, default="jsonl", help="JSON lines, or a table (default: jsonl)")
    parser.add_argument("--output-dir", type=Path, help="write a file for each input there; else all to the screen")
    parser.add_argument("--text-column", default="auto", help="a table's column of text (default: found by its name)")
    parser.add_argument("--batch-size", type=int, default=32, help="reviews read at once (default: 32)")
    parser.add_argument("--device", default="auto", help="cuda, mps or cpu (default: the first there is)")
    args = parser.parse_args(words)
    if args.batch_size < 1:
        raise UserError(f"predict: --batch-size {args.batch_size}: must be at least 1")
    return args


class Reader:
    """A text run's network, tokenizer and task.

    Raises:
        UserError: no such run, or one that does not read reviews.
    """

    def __init__(self, run_dir: Path, device: str = "auto"):
        if not (run_dir / "config.yaml").is_file():
            raise UserError(f"{run_dir}: no run; `predict` takes the folder of one, with its config.yaml")
        self.config = load_config(str(run_dir / "config.yaml"))
        if not isinstance(self.config, TextConfig):
            raise UserError(f"{run_dir}: was trained on clips; `predict` reads reviews")
        self.model, labels = load_run_model(run_dir, self.config)
        self.tokenizer, self.task = load_run_tokenizer(run_dir), build_task(self.config, labels)
        self.device = choose_device(device)
        self.model.to(self.device)
        self.dtype = choose_precision(self.config.train, self.device).dtype

    @torch.inference_mode()
    def read(self, rows: Iterator[tuple[int, str]], batch_size: int) -> Iterator[tuple[int, str, list[dict], str]]:
        """Number, text, aspects and note of each row, in order; a blank one has no aspects, and says so."""
        batches = batches_of(rows, self.tokenizer, self.config.model.prefix, self.config.data.max_tokens, batch_size)
        for chunk, notes, batch in batches:
            found, read = iter(()), set(batch.ids)
            if read:
                tally = Tally("input", len(chunk), max_bad=1)
                predictions = predictions_of(self.model, [batch], self.device, tally, self.dtype)
                found = answers(self.task, predictions)
            for (row, text), note in zip(chunk, notes):
                yield row, text, next(found) if str(row) in read else [], note

    def write(self, found: Iterator[tuple[int, str, list[dict], str]], file, style: str) -> None:
        """Write each row as soon as it is read, and say at the end how many had a note."""
        writer, notes = FORMATS[style](file, self.task), Counter()
        for row, text, aspects, note in found:
            writer.write(row, text, aspects, note)
            file.flush()
            notes[note] += 1
        said = ", ".join(f"{count} {note}" for note, count in notes.items() if note)
        print(f"{notes.total()} reviews" + (f", {said}" if said else ""), file=sys.stderr)
