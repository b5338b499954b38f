"""A review with what was read from it: each token coloured by what it speaks for."""

from dataclasses import dataclass, replace

from utils.report.curves import HUES
from utils.sheets import Weighed

LEAST = 0.15  # of an aspect's heaviest token; below it a token is not coloured


@dataclass(frozen=True)
class Mark:
    """A piece of the text. `hue` is that of the aspect that it names, 0 of none; `said` is a share from -1 to 1."""

    text: str
    hue: int = 0
    aspect: str = ""
    strength: float = 0.0
    said: float = 0.0


@dataclass(frozen=True)
class Found:
    """An aspect that was found: the text by what speaks for or against its sentiment."""

    name: str
    sentiment: str
    sure: float
    hue: int
    marks: list[Mark]


@dataclass(frozen=True)
class ReadReview:
    """A review, in pieces by the aspects that they name, and its aspects."""

    marks: list[Mark]
    aspects: list[Found]


def read_review(aspects: list[dict], weights: dict[str, list[Weighed]], text: str) -> ReadReview:
    """
    Args:
        aspects: what was said of the review, as `predict` says it.
        weights: of each of them, the text in pieces; all the same.
    """
    hues = {said["aspect"]: place % HUES + 1 for place, said in enumerate(aspects)}
    found = [Found(said["aspect"], said.get("sentiment", ""), said.get("probability", said["mentioned"]),
                   hues[said["aspect"]], _marks(weights[said["aspect"]], bool(said.get("sentiment"))))
             for said in aspects]
    if not found:
        return ReadReview([Mark(text)], [])
    scales = {name: max(abs(part.mention) for part in parts) or 1.0 for name, parts in weights.items()}
    marks = []
    for place, part in enumerate(next(iter(weights.values()))):
        if not _is_text(part):
            continue
        shares = {name: parts[place].mention / scales[name] for name, parts in weights.items()}
        name = max(shares, key=shares.get)
        named = shares[name] >= LEAST
        marks += _word(Mark(part.piece.text, hues[name] if named else 0, name if named else "", min(shares[name], 1.0)))
    return ReadReview(marks, found)


def _is_text(part: Weighed) -> bool:
    """Not a token of the encoder's own, nor one for a blank, which the gap beside it shows."""
    return part.piece.kind != "special" and part.piece.text != "▁"


def _marks(parts: list[Weighed], rated: bool) -> list[Mark]:
    """By the sentiment, or where there is none by the mention."""
    weight = [part.sentiment if rated else part.mention for part in parts]
    scale = max(map(abs, weight)) or 1.0
    return [mark for part, value in zip(parts, weight) if _is_text(part)
            for mark in _word(Mark(part.piece.text, said=value / scale))]


def _word(mark: Mark) -> list[Mark]:
    """Without the blank that a token may begin with, which stands before it uncoloured."""
    word = mark.text.lstrip()
    blank = mark.text[: len(mark.text) - len(word)]
    return [Mark(blank)] * bool(blank) + [replace(mark, text=word)] * bool(word)
