import csv
import logging
import re
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.reviews import Review, encode_labels, label_names, read_reviews
from utils.errors import UserError
from utils.structures import NO_POLARITY, NOT_MENTIONED

VISFD = "index,comment,n_star,date_time,label\n"


def table(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def labels(path, **given):
    return [review.labels for review in read_reviews(path, **given)]


def refused(path, **given):
    with pytest.raises(UserError) as error:
        read_reviews(path, **given)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


def test_visfd_rows(tmp_path, caplog):
    path = table(tmp_path, "\ufeff" + VISFD + '0,"Pin kém, máy đẹp",5,2 tuần trước,'
                 "{BATTERY#Negative};{SER&ACC#Positive};{OTHERS};\r\n"
                 "1, ,1,14/09/2019,\r\n2,,1,14/09/2019,{OTHERS};\r\n")
    with caplog.at_level(logging.INFO, logger="camxuc"):
        reviews = read_reviews(path)
    assert reviews == [
        Review("1", "Pin kém, máy đẹp", {"BATTERY": "Negative", "SER&ACC": "Positive", "OTHERS": None}),
        Review("2", " ", {}),
        Review("3", "", {"OTHERS": None}),
    ]
    assert caplog.messages == [
        f"{path}: text in column 'comment', labels in 'label', left out: index, n_star, date_time"]


def test_wide_rows_of_words(tmp_path, caplog):
    path = table(tmp_path, "id;Review;PIN;MÁY ẢNH;ghi chú\n"
                 "7;tốt lắm;positive;none;a\n8;tệ;;Tiêu cực;b\n9;;-;nan;\n")
    with caplog.at_level(logging.INFO, logger="camxuc"):
        reviews = read_reviews(path)
    columns = ("PIN", "MÁY ẢNH")
    assert reviews == [Review("1", "tốt lắm", {"PIN": "positive"}, columns),
                       Review("2", "tệ", {"MÁY ẢNH": "Tiêu cực"}, columns), Review("3", "", {}, columns)]
    assert caplog.messages == [f"{path}: text in column 'Review', labels in PIN, MÁY ẢNH, left out: id, ghi chú"]


def test_wide_rows_of_codes(tmp_path):
    path = table(tmp_path, "Review\tFOOD#PRICES\tROOM#DESIGN&COMFORT\tNEVER\n"
                 "ngon\t1\t0\t0\nđắt\t2.0\t3.0\t\n", "t.tsv")
    reviews = read_reviews(path)
    assert [review.labels for review in reviews] == [
        {"FOOD#PRICES": "positive"}, {"FOOD#PRICES": "negative", "ROOM#DESIGN&COMFORT": "neutral"}]
    assert reviews[0].columns == ("FOOD#PRICES", "ROOM#DESIGN&COMFORT", "NEVER")
    assert label_names(reviews) == (["FOOD#PRICES", "ROOM#DESIGN&COMFORT", "NEVER"],
                                    ["positive", "negative", "neutral"])


@pytest.mark.parametrize("name", ["n_star", "Index", "id", "STT", "rating", "date_time", "user", ""])
def test_metadata_of_small_numbers_is_no_aspect(tmp_path, name):
    path = table(tmp_path, f"{name},text,A\n1,x,1\n2,y,3\n3,z,0\n")
    assert labels(path) == [{"A": "positive"}, {"A": "neutral"}, {}]
    if name:
        assert labels(path, aspects=[name])[2] == {name: "neutral"}


def test_a_column_is_an_aspect_if_four_of_five_cells_are_sentiments(tmp_path):
    path = table(tmp_path, "text,A,B\n" + "x,1,1\n" * 3 + "x,1,9\nx,9,9\nx,,\n")
    assert refused(path) == ("row 5: column 'A': '9' is no sentiment; known are positive, negative, neutral, "
                             "tích cực, tiêu cực, trung tính, trung lập (--sentiments sets them)")
    path = table(tmp_path, "text,A,B\n" + "x,1,1\n" * 4 + "x,1,9\nx,1,9\n")
    assert read_reviews(path)[0].columns == ("A",)


def test_a_column_named_with_a_hash_is_an_aspect_whatever_its_cells(tmp_path):
    assert refused(table(tmp_path, "text,A#B\nx,good\n")).startswith("row 1: column 'A#B': 'good' is no sentiment")


def test_the_misspelt_cell_of_a_wide_table_is_named_with_the_nearest_word(tmp_path):
    path = table(tmp_path, "text,A\n" + "x,Positive\n" * 9 + "x,Postive\n")
    assert refused(path).startswith("row 10: column 'A': 'Postive' is no sentiment; did you mean positive?")


def test_given_aspects_are_the_columns_that_are_read(tmp_path):
    path = table(tmp_path, "text,A,B,C\nx,1,2,junk\n")
    assert read_reviews(path, aspects=["B", "A"]) == [
        Review("1", "x", {"A": "positive", "B": "negative"}, ("A", "B"))]
    assert refused(path, aspects=["A", "b"]) == "no column for aspect 'b'; did you mean B?; there are text, A, B, C"


def test_given_sentiments_are_the_words_that_are_read(tmp_path):
    path = table(tmp_path, "text,A\nx,khen\ny,CHÊ\n")
    assert labels(path, sentiments=["Khen", "Chê"]) == [{"A": "khen"}, {"A": "CHÊ"}]
    assert "no column of labels" in refused(path)
    path = table(tmp_path, VISFD + "0,x,1,1,{A#khen};\n")
    assert labels(path, sentiments=["Khen", "Chê"]) == [{"A": "khen"}]
    assert labels(path) == [{"A#khen": None}]


def test_the_text_column_is_named_or_known_or_the_only_wordy_one(tmp_path):
    path = table(tmp_path, "Ý KIẾN,sao,ngày,A\n"
                 "máy rất tốt,1 sao,2 tuần trước,1\nok,2 sao,3 tuần trước,1\n"
                 "pin tệ quá đi,,,\n")
    assert [review.text for review in read_reviews(path)] == ["máy rất tốt", "ok", "pin tệ quá đi"]
    assert [review.text for review in read_reviews(path, text_column="ngày")][0] == "2 tuần trước"
    assert refused(path, text_column="ý kiến").startswith(
        "no column 'ý kiến' (--text-column), only Ý KIẾN, sao, ngày, A; did you mean Ý KIẾN?")
    path = table(tmp_path, "a,b,c\nmáy rất tốt,mua ở đây,1\n")
    assert refused(path) == "which column holds the text? --text-column names it; there are a, b, c"
    assert "which column holds the text?" in refused(table(tmp_path, "a,b\nok,1\n"))


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "empty"),
        (VISFD, "no row below the header"),
        (VISFD + "0,x,1,1,\n1,y,1,1,\n", "no row has a label"),
        ("text,b\nx,word\n", "no column of labels: expected {ASPECT#SENTIMENT}; in one, or a column per aspect"),
        ("text,A\nx,\ny,0\n", "no row has a label"),
        (VISFD + "0,x,1,1,;\n1,y,1,1,{A};\n2,y,1\n", "row 3: 3 cells, but the header has 5"),
        (VISFD + "0,x,1,1,{A#Positive};\n1,y,1,1,{A#Positive;\n", "row 2: label '{A#Positive;': expected {ASPECT#SE"),
        (VISFD + "0,x,1,1,{A#Positive};\n1,y,1,1,{A#Positve};\n", "row 2: 'Positve' of aspect A is no sentiment; "
         "did you mean positive?"),
        (VISFD + "0,x,1,1,{A#Positive};{A#Negative};\n", "row 1: aspect A is both Positive and Negative"),
        ("text,l1,l2\nx,{A},{B}\n", "both 'l1' and 'l2' hold labels"),
        ("comment,b\nx,\xff\n".encode("latin-1"), "line 2: not UTF-8 text (byte 12)"),
        ("text,A\nx,\0\n", "line 2: holds a NUL byte"),
    ],
)
def test_bad_tables_are_refused_with_their_row(tmp_path, text, words):
    assert refused(table(tmp_path, text)).startswith(words)


