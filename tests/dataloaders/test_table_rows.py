import csv
import io
import itertools
import logging
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.table_rows import CELL, LINE, read_lines, read_table, stream_rows
from utils.errors import UserError


def table(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def whole(path):
    header, rows = read_table(path)
    return header, list(rows)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_line_shows_the_separator(tmp_path, separator):
    path = table(tmp_path, f'a{separator}b{separator}c\n1{separator}"x,;\ty"{separator}\n')
    assert whole(path) == (["a", "b", "c"], [(1, ["1", "x,;\ty", ""])])


def test_byte_order_mark_windows_ends_and_blank_lines(tmp_path):
    path = table(tmp_path, b"\xef\xbb\xbf\r\na,b\r\n\r\n1,2\r\n  \r\n3,4\r\n\r\n")
    assert whole(path) == (["a", "b"], [(1, ["1", "2"]), (2, ["3", "4"])])


def test_quotes_line_ends_and_odd_separators_inside_cells_are_kept(tmp_path):
    path = table(tmp_path, 'a,b\r\n"x ""y""\r\nz\u2028\x85\r",2\r\n')
    assert whole(path)[1] == [(1, ['x "y"\r\nz\u2028\x85\r', "2"])]


def test_a_blank_cell_of_the_only_column_is_a_row_and_a_blank_line_is_none(tmp_path):
    assert whole(table(tmp_path, 'a\nx\n\n""\n  \ny'))[1] == [(1, ["x"]), (2, [""]), (3, ["  "]), (4, ["y"])]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
                         min_size=3, max_size=3)), st.sampled_from(",;\t"))
def test_written_rows_are_read_back(scratch, rows, separator):
    path = scratch / "round.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    assert whole(path) == (["a", "b", "c"], list(enumerate(rows, 1)))


@pytest.mark.parametrize("row, found", [("1", 1), ("1,2,3", 3), ("a, b, c, d", 4)])
def test_a_row_of_another_width_is_named(tmp_path, row, found):
    with pytest.raises(UserError) as error:
        whole(table(tmp_path, f"a,b\n1,2\n\n{row}\n"))
    assert str(error.value) == (f"{tmp_path / 't.csv'}: row 2: {found} cells, but the header has 2; "
                                "put quotes around a cell that holds ','")


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", " \r\n\n"])
def test_an_empty_file_is_refused(tmp_path, text):
    with pytest.raises(UserError, match="t.csv: empty$"):
        whole(table(tmp_path, text))


def test_a_header_with_a_name_twice_is_refused_but_not_with_unnamed_columns(tmp_path):
    with pytest.raises(UserError, match="t.csv: its header names 'a' twice"):
        whole(table(tmp_path, "a,b, a\n1,2,3\n"))
    assert whole(table(tmp_path, ",b,\n1,2,3\n"))[0] == ["", "b", ""]


@pytest.mark.parametrize("row, line", [('"open,2\n3,4\n', 4), ('"a"b,2\n', 3), ("a\rb,2\n", 3)])
def test_quotes_that_do_not_match_are_named(tmp_path, row, line):
    with pytest.raises(UserError, match=rf"t.csv: row 2 \(line {line}\): not CSV: .*is a quote left open"):
        whole(table(tmp_path, "a,b\n1,2\n" + row))


def test_an_open_quote_does_not_swallow_a_long_file(tmp_path):
    with pytest.raises(UserError, match=f"t.csv: row 1: a cell of more than {CELL:,} characters; is a quote"):
        whole(table(tmp_path, 'a,b\n"1,2\n' + "1,2\n" * CELL))


def test_a_comment_of_twenty_thousand_words_is_read(tmp_path):
    text = "nghiêng " * 20_000  # 160,000 characters, more than csv takes unasked
    before = csv.field_size_limit(131_072)
    try:
        assert whole(table(tmp_path, f"a,b\n{text},2\n"))[1] == [(1, [text, "2"])]
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    "text, place",
    [
        (b"a,b\n1,2\n\xff,4\n", r"line 3: not UTF-8 text \(byte 8\)"),
        ("a,b\n1,ấ\n3,4\n".encode()[:9] + b"\xe1", r"line 2: not UTF-8 text \(byte 9\)"),
        ("a,b\n".encode("utf-16"), r"line 1: not UTF-8 text \(byte 0\)"),
        (b"a,b\n1,\0\n", "line 2: holds a NUL byte"),
        (b"a,b\n1," + b"x" * LINE, f"line 2: longer than {LINE:,} bytes"),
        (b"a,b\n1," + "ấ".encode() * LINE, f"line 2: longer than {LINE:,} bytes"),
    ],
)
def test_bytes_that_are_no_text_are_named_with_their_place(tmp_path, text, place):
    with pytest.raises(UserError, match=f"t.csv: {place}"):
        whole(table(tmp_path, text))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UserError, match="none.csv: cannot be read: No such file"):
        whole(tmp_path / "none.csv")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        whole(tmp_path)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "T.CSV"])
@pytest.mark.parametrize("header, column", [
    ("index,Comment,label", "auto"), ("x,label,TEXT", "auto"), ("comment,body,x", "body"), ("text,review,x", "auto")])
