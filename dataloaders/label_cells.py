"""What a cell of labels says: `{CAMERA#Positive};{OTHERS};`, or a sentiment or its code in an aspect's own column."""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable

from utils.errors import UserError, nearest

ORDER = ("positive", "negative", "neutral")
WORDS = {"tích cực": "positive", "tiêu cực": "negative", "trung tính": "neutral", "trung lập": "neutral"}
CODES = {"1": "positive", "2": "negative", "3": "neutral"}
EMPTY = ("", "none", "nan", "-")
LIKENESS = 0.8  # difflib's ratio from which a rare name counts as a misspelling


def meaning(word: str) -> str:
    """One key for all spellings of a sentiment: `Tích cực` and `POSITIVE` are `positive`, an own word is itself."""
    folded = " ".join(unicodedata.normalize("NFC", word).casefold().split())
    return WORDS.get(folded, folded)


def is_empty(cell: str, sentiments: Collection[str] = ()) -> bool:
    """Whether the cell says that an aspect is not mentioned, code 0 aside."""
    return meaning(cell) in EMPTY and meaning(cell) not in map(meaning, sentiments)


def cell_sentiment(cell: str, where: str, sentiments: Collection[str] = ()) -> str | None:
    """The sentiment in an aspect's column, as it is spelt there; None where the aspect is not mentioned.

    Raises:
        UserError: neither one of the sentiments (those given, else positive, negative, neutral), nor a code
            from 0 to 3, nor empty.
    """
    known = {meaning(word) for word in sentiments or ORDER}
    if meaning(cell) in known:
        return cell.strip()
    code = re.fullmatch(r"([0-3])(\.0*)?", cell.strip())
    word = CODES.get(code[1]) if code else None
    if is_empty(cell) or (code and word is None):
        return None
    if word in known:
        return word
    raise UserError(f"{where}: {cell.strip()[:60]!r} is no sentiment{_expected(cell, sentiments)}")


def is_sentiment(cell: str, sentiments: Collection[str] = ()) -> bool:
    """Whether `cell_sentiment` can read the cell."""
    try:
        cell_sentiment(cell, "", sentiments)
    except UserError:
        return False
    return True


def _expected(word: str, sentiments: Collection[str]) -> str:
    expected = sentiments or (*ORDER, *WORDS)
    return f"{nearest(word.strip(), expected)}; known are {', '.join(expected)} (--sentiments sets them)"


def split_items(cell: str, where: str, sentiments: Collection[str] = ()) -> list[tuple[str, str | None]]:
    """(aspect, sentiment as spelt or None) of each `{...}` in a cell.

    An aspect may hold #, so only a sentiment after the last one is cut off.

    Raises:
        UserError: text outside the braces, empty braces, no aspect before #.
    """
    if re.sub(r"\{[^{}]*\}", "", cell).replace(";", "").strip():
        raise UserError(f"{where}: label {cell.strip()[:80]!r}: expected {{ASPECT#SENTIMENT}};{{ASPECT}};")
    pairs = []
    for item in re.findall(r"\{([^{}]*)\}", unicodedata.normalize("NFC", cell)):
        aspect, mark, word = item.rpartition("#")
        if not mark or meaning(word) not in {*ORDER, *map(meaning, sentiments)}:
            aspect, word = item, None
        if not aspect.strip():
            raise UserError(f"{where}: label {cell.strip()[:80]!r}: {{{item}}} names no aspect")
        pairs.append((aspect.strip(), word and word.strip()))
    return pairs


def check_items(pairs: Iterable[tuple[str, str | None]], with_polarity: Collection[str], where: str,
                aspects: Collection[str] = (), sentiments: Collection[str] = ()) -> dict[str, str | None]:
    """The labels of one cell by aspect. `with_polarity`: aspects that occur with a sentiment somewhere in the table.

    Raises:
        UserError: an unknown sentiment; where `aspects` are given, an unknown aspect; an aspect with two
            different sentiments.
    """
    labels, known = {}, {meaning(word) for word in sentiments or ORDER}
    for aspect, word in pairs:
        head, mark, tail = aspect.rpartition("#")
        if word is None and mark and aspect not in aspects and (head in with_polarity or _like(tail, known)):
            aspect, word = head, tail.strip()  # a sentiment was meant
        if word is not None and meaning(word) not in known:
            raise UserError(f"{where}: {word!r} of aspect {aspect} is no sentiment{_expected(word, sentiments)}")
        if aspects and aspect not in aspects:
            raise UserError(f"{where}: {unknown_aspect(aspect, aspects)}")
        if aspect in labels and meaning(labels[aspect] or "") != meaning(word or ""):
            first, second = (found or "without polarity" for found in (labels[aspect], word))
            raise UserError(f"{where}: aspect {aspect} is both {first} and {second}; leave one")
        labels.setdefault(aspect, word)
    return labels


def _like(word: str, known: Iterable[str]) -> bool:
    return bool(difflib.get_close_matches(meaning(word), known, n=1, cutoff=LIKENESS))


def unknown_aspect(aspect: str, aspects: Collection[str]) -> str:
    return f"unknown aspect {aspect!r}{nearest(aspect, aspects)}; known are {', '.join(aspects)}"
