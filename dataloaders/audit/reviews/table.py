"""A table of reviews and its labels, read with other code than the loader's."""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.config import TextConfig
from utils.structures import NO_POLARITY, NOT_MENTIONED, Labels

CODES = {"1": "positive", "2": "negative", "3": "neutral"}
ENGLISH = {"tích cực": "positive", "tiêu cực": "negative", "trung tính": "neutral", "trung lập": "neutral"}


@dataclass
class PlainTable:
    path: Path
    header: list[str]
    rows: list[list[str]]  # row r stands at r - 1

    def column(self, index: int) -> list[str]:
        return [row[index] if index < len(row) else "" for row in self.rows]


def plain(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def read_plainly(path: Path) -> PlainTable:
    """The table by the csv module alone, with the separator that gives the header the most names."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        text = file.read()
    tables = [list(csv.reader(io.StringIO(text, newline=""), delimiter=separator)) for separator in ",;\t"]
    tables = [[row for row in table if any(cell.strip() for cell in row) or len(row) > 1] for table in tables]
    header, *rows = max(tables, key=lambda table: len(table[0]))
    return PlainTable(path, [plain(name).strip() for name in header], rows)


def tables_of(config: TextConfig) -> dict[str, PlainTable]:
    """The file of each split; that of `train` for `val` too where it is a part of it."""
    data, tables = config.data, {}
    for split in ("train", "val", "test"):
        if path := getattr(data, f"{split}_annotation"):
            inside = data.root_dir / path if data.root_dir else path
            tables[split] = read_plainly(inside if inside.is_file() else path)
    return tables if "val" in tables else tables | {"val": tables["train"]}


def plain_targets(table: PlainTable, labels: Labels, sentiments: list[str]) -> tuple[np.ndarray, set[str]]:
    """(rows, A) as ReviewDataset.targets, and the aspects that the file names besides."""
    places = {name: place for place, name in enumerate(labels.aspects)}
    numbers = {_key(name): number for number, name in enumerate(sentiments)}
    targets = np.full((len(table.rows), len(places)), NOT_MENTIONED, np.int64)
    others = set()
    for column, name in enumerate(table.header):
        cells = table.column(column)
        filled = [cell for cell in cells if cell.strip()]
        braces = filled and sum(cell.strip()[0] == "{" for cell in filled) > len(filled) / 2
        for row, cell in enumerate(cells if braces or name in places else []):
            for aspect, word in _items(plain(cell), numbers) if braces else [(name, _word(cell, numbers))]:
                if aspect not in places:
                    others.add(aspect)
                elif _key(word) in numbers:
                    targets[row, places[aspect]] = numbers[_key(word)]
                elif braces and targets[row, places[aspect]] < 0:
                    targets[row, places[aspect]] = NO_POLARITY
    return targets, others


def _items(cell: str, numbers: dict[str, int]) -> list[tuple[str, str]]:
    items = [item.strip().strip("{}") for item in cell.split(";") if item.strip()]
    pairs = [tuple(item.rsplit("#", 1)) if "#" in item else (item, "") for item in items]
    return [(head.strip(), word) if _key(word) in numbers else (item.strip(), "")
            for item, (head, word) in zip(items, pairs)]


def _word(cell: str, numbers: dict[str, int]) -> str:
    return cell if _key(cell) in numbers else CODES.get(re.sub(r"\.0*$", "", cell.strip()), "")


def _key(word: str) -> str:
    word = " ".join(plain(word).lower().split())
    return ENGLISH.get(word, word)