def test_texts_of_a_table_are_streamed(tmp_path, name, header, column):
    names = header.split(",")
    place = {"index,Comment,label": 1, "x,label,TEXT": 2, "comment,body,x": 1, "text,review,x": 0}[header]
    rows = [[f"{row}{name}" for name in names] for row in "ab"]
    path = table(tmp_path, "\n".join([header, *map(",".join, rows)]), name)
    assert list(stream_rows(path, column)) == [(1, rows[0][place]), (2, rows[1][place])]


def test_the_only_column_is_the_text(tmp_path):
    assert list(stream_rows(table(tmp_path, "ý kiến\ntốt\n"))) == [(1, "tốt")]


def test_a_table_whose_header_names_no_text_is_refused(tmp_path):
    path = table(tmp_path, "a,b\n1,2\n")
    with pytest.raises(UserError, match="t.csv: which column holds the text.*--text-column.*there are a, b"):
        list(stream_rows(path))
    with pytest.raises(UserError, match="t.csv: no column 'c' .*only a, b"):
        list(stream_rows(path, "c"))


@pytest.mark.parametrize("make", [
    lambda data: io.BytesIO(data), lambda data: io.TextIOWrapper(io.BytesIO(data), newline=""),
    lambda data: io.StringIO(data.decode(), newline="\n"), lambda data: iter(data.decode().splitlines(True))])
def test_lines_are_reviews_blank_ones_too(tmp_path, make):
    data = "\ufeff tốt,lắm \r\n\n\"x\nhết".encode()
    expected = [(1, " tốt,lắm "), (2, ""), (3, '"x'), (4, "hết")]
    assert list(stream_rows(make(data))) == expected
    assert list(stream_rows(table(tmp_path, data, "t.txt"))) == expected


@pytest.mark.parametrize("dash", ["-", "path"])
def test_a_dash_is_standard_input(monkeypatch, tmp_path, dash):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("một\nhai".encode())))
    assert list(stream_rows(dash if dash == "-" else tmp_path.__class__("-"))) == [(1, "một"), (2, "hai")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\xff")))
    with pytest.raises(UserError, match=r"standard input: line 2: not UTF-8 text \(byte 3\)"):
        list(stream_rows("-"))


def test_a_text_stream_is_read_as_bytes():
    with pytest.raises(UserError, match=r"standard input: line 2: not UTF-8 text \(byte 3\)"):
        list(stream_rows(io.TextIOWrapper(io.BytesIO(b"a\nb\xff"), encoding="utf-8")))


def test_an_endless_line_is_refused_before_it_is_held_in_memory():
    class Endless:
        def readline(self, size):
            assert size == LINE
            return b"x" * size

    with pytest.raises(UserError, match=f"standard input: line 1: longer than {LINE:,} bytes"):
        list(stream_rows(Endless()))


def test_streamed_texts_are_nfc_and_the_log_says_how_many(tmp_path, caplog):
    texts = ["hào", unicodedata.normalize("NFD", "hào"), "ﬁ"]  # NFKC would open the ligature
    with caplog.at_level(logging.INFO, logger="camxuc"):
        assert [text for _, text in stream_rows(table(tmp_path, "\n".join(texts), "t.txt"))] == ["hào", "hào", "ﬁ"]
    assert caplog.messages == [f"{tmp_path / 't.txt'}: 1 of 3 texts brought to NFC"]


@pytest.mark.parametrize("name, text", [("t.txt", ""), ("t.csv", "comment,b\n")])
def test_no_review_at_all_is_refused(tmp_path, name, text):
    with pytest.raises(UserError, match=f"{name}: holds no review"):
        list(stream_rows(table(tmp_path, text, name)))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="t.xlsx: reviews are read from .csv, .tsv and .txt"):
        list(stream_rows(table(tmp_path, "a", "t.xlsx")))


def test_a_wrong_row_is_named_after_the_right_ones_came(tmp_path):
    rows = stream_rows(table(tmp_path, "comment,b\nx,1\ny\n"))
    assert next(rows) == (1, "x")
    with pytest.raises(UserError, match="row 2: 1 cells, but the header has 2"):
        next(rows)


def test_rows_are_taken_only_as_they_are_asked_for():
    taken = itertools.count()
    lines = (f"review {next(taken)}\n".encode() for _ in range(10**6))
    first = list(itertools.islice(stream_rows(lines), 5))
    assert first == [(number + 1, f"review {number}") for number in range(5)]
    assert next(taken) <= 6  # 5 rows, and this count itself


def test_a_table_is_not_read_past_the_rows_asked_for(tmp_path):
    path = table(tmp_path, "comment,b\n" + "x,1\n" * 10**6 + "bad\n")
    assert list(itertools.islice(stream_rows(path), 3)) == [(1, "x"), (2, "x"), (3, "x")]


def test_lines_are_numbered(tmp_path):
    assert list(read_lines([b"a\n", b"b"], "here")) == [(1, "a\n"), (2, "b")]


def test_every_review_of_a_real_table_is_streamed(shared):
    path = shared("uit-visfd") / "Train.csv"
    with path.open(newline="", encoding="utf-8") as file:
        texts = [row["comment"] for row in csv.DictReader(file)]
    assert list(stream_rows(path)) == [(n, unicodedata.normalize("NFC", text)) for n, text in enumerate(texts, 1)]
    assert len(texts) == 7786
