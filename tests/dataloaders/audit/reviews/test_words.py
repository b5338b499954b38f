"""Faults of texts, and texts that occur twice: each is found, named and counted."""

import re
import unicodedata

import pytest

from dataloaders.audit.reviews.fit import audit_fit
from dataloaders.audit.reviews.twins import audit_twins
from dataloaders.audit.reviews.words import audit_splits_words, audit_words
from tests.dataloaders.audit.reviews.drawn import ASPECTS, SENTIMENTS, TRAIN, VAL, by_name, dataset_of


def found(train=TRAIN, val=VAL):
    datasets = {"train": dataset_of(train), "val": dataset_of(val)}
    findings = [finding for split, dataset in datasets.items() for finding in audit_words(split, dataset)]
    return by_name(findings + audit_splits_words(datasets) + audit_twins(datasets)
                   + audit_fit(datasets, ASPECTS, SENTIMENTS))


def of_texts(change, rows):
    return [(change(text), label) for text, label in rows]


def stripped(text: str) -> str:
    letters = unicodedata.normalize("NFD", text).replace("đ", "d")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def test_clean():
    assert found() == {}


@pytest.mark.parametrize("change, name, level, splits", [
    (lambda text: text.encode().decode("latin-1"), "mojibake", "error", 2),
    (lambda text: text.encode("latin-1", "replace").decode("latin-1"), "letters-lost", "warning", 2),
    (lambda text: f"<p>{text}</p>", "html", "warning", 2),
    (lambda text: text.replace(" ", "\u200b "), "hidden-characters", "warning", 2),
    (lambda text: text.replace("a", "а"), "foreign-letters", "warning", 2),
    (lambda text: text[:50], "cut-texts", "warning", 2),
    (lambda text: "Đánh giá sản phẩm: " + text, "same-words", "warning", 2),
    (lambda text: text + " không đọc thêm", "same-words", "warning", 2),
    (lambda text: "máy tốt lắm nhé", "same-text", "error", 2),
    (lambda text: str(len(text)), "no-text", "error", 2),
    (lambda text: text.replace(" ", ""), "splits-unlike", "warning", 1),
    (stripped, "splits-unlike", "warning", 1),
    (str.upper, "splits-unlike", "warning", 1),
    (lambda text: re.sub(r"[^\w\s]", "", text), "splits-unlike", "warning", 1),
    (lambda text: " ".join(text.split()[:4]), "splits-unlike", "warning", 1),
])
def test_texts_that_have_suffered(change, name, level, splits):
    train = of_texts(change, TRAIN) if splits == 2 else TRAIN
    finding = found(train, of_texts(change, VAL))[name]
    assert finding.level == level and finding.remedy
    assert finding.count > 0.6 * len(TRAIN) if splits == 2 else finding.text.startswith("val is not written as train")


def test_a_few_damaged_texts_are_named():
    rows = list(TRAIN)
    rows[4] = ("Ä‘iện thoại tốt", rows[4][1])
    rows[7] = (f"{rows[7][0]}\n8,pin tốt,5,hôm qua,{{BATTERY#Positive}};", rows[7][1])
    rows[9] = (" ", rows[9][1])
    findings = found(rows)
    assert findings["mojibake"].count == 1 and findings["mojibake"].example.startswith("row 5: ")
    assert findings["label-in-text"].count == 1 and findings["label-in-text"].example.startswith("row 8: ")
    assert "blank-reviews" not in findings  # one in 900
    escaped = [(text.encode("unicode_escape").decode(), label) for text, label in TRAIN[:20]] + TRAIN[20:]
    assert found(escaped)["escapes"].count == 20
    blank = [*TRAIN[:880], *((" ", label) for _, label in TRAIN[880:])]
    assert found(blank)["blank-reviews"].count == 20


def test_twins():
    again = [(text.upper().replace(",", " ;"), label) for text, label in TRAIN[:200]]
    finding = found(TRAIN + again)["twins"]
    assert (finding.level, finding.count) == ("warning", 200) and "rows 1 and 901: " in finding.example
    few = found(TRAIN + again[:5])
    assert (few["twins"].level, few["twins"].count) == ("note", 5)
    others = [(text, label) for (text, _), (_, label) in zip(TRAIN[:60], TRAIN[60:])]
    finding = found(TRAIN + others)["twins-disagree"]
    assert finding.level == "warning" and 50 < finding.count <= 60


@pytest.mark.parametrize("shared, level", [(2, "note"), (20, "warning"), (60, "error")])
def test_reviews_in_two_splits(shared, level):
    finding = found(val=[*VAL[shared:], *TRAIN[10:10 + shared]])["splits-overlap"]
    assert (finding.level, finding.count) == (level, shared)
    assert finding.example.startswith(f"row {len(VAL) - shared + 1} is row 11")


def test_nearly_the_same_review_in_two_splits():
    near = [(" ".join(text.split()[2:]) + " nhé", label) for text, label in TRAIN[:50]]
    finding = found(val=[*VAL, *near])["splits-overlap-nearly"]
    assert finding.level == "warning" and 40 < finding.count <= 50 and finding.example.startswith("row 201")


def test_a_word_that_gives_the_label_away():
    rows = [(f"{text} zqx" if "CAMERA" in label else text, label) for text, label in TRAIN]
    finding = found(rows)["giveaway"]
    assert finding.example == "'zqx' tells CAMERA" and finding.level == "warning"
