"""Any table of reviews, in either shape: every row's text and known labels, or one line that says why."""

import numpy as np
import pytest

from dataloaders.reviews import encode_labels, label_names, read_reviews
from dataloaders.table_rows import stream_rows
from tests.fuzz.cases import NUMBERS, damaged, fuzzed, refused
from utils.structures import NO_POLARITY, NOT_MENTIONED

BRACES = ["index,comment,n_star,date_time,label\n0,Pin tr\u00e2u nh\u01b0ng camera m\u1edd,4,2 ng\u00e0y,"
          "{BATTERY#Positive};{CAMERA#Negative};\n1,\"M\u00e1y \u0111\u1eb9p, gi\u00e1 cao\",5,,{OTHERS};\n",
          "comment;label\nok l\u1eafm nha;{SCREEN#Neutral}\n;{SCREEN#Positive};{PRICE#Negative}\n"]
WIDE = ["Review,BATTERY,CAMERA#QUALITY\nPin tr\u00e2u nh\u01b0ng camera m\u1edd,positive,negative\n"
        "\"M\u00e1y \u0111\u1eb9p, gi\u00e1 cao\",,neutral\n",
        "text\tA\tB\nm\u1ed9t hai ba\t0\t1\nb\u1ed1n n\u0103m s\u00e1u\t2\t3\n"]
WORDS = ["{A#Positive};", "{", "}", "#", "t\u00edch c\u1ef1c", "positive", "3", "4", "nan", '""', "comment", "label"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("shape", [BRACES, WIDE], ids=["braces", "wide"])
def test_labelled(shape, number, tmp_path):
    path = tmp_path / "train.csv"

    @fuzzed(number, damaged(shape, WORDS))
    def check(content):
        path.write_bytes(content)
        reviews = refused(lambda: read_reviews(path))
        if not reviews:
            return
        assert [int(review.id) for review in reviews] == list(range(1, len(reviews) + 1))
        assert all("\0" not in review.text for review in reviews) and any(review.labels for review in reviews)
        names = refused(lambda: label_names(reviews, where=str(path)))
        if names:
            aspects, sentiments = names
            assert aspects and sentiments and len({*aspects}) == len(aspects)
            table = refused(lambda: encode_labels(reviews, aspects, sentiments, str(path)))
            assert table is not None and table.shape == (len(reviews), len(aspects)) and table.dtype == np.int64
            assert {*table.flat} <= {NOT_MENTIONED, NO_POLARITY, *range(len(sentiments))}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["reviews.csv", "reviews.tsv", "reviews.txt"])
def test_unlabelled(name, number, tmp_path):
    path = tmp_path / name

    @fuzzed(number, damaged([*BRACES, *WIDE], WORDS))
    def check(content):
        path.write_bytes(content)
        rows = refused(lambda: list(stream_rows(path)))
        if rows:
            assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
            assert all("\0" not in text for _, text in rows)