def test_given_aspects_are_the_only_ones_in_braces(tmp_path):
    path = table(tmp_path, VISFD + "0,x,1,1,{CAMERA#Positive};\n1,y,1,1,{CAMRA#Positive};\n")
    assert refused(path, aspects=["CAMERA", "PIN"]) == (
        "row 2: unknown aspect 'CAMRA'; did you mean CAMERA?; known are CAMERA, PIN")


def test_texts_are_nfc_and_the_log_says_how_many(tmp_path, caplog):
    raw = [unicodedata.normalize("NFD", "tốt"), "tốt", "ﬁ ①"]
    with caplog.at_level(logging.INFO, logger="camxuc"):
        reviews = read_reviews(table(tmp_path, "text,A\n" + "".join(f"{text},1\n" for text in raw)))
    assert [review.text for review in reviews] == ["tốt", "tốt", "ﬁ ①"]
    assert caplog.messages[1:] == [f"{tmp_path / 't.csv'}: 1 of 3 texts brought to NFC"]


def test_names_of_aspects_are_nfc(tmp_path):
    text = unicodedata.normalize("NFD", "PIN TỐT")
    assert labels(table(tmp_path, VISFD + f"0,x,1,1,{{{text}#Positive}};\n")) == [{"PIN TỐT": "Positive"}]
    assert labels(table(tmp_path, f"text,{text}\nx,1\n")) == [{"PIN TỐT": "positive"}]


