"""The texts of reviews as a person would look them over: are they whole, in one alphabet, and text at all?"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

import numpy as np

from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding, of_some

ENOUGH = 50  # reviews from which a share means something
# UTF-8 read as Latin-1 or Windows-1252, and letters lost altogether. `Ã` and `Ä` alone are letters.
MOJIBAKE = re.compile(r"\ufffd|á[º»]|[ÃÂ][\x80-\xbf]|Ä[\x80-\xbf‘’]|Æ[\x80-\xbf]|â€|ðŸ")
LOST = re.compile(r"[^\W\d_]\?+[^\W\d_]")  # `Ch?t l??ng`
LABEL = re.compile(r"\{[^{}\n]*#[^{}\n]*\}")
ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}")
HTML = re.compile(r"</?[a-z][^<>]*>|&#?\w+;", re.IGNORECASE)
HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad\x00-\x08\x0e-\x1f\x7f-\x9f]")
FOREIGN = re.compile("[\u0370-\u04ff]")  # Greek and Cyrillic: letters that look like Latin ones
WORD = re.compile(r"[^\W\d_]+")


def some(level: str, name: str, split: str, rows: list[str], total: int, said: str, remedy: str, least: float = 0,
         ) -> list[Finding]:
    """A finding about these rows, where they are more than this share of all."""
    if not rows or len(rows) <= least * total:
        return []
    return [Finding(level, name, f"{split}: {len(rows)} of {total} reviews {said}", remedy, **of_some(rows))]


def audit_words(split: str, dataset: ReviewDataset) -> list[Finding]:
    """What is wrong with the texts of one split."""
    texts = {review.id: review.text for review in dataset.reviews if review.text.strip()}
    total = len(texts)

    def like(pattern: re.Pattern) -> list[str]:
        return [f"row {name}: {text[max(match.start() - 15, 0):match.end() + 25]!r}" for name, text in texts.items()
                if (match := pattern.search(text))]

    blank = [f"row {review.id}" for review in dataset.reviews if not review.text.strip()]
    findings = some("warning", "blank-reviews", split, blank, len(dataset), "are blank and are left out",
                    "take them out of the table", 0.005)
    utf8 = "save the table as UTF-8 from its source again"
    findings += some("error", "mojibake", split, like(MOJIBAKE), total, "hold letters of a wrong encoding", utf8, 0.01)
    if not findings or findings[-1].name != "mojibake":
        findings += some("warning", "mojibake", split, like(MOJIBAKE), total, "hold letters of a wrong encoding", utf8)
    findings += some("warning", "letters-lost", split, like(LOST), total, "have question marks inside words", utf8,
                     0.02)
    findings += some("warning", "escapes", split, like(ESCAPED), total, "spell letters out as escapes do",
                     "read them as JSON, or unescape them", 0.01)
    findings += some("warning", "label-in-text", split, like(LABEL), total, "hold labels in their text, which gives "
                     "them away or means that rows have run together", "correct the rows")
    findings += some("warning", "html", split, like(HTML), total, "hold HTML", "take the tags out", 0.02)
    findings += some("warning", "hidden-characters", split, like(HIDDEN), total, "hold characters that nobody sees, "
                     "and the tokenizer does", "take them out", 0.02)
    findings += some("warning", "foreign-letters", split, like(FOREIGN), total, "hold Greek or Cyrillic letters, which "
                     "may look like Latin ones", "look at them", 0.02)
    return findings + _no_text(split, texts) + _cut(split, texts)


def _no_text(split: str, texts: dict[str, str]) -> list[Finding]:
    wordless = [f"row {name}: {text[:40]!r}" for name, text in texts.items() if len(WORD.findall(text)) < 2]
    if len(texts) < ENOUGH:
        return []
    pick = "name the right column with --text-column"
    findings = some("error", "no-text", split, wordless, len(texts), "have fewer than two words in the text column",
                    pick, 0.5) or some("warning", "few-words", split, wordless, len(texts),
                                       "have fewer than two words", pick, 0.1)
    (text, often), = Counter(texts.values()).most_common(1)
    if often > 0.1 * len(texts):
        findings.append(Finding("error" if often > 0.5 * len(texts) else "warning", "same-text", f"{split}: {often} of "
                                f"{len(texts)} reviews have one and the same text", pick, often, repr(text[:60])))
    starts, ends = (Counter(" ".join(text.casefold().split()[part]) for text in texts.values())
                    for part in (slice(0, 1), slice(-1, None)))
    for what, words in (("begin", starts), ("end", ends)):
        (shared, often), = words.most_common(1)
        if 0.4 * len(texts) < often and not any(finding.name == "same-text" for finding in findings):
            findings.append(Finding("warning", "same-words", f"{split}: {often} of {len(texts)} reviews {what} with "
                                    "the same word, which somebody has put there", "take it out", often, repr(shared)))
    return findings


def _cut(split: str, texts: dict[str, str]) -> list[Finding]:
    """Texts that all end at one length, as a database column or a spreadsheet cuts them."""
    lengths = Counter(map(len, texts.values()))
    longest = max(lengths, default=0)
    at_end = [f"row {name}: ...{text[-30:]!r}" for name, text in texts.items() if len(text) == longest]
    if len(at_end) < max(10, 0.02 * len(texts)) or longest < 20:
        return []
    return [Finding("warning", "cut-texts", f"{split}: {len(at_end)} of {len(texts)} texts are just {longest} "
                    "characters long, and none is longer: they were cut off", "take the whole texts",
                    **of_some(at_end))]


@dataclass
class Look:
    """What the texts of a split look like."""

    words: float  # a review, in the mean
    spelled: dict[str, float]  # shares of letters
    marks: float  # share of characters that are no letters, digits or blanks
    vocabulary: Counter


def look_of(dataset: ReviewDataset) -> Look:
    text = "\n".join(review.text for review in dataset.reviews)
    letters = Counter(character for character in text if character.isalpha())
    total, words = max(letters.total(), 1), WORD.findall(text.casefold())
    marks = sum(not (character.isalnum() or character.isspace()) for character in text)
    return Look(len(words) / max(len(dataset), 1), {
        "capital letters": sum(n for letter, n in letters.items() if letter.isupper()) / total,
        "letters with accents": sum(n for letter, n in letters.items() if letter > "\x7f") / total,
    }, marks / max(len(text), 1), Counter(words))


def audit_splits_words(datasets: dict[str, ReviewDataset]) -> list[Finding]:
    """Whether another split is written as the training reviews are; gross differences only."""
    looks = {split: look_of(dataset) for split, dataset in datasets.items() if len(dataset) >= ENOUGH}
    train, findings = looks.pop("train", None), []
    if train is None:
        return []
    for split, look in looks.items():
        shares = {**{name: (train.spelled[name], look.spelled[name]) for name in train.spelled},
                  "punctuation and signs": (train.marks, look.marks)}
        said = [f"{name} {ours:.1%} in train, {theirs:.1%} in {split}" for name, (ours, theirs) in shares.items()
                if max(ours, theirs) > 0.015 and min(ours, theirs) < max(ours, theirs) / 4]
        if not 0.4 < look.words / max(train.words, 1e-9) < 2.5:
            said.append(f"{train.words:.0f} words a review in train, {look.words:.0f} in {split}")
        unknown = Counter({word: n for word, n in look.vocabulary.items() if word not in train.vocabulary})
        if unknown.total() > 0.25 * look.vocabulary.total() and train.vocabulary.total() > 5000:
            words = ", ".join(word for word, _ in unknown.most_common(5))
            said.append(f"{unknown.total() / look.vocabulary.total():.0%} of its words never occur in train ({words})")
        if said:
            findings.append(Finding("warning", "splits-unlike", f"{split} is not written as train is: " + said[0],
                                    "prepare all splits in the same way", len(said), "; ".join(said[1:])))
    return findings


def folded(text: str) -> str:
    """Without case and accents."""
    letters = unicodedata.normalize("NFD", text.casefold()).replace("đ", "d")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def share(values) -> float:
    return float(np.mean(values)) if len(values) else 0.0
