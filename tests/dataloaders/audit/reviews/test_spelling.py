"""Vietnamese that has lost accents, tones or letters is named; whole Vietnamese and other languages are not."""

import unicodedata
from types import SimpleNamespace

import pytest

from dataloaders.audit.reviews.spelling import TONES, audit_spelling
from tests.dataloaders.audit.reviews.drawn import Namespace

SENTENCES = ["máy không được bền, pin hết rất nhanh", "tôi thấy điện thoại đẹp nhưng giá hơi cao",
             "không nên mua ở cửa hàng này", "người bán rất thân thiện, tôi cũng ưng ý", "camera chụp ảnh mờ quá"] * 80


def named(texts: list[str]) -> list[tuple[str, int]]:
    dataset = Namespace(reviews=[SimpleNamespace(id=str(i), text=text) for i, text in enumerate(texts)])
    assert all(finding.level == "warning" and finding.example for finding in audit_spelling("train", dataset))
    return [(finding.name, finding.count) for finding in audit_spelling("train", dataset)]


def without(marks: str):
    def strip(text: str) -> str:
        letters = unicodedata.normalize("NFD", text)
        return unicodedata.normalize("NFC", "".join(letter for letter in letters if letter not in marks))

    return strip


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_whole_texts(form):
    assert named([unicodedata.normalize(form, text) for text in SENTENCES]) == []


@pytest.mark.parametrize(("spoil", "found"), [
    (without(TONES), "tones-lost"),
    (lambda text: text.encode("latin-1", "ignore").decode("latin-1"), "letters-dropped"),
    (lambda text: without("\u0302\u0306\u031b" + TONES)(text).replace("đ", "d"), "accents-lost")])
def test_what_is_lost(spoil, found):
    assert [name for name, _ in named([spoil(text) for text in SENTENCES])] == [found]


def test_a_few_and_other_languages():
    half = [without(TONES)(text) if i % 2 else text for i, text in enumerate(SENTENCES)]
    french = ["la fenêtre était fermée même à noël, c'est bête", "une forêt hôtel très drôle"] * 200
    assert named(half) == named(french) == named(["the phone is good"] * 400) == []