def review(number=1, **sentiments):
    return Review(str(number), "x", sentiments)


def test_names_are_sorted_and_spelt_as_mostly_in_the_table():
    reviews = [review(B="neutral", OTHERS=None, A="Mixed"), review(A="Tích cực", B="POSITIVE"),
               review(A="positive", C="POSITIVE"), review(A="Negative")]
    assert label_names(reviews) == (["A", "B", "C", "OTHERS"], ["POSITIVE", "Negative", "neutral", "Mixed"])
    assert label_names(reviews, ["C", "A"], ["x", "y"]) == (["C", "A"], ["x", "y"])


def test_sentiments_that_the_table_lacks_are_no_names():
    assert label_names([review(A="negative")]) == (["A"], ["negative"])
    for reviews in ([review(OTHERS=None)], [review()], []):
        with pytest.raises(UserError, match="here: no label names an aspect and its sentiment"):
            label_names(reviews, where="here")


@pytest.mark.parametrize("aspects, sentiments", [(["A", "A"], []), ([], ["Positive", "tích cực"])])
def test_names_given_twice_are_refused(aspects, sentiments):
    with pytest.raises(UserError, match="is given twice"):
        label_names([review(A="positive")], aspects, sentiments)


def many(name, rare, count, total=2000):
    return [review(n, **{rare if n > total - count else name: "positive"}) for n in range(1, total + 1)]


def test_a_rare_name_near_a_frequent_one_is_a_misspelling():
    with pytest.raises(UserError) as error:
        label_names(many("CAMERA", "camra", 3), where="t.csv")
    assert str(error.value) == ("t.csv: row 1998: aspect 'camra', 3 times in 2000 rows, looks like a misspelt "
                                "'CAMERA'; correct it, or give all names with --aspects")
    assert label_names(many("CAMERA", "camra", 3), ["CAMERA", "camra"])[0] == ["CAMERA", "camra"]


@pytest.mark.parametrize(
    "reviews",
    [
        many("CAMERA", "CAMRA", 5, 1000),  # 0.5 % of the rows: too often for a slip
        many("ROOMS#QUALITY", "ROOM_AMENITIES#QUALITY", 1),  # alike in one part only
        many("CAMERA", "CARE", 1),  # not near enough
        [*many("CAMERA", "CAMRA", 1, 19), *map(review, range(2000))],  # 18 times as many
    ],
)
def test_other_rare_names_are_names(reviews):
    assert len(label_names(reviews)[0]) == 2


def test_a_misspelling_is_found_in_a_small_table_and_in_a_part_of_a_name():
    for right, wrong, count, rows in (("CAMERA", "CAMRA", 1, 41), ("ROOMS#QUALITY", "ROOMS#QUALTY", 6, 1606)):
        said = f"'{wrong}', {count} times in {rows} rows, looks like a misspelt '{right}'"
        with pytest.raises(UserError, match=said):
            label_names(many(right, wrong, count, rows))


def test_a_column_that_is_blank_everywhere_is_no_aspect_unless_it_is_given_as_one(tmp_path):
    path = table(tmp_path, "text,PIN,notes,X#Y\nx,1,,\ny,0,,\n")
    assert label_names(read_reviews(path))[0] == ["PIN", "X#Y"]
    assert read_reviews(path, aspects=["PIN", "notes"])[0].columns == ("PIN", "notes")


def test_a_rare_column_of_a_wide_table_is_no_misspelling(tmp_path):
    rows = ["x,1,0\n"] * 2000 + ["x,0,1\n"]
    assert label_names(read_reviews(table(tmp_path, "text,CAMERA,CAMRA\n" + "".join(rows))))[0] == ["CAMERA", "CAMRA"]


def test_labels_become_indices():
    reviews = [review(A="positive", C=None), review(), review(B="TIÊU CỰC", A="Mixed")]
    table = encode_labels(reviews, ["A", "B", "C"], ["Positive", "Negative", "mixed"], "here")
    no, none = NOT_MENTIONED, NO_POLARITY
    assert table.dtype == np.int64 and (no, none) == (-1, -2)
    assert table.tolist() == [[0, no, none], [no, no, no], [2, 1, no]]
    assert encode_labels([], ["A"], ["x"], "here").shape == (0, 1)


