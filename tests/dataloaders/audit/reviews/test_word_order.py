"""Texts whose words were shuffled or turned round are told from those that people wrote."""

import random
from types import SimpleNamespace

import pytest

from dataloaders.audit.reviews.word_order import _agreement, _neighbours, audit_word_order
from tests.dataloaders.audit.reviews.drawn import Namespace


def dataset(texts):
    return Namespace(reviews=[SimpleNamespace(text=text) for text in texts])


def test_written_texts_raise_nothing():
    sentences = ["pin rất tốt", "camera chụp đẹp", "màn hình sáng", "máy chạy mượt mà", "giá quá cao"]
    stream = random.Random(1)
    rows = [", ".join(stream.sample(sentences, 3)) for _ in range(200)]
    assert audit_word_order({"train": dataset(rows), "val": dataset(rows[:100])}) == []
    mixed = [" ".join(stream.sample(row.split(), len(row.split()))) for row in rows]
    backwards = [" ".join(row.split()[::-1]) for row in rows[:100]]
    for train, val, name, splits in ((mixed, rows[:100], "words-out-of-order", {"train", "val"}),
                                     (rows, backwards, "words-out-of-order", {"val"})):
        findings = audit_word_order({"train": dataset(train), "val": dataset(val)})
        assert {finding.name for finding in findings} == {name}
        assert {finding.text.split(":")[0] for finding in findings} <= splits


@pytest.mark.parametrize(("other", "expected"), [(["b a"] * 6, -1.0), (["a b"] * 6, 1.0), (["a b"] * 2, None)])
def test_agreement_by_hand(other, expected, monkeypatch):
    monkeypatch.setattr("dataloaders.audit.reviews.word_order.PAIRS", 1)
    one, two = (_neighbours(dataset(texts), 0) for texts in (["a b"] * 6, other))
    assert _agreement(one, two) == (expected if expected is None else pytest.approx(expected, abs=1e-6))
