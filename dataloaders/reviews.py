"""Reviews with the sentiment of each aspect that they mention, from tables in UIT-ViSFD's or the wide format."""

import difflib
import logging
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataloaders.label_cells import (
    LIKENESS,
    ORDER,
    cell_sentiment,
    check_items,
    is_empty,
    is_sentiment,
    meaning,
    split_items,
    unknown_aspect,
)
from dataloaders.table_rows import log_composed, named_text_column, no_text_column, read_table
from utils.errors import UserError, nearest
from utils.structures import NO_POLARITY, NOT_MENTIONED

log = logging.getLogger("camxuc")

# Columns that are no aspects even where a small table has only the values 1 to 3 in them.
METADATA = {"index", "id", "no", "no.", "stt", "unnamed: 0", "n_star", "n_stars", "star", "stars", "rating", "ratings",
            "score", "date", "date_time", "datetime", "time", "timestamp", "user", "user_id", "username", "split"}
ASPECT_SHARE = 0.8  # of a column's cells that must be sentiments; the others are named as errors
TAKEN_AS_IT_IS = 5, 0.005  # mentions, and their share of the rows, from which an aspect is no misspelling
TEXT_WORDS = 3  # words of letters that a cell of free text has, or more

Row = tuple[int, list[str]]  # row number, cells


@dataclass(frozen=True)
class Review:
    """A row of a table. Its id is the row's number, 1 below the header."""

    id: str
    text: str  # NFC, else as in the file
    labels: dict[str, str | None]  # aspect: sentiment as spelt in the file; None is mentioned without a polarity
    columns: tuple[str, ...] = ()  # wide format: the table's aspects, mentioned or not, in its order


def read_reviews(path: Path, text_column: str = "auto", aspects: Sequence[str] = (),
                 sentiments: Sequence[str] = ()) -> list[Review]:
    """Every row of a labelled table, those with a blank text too.

    Two formats: UIT-ViSFD's, with `{ASPECT#SENTIMENT};{ASPECT};` in one column, and a wide one, with a column
    per aspect that holds sentiments, codes (0 none, 1 positive, 2 negative, 3 neutral) or nothing. Where aspects
    or sentiments are given, only those are read (wide) or allowed.

    Raises:
        UserError: see read_table; no row, no label, no text column; a label that cannot be read or is unknown.
    """
    header, rows = read_table(path)
    rows = list(rows)
    if not rows:
        raise UserError(f"{path}: no row below the header")
    text = named_text_column(header, text_column, str(path))
    text = _free_text(header, rows, str(path)) if text is None else text
    braces = _braces(header, rows, text, str(path))
    if braces is None:
        columns = _aspect_columns(header, rows, text, aspects, sentiments, str(path))
        labels = _wide_labels(rows, columns, sentiments, str(path))
    else:
        columns, labels = {}, _brace_labels(rows, braces, aspects, sentiments, str(path))
    taken = {text, braces, *columns.values()}
    log.info("%s: text in column %r, labels in %s, left out: %s", path, header[text],
             ", ".join(columns) or repr(header[braces]),
             ", ".join(name or "(unnamed)" for i, name in enumerate(header) if i not in taken) or "none")
    if not any(labels):
        raise UserError(f"{path}: no row has a label")
    texts = [unicodedata.normalize("NFC", row[text]) for _, row in rows]
    log_composed(str(path), sum(new != row[text] for new, (_, row) in zip(texts, rows)), len(rows))
    return [Review(str(number), new, label, tuple(columns)) for (number, _), new, label in zip(rows, texts, labels)]


def _free_text(header: list[str], rows: list[Row], where: str) -> int:
    """The one column of which at least half the cells, blank ones aside, are free text."""
    found = []
    for column, name in enumerate(header):
        cells = [row[column] for _, row in rows if row[column].strip()]
        wordy = sum(sum(map(str.isalpha, cell.split())) >= TEXT_WORDS and cell[0] != "{" for cell in cells)
        if cells and 2 * wordy >= len(cells) and name.casefold() not in METADATA:
            found.append(column)
    if len(found) != 1:
        raise no_text_column(header, where)
    return found[0]


def _braces(header: list[str], rows: list[Row], text: int, where: str) -> int | None:
    """The column of `{...};` labels; None in a wide table."""
    found = []
    for column in range(len(header)):
        cells = [row[column].strip() for _, row in rows if row[column].strip()]
        if column != text and cells and 2 * sum(cell.startswith("{") for cell in cells) >= len(cells):
            found.append(column)
    if len(found) > 1:
        raise UserError(f"{where}: both {header[found[0]]!r} and {header[found[1]]!r} hold labels; leave one")
    return found[0] if found else None


def _brace_labels(rows: list[Row], column: int, aspects: Sequence[str], sentiments: Sequence[str],
                  where: str) -> list[dict[str, str | None]]:
    pairs = [split_items(row[column], f"{where}: row {number}", sentiments) for number, row in rows]
    with_polarity = {aspect for items in pairs for aspect, word in items if word is not None}
    return [check_items(items, with_polarity, f"{where}: row {number}", aspects, sentiments)
            for items, (number, _) in zip(pairs, rows)]


