"""Whether Vietnamese has kept its letters: without accents it looks whole to whoever does not read it."""

import unicodedata
from collections import Counter

from dataloaders.audit.reviews.words import ENOUGH, WORD
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding, of_some

# Frequent words without and with their accents.
BARE = {"khong": "không", "duoc": "được", "nhung": "nhưng", "cung": "cũng", "minh": "mình", "nhieu": "nhiều",
        "nhan": "nhân", "dien": "điện", "thoai": "thoại", "tot": "tốt", "dep": "đẹp"}
TONES, HAT, OTHERS = "\u0300\u0301\u0303\u0309\u0323", "\u0302", "\u0306\u031bđ"  # as NFD writes ệ, â, and ă ơ đ
LEAST = 200  # letters with a hat
# Reviews of phones have 1.36 tones to a letter with a mark of its own, and 0.97 of ă, ơ, ư and đ to one of â, ê and ô;
# of each thousand of them within 0.03.
FEW_TONES, FEW_OTHERS = 0.4, 0.3
REMEDY = "take the texts from a source that has kept them"


def audit_spelling(split: str, dataset: ReviewDataset) -> list[Finding]:
    """Of one split; of other languages nothing."""
    texts = {review.id: review.text for review in dataset.reviews if review.text.strip()}
    words = Counter(word for text in texts.values() for word in WORD.findall(text.casefold()))
    return _bare(split, texts, words) + _marks(split, texts, words)


def _bare(split: str, texts: dict[str, str], words: Counter) -> list[Finding]:
    """Without any accent; some people type so, most do not."""
    bare, full = sum(words[word] for word in BARE), sum(words[word] for word in BARE.values())
    if bare < ENOUGH or bare < full:
        return []
    typed = [f"row {name}: {text[:50]!r}" for name, text in texts.items() if BARE.keys() & set(text.casefold().split())]
    return [Finding("warning", "accents-lost", f"{split}: Vietnamese without its accents, {bare} times in "
                    f"{bare + full} frequent words", REMEDY, **of_some(typed))]


def _marks(split: str, texts: dict[str, str], words: Counter) -> list[Finding]:
    """Some kinds of marks are there, and others not."""
    marks = Counter(unicodedata.normalize("NFD", " ".join(texts.values()).casefold()))
    tones, hats, others = (sum(marks[mark] for mark in kind) for kind in (TONES, HAT, OTHERS))
    if hats < LEAST or words["không"] < ENOUGH // 2:  # without a tone, and in every code page: it outlasts the rest
        return []
    example = repr(next(iter(texts.values()))[:60])
    findings = []
    if tones < FEW_TONES * (hats + others):
        findings.append(Finding("warning", "tones-lost", f"{split}: Vietnamese with {tones} tone marks for "
                                f"{hats + others} letters that have a mark of their own", REMEDY, len(texts), example))
    if others < FEW_OTHERS * hats:
        findings.append(Finding("warning", "letters-dropped", f"{split}: Vietnamese with {others} of ă, ơ, ư and đ for "
                                f"{hats} of â, ê and ô", REMEDY, len(texts), example))
    return findings
