"""Tables (CSV, TSV) and lines of text, read row by row in fixed memory. Whatever is wrong is named with its row."""

import csv
import itertools
import logging
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.errors import UserError, nearest

log = logging.getLogger("camxuc")

CELL = 2**20  # characters; a comment of 20,000 words has some 100,000, an open quote swallows the whole file
LINE = 2**22  # bytes
TEXT_NAMES = ("comment", "text", "review", "content", "sentence", "comments", "reviews", "sentences")
STDIN = "standard input"


def read_lines(source: Path | Iterable[bytes | str], where: str) -> Iterator[tuple[int, str]]:
    """(line number from 1, line with its end) of a UTF-8 file or of lines that come in; a byte order mark is dropped.

    Raises:
        UserError: a file that cannot be read, a line that is not UTF-8, holds a NUL or is endless.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                yield from read_lines(file, where)
        except OSError as error:
            raise UserError(f"{where}: cannot be read: {error.strerror}") from None
        return
    source = getattr(source, "buffer", source)  # the bytes of a text stream, which has no offsets
    if hasattr(source, "readline"):
        source = _short_lines(source)
    start = 0
    for number, line in enumerate(source, 1):
        size = len(line)
        if size >= LINE:
            raise UserError(f"{where}: line {number}: longer than {LINE:,} bytes; is it text?")
        try:
            line = line.decode() if isinstance(line, bytes) else line
        except UnicodeDecodeError as error:
            raise UserError(f"{where}: line {number}: not UTF-8 text (byte {start + error.start}); "
                            "save it as UTF-8") from None
        if "\0" in line:
            raise UserError(f"{where}: line {number}: holds a NUL byte; save it as UTF-8 text")
        yield number, line.removeprefix("\ufeff") if number == 1 else line
        start += size


def _short_lines(file) -> Iterator[bytes | str]:
    while line := file.readline(LINE):
        yield line


def read_table(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The column names of a table, and its rows as (row number, cells); the first row below the header is row 1.

    Comma, semicolon or tab is the separator, whichever the header line has most of. Blank lines are no rows.

    Raises (the rows while they are read):
        UserError: see read_lines; an empty file, a header that names a column twice, a row with more or fewer
            cells than the header, quotes that do not match.
    """
    lines = (line for _, line in read_lines(path, str(path)))
    begin = []
    for line in lines:
        begin.append(line)
        if line.strip():
            break
    else:
        raise UserError(f"{path}: empty")
    separator = max(",;\t", key=line.count)
    csv.field_size_limit(max(csv.field_size_limit(), CELL))
    rows = csv.reader(itertools.chain(begin, lines), delimiter=separator, strict=True)
    for _ in begin:  # the header is the last of these rows, the others are blank
        header = _next_row(rows, path, 0)
    header = [unicodedata.normalize("NFC", name.strip()) for name in header]
    if twice := next((name for name in header if name and header.count(name) > 1), None):
        raise UserError(f"{path}: its header names {twice!r} twice; rename one")
    return header, _rows(rows, path, len(header), separator)


def _rows(rows, path: Path, width: int, separator: str) -> Iterator[tuple[int, list[str]]]:
    number = 1
    while (row := _next_row(rows, path, number)) is not None:
        if not row or (len(row) == 1 < width and not row[0].strip()):
            continue
        if len(row) != width:
            raise UserError(f"{path}: row {number}: {len(row)} cells, but the header has {width}; "
                            f"put quotes around a cell that holds {separator!r}")
        yield number, row
        number += 1


def _next_row(rows, path: Path, number: int) -> list[str] | None:
    row = f"row {number}" if number else "the header"
    try:
        return next(rows, None)
    except csv.Error as error:
        if "field limit" in str(error):
            raise UserError(f"{path}: {row}: a cell of more than {CELL:,} characters; is a quote left open?") from None
        raise UserError(f"{path}: {row} (line {rows.line_num}): not CSV: {error}; is a quote left open, or not "
                        "written twice inside quotes?") from None


def named_text_column(header: list[str], text_column: str, where: str) -> int | None:
    """The column that is named, else one of a usual name, else the only one; None where nothing tells.

    Raises:
        UserError: `text_column` is no column.
    """
    if text_column != "auto":
        if text_column not in header:
            raise UserError(f"{where}: no column {text_column!r} (--text-column), only "
                            f"{', '.join(header)}{nearest(text_column, header)}")
        return header.index(text_column)
    lower = [name.casefold() for name in header]
    usual = next((lower.index(name) for name in TEXT_NAMES if name in lower), None)
    return 0 if usual is None and len(header) == 1 else usual


def no_text_column(header: list[str], where: str) -> UserError:
    return UserError(f"{where}: which column holds the text? --text-column names it; there are {', '.join(header)}")


def stream_rows(source: str | Path | Iterable[bytes | str], text_column: str = "auto") -> Iterator[tuple[int, str]]:
    """(row number from 1, text in NFC) of any number of reviews, read as they are asked for.

    `source` is a table (.csv, .tsv), a file with a review per line (.txt), `-` for standard input with a review per
    line, or an open file or other lines, the same way. A blank line of text is a review of no words, and counts.

    Raises:
        UserError: see read_lines and read_table; a file of another kind, a table whose text column is not told
            by its header, no review at all.
    """
    if str(source) == "-":
        source = sys.stdin.buffer
    path = Path(source) if isinstance(source, (str, Path)) else None
    where = str(path) if path else STDIN
    if path is None or path.suffix.lower() == ".txt":
        texts = ((number, line.rstrip("\r\n")) for number, line in read_lines(path or source, where))
    elif path.suffix.lower() in (".csv", ".tsv"):
        texts = _texts(path, text_column)
    else:
        raise UserError(f"{where}: reviews are read from .csv, .tsv and .txt files, and from - (standard input)")
    number = changed = 0
    for number, text in texts:
        composed = unicodedata.normalize("NFC", text)
        changed += composed != text
        yield number, composed
    if number == 0:
        raise UserError(f"{where}: holds no review")
    log_composed(where, changed, number)


def _texts(path: Path, text_column: str) -> Iterator[tuple[int, str]]:
    header, rows = read_table(path)
    column = named_text_column(header, text_column, str(path))
    if column is None:
        raise no_text_column(header, str(path))
    for number, row in rows:
        yield number, row[column]


def log_composed(where: str, changed: int, number: int) -> None:
    if changed:
        log.info("%s: %d of %d texts brought to NFC", where, changed, number)