def _aspect_columns(header: list[str], rows: list[Row], text: int, aspects: Sequence[str], sentiments: Sequence[str],
                    where: str) -> dict[str, int]:
    """The aspects of a wide table by name, in its order."""
    for name in aspects:
        if name not in header:
            raise UserError(f"{where}: no column for aspect {name!r}{nearest(name, header)}; "
                            f"there are {', '.join(header)}")
    columns = {name: column for column, name in enumerate(header) if column != text}
    if aspects:
        return {name: column for name, column in columns.items() if name in aspects}
    found = {name: column for name, column in columns.items()
             if _is_aspect(name, [row[column] for _, row in rows], sentiments)}
    if not found:
        if any(name.casefold() not in METADATA and not any(row[column].strip() for _, row in rows)
               for name, column in columns.items()):
            raise UserError(f"{where}: no row has a label")
        raise UserError(f"{where}: no column of labels: expected {{ASPECT#SENTIMENT}}; in one, or a column per aspect "
                        f"of positive, negative, neutral or 0 to 3; there are {', '.join(header)}")
    return found


def _is_aspect(name: str, cells: list[str], sentiments: Sequence[str]) -> bool:
    """Whether a column is one aspect's: named as VLSP's are, or of sentiments and codes, but for a few errors.

    One that is blank everywhere may be anything: it is taken for an aspect only where it is given as one.
    """
    if not name or name.casefold() in METADATA:
        return False
    filled = [cell for cell in cells if not is_empty(cell, sentiments)]
    good = sum(is_sentiment(cell, sentiments) for cell in filled)
    return "#" in name or 0 < ASPECT_SHARE * len(filled) <= good


def _wide_labels(rows: list[Row], columns: dict[str, int], sentiments: Sequence[str],
                 where: str) -> list[dict[str, str | None]]:
    labels = []
    for number, row in rows:
        found = {name: cell_sentiment(row[column], f"{where}: row {number}: column {name!r}", sentiments)
                 for name, column in columns.items()}
        labels.append({name: word for name, word in found.items() if word is not None})
    return labels


def label_names(reviews: Sequence[Review], aspects: Sequence[str] = (), sentiments: Sequence[str] = (),
                where: str = "training table") -> tuple[list[str], list[str]]:
    """The aspects and sentiments of the training reviews, in label order; those that are given stay as they are.

    Aspects are in the order of a wide table's columns, else in the alphabet's. Sentiments: positive, negative,
    neutral, then others as they come, each as the table spells it most often.

    Raises:
        UserError: a name given twice; no aspect, no sentiment; a rare name that is one letter or so from a
            frequent one, which is taken for a misspelling.
    """
    for names, key in ((aspects, str), (sentiments, meaning)):
        if twice := next((name for name in names if [key(n) for n in names].count(key(name)) > 1), None):
            raise UserError(f"{twice!r} is given twice (--aspects, --sentiments); leave one")
    columns = list(dict.fromkeys(name for table in dict.fromkeys(r.columns for r in reviews) for name in table))
    counts = Counter(aspect for review in reviews for aspect in review.labels)
    spelt: dict[str, Counter] = {}
    for word in (word for review in reviews for word in review.labels.values() if word is not None):
        spelt.setdefault(meaning(word), Counter())[word] += 1
    if not aspects:
        _refuse_misspelt(reviews, counts, columns, where)
    ordered = [key for key in ORDER if key in spelt] + [key for key in spelt if key not in ORDER]
    aspects = list(aspects) or columns + sorted(counts.keys() - set(columns))
    sentiments = list(sentiments) or [spelt[key].most_common(1)[0][0] for key in ordered]
    if not aspects or not sentiments:
        raise UserError(f"{where}: no label names an aspect and its sentiment")
    return aspects, sentiments


def _refuse_misspelt(reviews: Sequence[Review], counts: Counter, columns: list[str], where: str) -> None:
    for name, count in counts.items():
        if name in columns or count >= max(TAKEN_AS_IT_IS[0], TAKEN_AS_IT_IS[1] * len(reviews)):
            continue  # a column's name stands once in the file, however rare its mentions
        for other in counts:
            if counts[other] >= 20 * count and _alike(name, other):
                row = next(review.id for review in reviews if name in review.labels)
                raise UserError(f"{where}: row {row}: aspect {name!r}, {count} times in {len(reviews)} rows, looks "
                                f"like a misspelt {other!r}; correct it, or give all names with --aspects")


def _alike(name: str, other: str) -> bool:
    """In every part: ROOMS#QUALITY and ROOM_AMENITIES#QUALITY are two aspects, however much they share."""
    parts, others = name.casefold().split("#"), other.casefold().split("#")
    return len(parts) == len(others) and all(
        difflib.SequenceMatcher(None, part, of).ratio() >= LIKENESS for part, of in zip(parts, others))


def encode_labels(reviews: Sequence[Review], aspects: Sequence[str], sentiments: Sequence[str],
                  where: str) -> np.ndarray:
    """(N, A) int64: the sentiment's index, NOT_MENTIONED, or NO_POLARITY where only the aspect is named.

    Raises:
        UserError: an aspect or a sentiment that is not among the names, as in a test table against training's.
    """
    columns = {name: column for column, name in enumerate(aspects)}
    indices = {meaning(name): index for index, name in enumerate(sentiments)}
    table = np.full((len(reviews), len(aspects)), NOT_MENTIONED, np.int64)
    for place, review in enumerate(reviews):
        for aspect, word in review.labels.items():
            if aspect not in columns:
                raise UserError(f"{where}: row {review.id}: {unknown_aspect(aspect, aspects)}")
            if word is not None and meaning(word) not in indices:
                raise UserError(f"{where}: row {review.id}: unknown sentiment {word!r} of aspect {aspect}"
                                f"{nearest(word, sentiments)}; known are {', '.join(sentiments)}")
            table[place, columns[aspect]] = NO_POLARITY if word is None else indices[meaning(word)]
    return table
