"""How a writer types: without marks, with abbreviations, in one case, with letters repeated. Habits last a review."""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from dataloaders.demo_reviews.words import choose

# Written forms of a word or two; one writer keeps to one form.
SHORT = {
    "không": ("ko", "k", "hok", "hông", "kg"), "được": ("đc", "dc", "đk"), "sản phẩm": ("sp",), "mọi người": ("mn",),
    "nhân viên": ("nv",), "điện thoại": ("đt", "dt"), "cũng": ("cx", "cũg"), "với": ("vs",), "rồi": ("r", "rùi"),
    "quá": ("wá", "qá"), "luôn": ("lun", "luon"), "dùng": ("xài", "sài"), "xài": ("sài",), "mình": ("mk", "mik"),
    "bạn": ("b",), "trước": ("trc",), "nhiều": ("nhìu",), "biết": ("bít", "bik"), "vậy": ("z", "v"), "gì": ("j",),
    "giờ": ("h",), "mới": ("ms",), "nhưng": ("nhg", "nhưg"), "ok": ("oke", "okie", "okla"),
    "camera": ("cam",), "màn hình": ("mh", "màng hình"), "bình thường": ("bt", "bthg"), "tháng": ("thg",),
    "wifi": ("wf",), "lắm": ("lém",), "thật": ("thiệt",),
}  # fmt: skip
_SHORT = re.compile(rf"\b({'|'.join(sorted(SHORT, key=len, reverse=True))})\b")
# Words that carry the writer's feeling: their last letter is the one to be repeated.
_STRETCHED = re.compile(r"\b(quá|lắm|đẹp|ghê|luôn|ngon|mượt|chán|tệ|tốt|ok|trâu|nhanh|chậm|xấu|thật)\b")


@dataclass(frozen=True)
class Habits:
    """One writer's."""

    marks: bool = True
    short: float = 0.0  # share of the words in SHORT that are written short
    stretch: bool = False
    case: str = "sentence"  # or "lower", "upper"
    gap: str = " "  # after a comma
    stop: str = ". "  # between two sentences
    end: str = ""


def draw_habits(rng: np.random.Generator) -> Habits:
    return Habits(
        marks=rng.random() >= 0.08,
        short=rng.uniform(0.4, 1.0) if rng.random() < 0.3 else 0.0,
        stretch=rng.random() < 0.1,
        case="upper" if rng.random() < 0.03 else "lower" if rng.random() < 0.4 else "sentence",
        gap="" if rng.random() < 0.12 else " ",
        stop=choose(rng, (". ", ". ", ". ", ", ", " . ", "... ", "\n", ".", "! ")),
        end=choose(rng, ("", "", "", ".", ".", "!", "!!!", "...")),
    )


def typed(rng: np.random.Generator, habits: Habits, sentences: list[str]) -> str:
    """`sentences`, all in lower case with full spelling, as this writer types them."""
    forms = {word: choose(rng, ways) for word, ways in SHORT.items() if rng.random() < habits.short}
    sentences = [_SHORT.sub(lambda found: forms.get(found[0], found[0]), sentence) for sentence in sentences]
    if habits.case == "sentence":
        after_comma = habits.stop.strip() == ","
        sentences = [s if after_comma and i else s[:1].upper() + s[1:] for i, s in enumerate(sentences)]
    text = habits.stop.join(sentences).replace(", ", f",{habits.gap}") + habits.end
    if habits.stretch:
        text = _STRETCHED.sub(lambda found: found[0] + found[0][-1] * int(rng.integers(1, 4)), text, 2)
    if habits.case == "upper":
        text = text.upper()
    return unicodedata.normalize("NFC", text if habits.marks else without_marks(text))


def without_marks(text: str) -> str:
    letters = unicodedata.normalize("NFD", text).replace("đ", "d").replace("Đ", "D")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