def test_names_unknown_in_training_are_refused_with_their_row():
    with pytest.raises(UserError, match="^test.csv: row 7: unknown aspect 'CAMRA'; did you mean CAMERA\\?; known are"):
        encode_labels([review(7, CAMRA="positive")], ["CAMERA"], ["positive"], "test.csv")
    with pytest.raises(UserError, match="^t: row 7: unknown sentiment 'neutral' of aspect A; .*known are Positive$"):
        encode_labels([review(7, A="neutral")], ["A"], ["Positive"], "t")


ASPECTS = st.lists(st.text("ABÇ&# ", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5, unique=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
WORDS = ["Positive", "Negative", "Neutral"]


@given(st.data(), ASPECTS)
def test_a_written_visfd_table_is_read_back(scratch, data, aspects):
    aspects = [aspect for aspect in aspects if not aspect.endswith("#")] or ["A"]
    one = st.dictionaries(st.sampled_from(aspects), st.sampled_from([*WORDS, None]))
    rows = data.draw(st.lists(st.tuples(TEXTS, one), min_size=1))
    rows.append(("x", dict.fromkeys(aspects, "Positive")))
    rows = [(text, {a: w or (None if "#" not in a else "Neutral") for a, w in label.items()}) for text, label in rows]
    cells = ["".join(f"{{{a}#{w}}};" if w else f"{{{a}}};" for a, w in label.items()) for _, label in rows]
    path = scratch / "visfd.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["comment", "label"], *zip((text for text, _ in rows), cells)])
    reviews = read_reviews(path)
    assert [(r.id, r.text, r.labels) for r in reviews] == [
        (str(n), unicodedata.normalize("NFC", text), label) for n, (text, label) in enumerate(rows, 1)]
    assert label_names(reviews)[0] == sorted(aspects)


@given(st.data(), ASPECTS, st.sampled_from(",;\t"), st.sampled_from([["positive", "negative", "neutral"], WORDS,
                                                                    ["1", "2", "3"], ["1.0", "2.0", "3.0"]]))
def test_a_written_wide_table_is_read_back(scratch, data, aspects, separator, spelling):
    codes = data.draw(st.lists(st.lists(st.integers(-1, 2), min_size=len(aspects), max_size=len(aspects)), min_size=1))
    codes.append([0] * len(aspects))
    texts = data.draw(st.lists(TEXTS, min_size=len(codes), max_size=len(codes)))
    blank = data.draw(st.sampled_from(["", "none", "0"]))
    path = scratch / "wide.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = [[text, *(blank if c < 0 else spelling[c] for c in row)] for text, row in zip(texts, codes)]
        csv.writer(file, delimiter=separator).writerows([["text", *aspects], *rows])
    reviews = read_reviews(path)
    assert [r.text for r in reviews] == [unicodedata.normalize("NFC", text) for text in texts]
    assert label_names(reviews)[0] == aspects
    assert encode_labels(reviews, aspects, WORDS, "here").tolist() == codes


def test_the_real_tables_are_counted_as_by_hand(shared):
    folder = shared("uit-visfd")
    train, dev = read_reviews(folder / "Train.csv"), read_reviews(folder / "Dev.csv")
    assert (len(train), len(dev)) == (7786, 1112)
    aspects, sentiments = label_names(train)
    assert aspects == ["BATTERY", "CAMERA", "DESIGN", "FEATURES", "GENERAL", "OTHERS", "PERFORMANCE", "PRICE",
                       "SCREEN", "SER&ACC", "STORAGE"]
    assert sentiments == ["Positive", "Negative", "Neutral"]
    for name, reviews in (("Train.csv", train), ("Dev.csv", dev)):
        counts = Counter(re.findall(r"{([A-Z&]+#?[A-Za-z]*)}", (folder / name).read_text(encoding="utf-8")))
        table = encode_labels(reviews, aspects, sentiments, name)
        found = {f"{aspect}#{word}": (table[:, a] == s).sum() for a, aspect in enumerate(aspects)
                 for s, word in enumerate(sentiments) if aspect != "OTHERS"}
        assert found | {"OTHERS": (table == NO_POLARITY).sum()} == counts
        assert (table == NOT_MENTIONED).sum() == table.size - counts.total()


def test_the_real_texts_are_nfc_and_else_untouched(shared, caplog):
    path = shared("uit-visfd") / "Train.csv"
    with path.open(newline="", encoding="utf-8") as file:
        raw = [row["comment"] for row in csv.DictReader(file)]
    with caplog.at_level(logging.INFO, logger="camxuc"):
        reviews = read_reviews(path)
    assert [r.text for r in reviews] == [unicodedata.normalize("NFC", text) for text in raw]
    changed = sum(not unicodedata.is_normalized("NFC", text) for text in raw)
    assert changed == 240 and caplog.messages[1].endswith("240 of 7786 texts brought to NFC")
