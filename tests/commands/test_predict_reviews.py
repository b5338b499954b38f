import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands.predict_reviews import SHOWN, is_review, one_line
from main import main
from tests.inference.runs import train_reviews
from tests.small_reviews import ASPECTS, ROWS, write_table
from tests.utils.report.pages import Page, assert_loads_nothing

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train_reviews(tmp_path_factory.mktemp("predict"))


def said(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_table_gives_a_json_line_for_each_row(run, tmp_path, capsys):
    table = write_table(tmp_path / "reviews.csv", [*ROWS, ("", ""), ("pin " * 300, "")])
    assert main(["predict", str(run), str(table)]) == 0
    out, error = capsys.readouterr()
    lines = said(out)
    assert [line["row"] for line in lines] == list(range(1, 11))
    assert [line["text"] for line in lines[:8]] == [text for text, _ in ROWS]
    assert lines[8] == {"row": 9, "text": "", "aspects": [], "note": "blank"}
    assert lines[9]["note"] == "cut off" and "note" not in lines[0]
    assert "10 reviews, 1 blank, 1 cut off" in error


def test_what_it_says_is_what_eval_scores(run, capsys):
    """The answers for the training table, against predictions.csv of the same rows in the test split."""
    assert main(["predict", str(run), str(run.parent / "test.csv")]) == 0
    lines = said(capsys.readouterr().out)
    with (run / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test" and row["predicted"]]
    expected = {(row["review"], row["aspect"]): row for row in rows}
    found = {(str(line["row"]), answer["aspect"]): answer for line in lines for answer in line["aspects"]}
    assert found.keys() == expected.keys() and len(found) > 4
    for key, answer in found.items():
        row = expected[key]
        assert answer.get("sentiment", "mentioned") == row["predicted"]
        assert answer["mentioned"] == pytest.approx(float(row["p_mentioned"]), abs=1e-3)
        if "sentiment" in answer:
            assert answer["probability"] == pytest.approx(float(row[f"p_{answer['sentiment']}"]), abs=1e-3)
        else:
            assert answer["aspect"] == "OTHERS"


@pytest.mark.parametrize("size", ["1", "3", "64"])
def test_the_batch_size_changes_nothing(run, size, capsys):
    outputs = []
    for batch_size in ("2", size):
        assert main(["predict", str(run), str(run.parent / "train.csv"), "--batch-size", batch_size]) == 0
        outputs.append(said(capsys.readouterr().out))
    for one, other in zip(*outputs):
        assert [a["aspect"] for a in one["aspects"]] == [a["aspect"] for a in other["aspects"]]
        for first, second in zip(one["aspects"], other["aspects"]):
            assert first["mentioned"] == pytest.approx(second["mentioned"], abs=2e-4)


def test_text_files_and_standard_input_have_a_review_a_line(run, tmp_path, capsys, monkeypatch):
    text = "Pin rất trâu\n\ngiá rẻ\r\n"
    (tmp_path / "đánh giá.txt").write_bytes(text.encode())
    assert main(["predict", str(run), str(tmp_path / "đánh giá.txt")]) == 0
    from_file = said(capsys.readouterr().out)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["predict", str(run), "-"]) == 0
    assert said(capsys.readouterr().out) == from_file
    assert [line["text"] for line in from_file] == ["Pin rất trâu", "", "giá rẻ"]


def test_reviews_in_quotes_are_read_as_those_of_a_file(run, tmp_path, capsys):
    (tmp_path / "a b.txt").write_text("chụp đẹp\nPin rất trâu\n", encoding="utf-8")
    assert main(["predict", str(run), str(tmp_path / "a b.txt")]) == 0
    of_file = said(capsys.readouterr().out)
    assert main(["predict", str(run), " Pin\n rất  tra\u0302u", "chụp đẹp"]) == 0  # the circumflex is a sign of its own
    quoted = said(capsys.readouterr().out)
    assert [(line["row"], line["text"]) for line in quoted] == [(1, "Pin rất trâu"), (2, "chụp đẹp")]
    assert [line["aspects"] for line in quoted] == [line["aspects"] for line in reversed(of_file)] != [[], []]
    assert main(["predict", str(run), str(tmp_path / "a b.txt"), "giá rẻ", "--output-dir", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a b.jsonl", "quoted.jsonl"]


@pytest.mark.parametrize("name, review", [
    ("giá rẻ", True), ("rẻ", True), ("-", False), ("no file.CSV", False), (" a ", True),
    ("clips/one", False), ("máy tốt, xem video.mp4", True)])
def test_what_is_a_review_and_what_a_file(tmp_path, monkeypatch, name, review):
    monkeypatch.chdir(tmp_path)
    assert is_review(name) is review
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    assert not is_review(name)
    assert one_line("  a\tb\n\nc ") == "a b c"


def test_a_csv_table_for_each_input_in_a_folder(run, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("Pin rất trâu, 5\nshop ơi còn màu đen không\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("giá rẻ\n", encoding="utf-8")
    assert main(["predict", str(run), str(tmp_path / "a.txt"), str(tmp_path / "b.txt"), "--format", "csv",
                 "--output-dir", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == ""
    with (tmp_path / "out" / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [column for aspect in ASPECTS for column in (aspect, f"p({aspect})")]
    assert list(rows[0]) == ["row", "text", *columns, "note"]
    assert rows[0]["text"] == "Pin rất trâu, 5" and rows[0]["BATTERY"] == "Positive"
    assert rows[1]["OTHERS"] == "mentioned" and 0.5 <= float(rows[1]["p(OTHERS)"]) <= 1
    assert (tmp_path / "out" / "b.csv").is_file()


@pytest.mark.parametrize("inputs, said", [
    (["a.txt", "other/a.csv"], "two inputs would be written to"),
    (["table.csv"], "is an input, and would be written over"),
])
def test_no_answer_is_written_over_another_or_over_an_input(run, tmp_path, capsys, inputs, said):
    (tmp_path / "other").mkdir()
    for name in inputs:
        (tmp_path / name).write_text("comment\ngiá rẻ\n", encoding="utf-8")
    words = [str(tmp_path / name) for name in inputs]
    assert main(["predict", str(run), *words, "--format", "csv", "--output-dir", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert all((tmp_path / name).read_text(encoding="utf-8") == "comment\ngiá rẻ\n" for name in inputs)


def test_explanations_are_the_weights_of_tokens_and_a_page(run, tmp_path, capsys):
    texts = [ROWS[7][0], "", ROWS[5][0], "<b>giá rẻ</b>"]
    (tmp_path / "a.txt").write_text("\n".join(texts), encoding="utf-8")
    assert main(["predict", str(run), str(tmp_path / "a.txt"), "--explain", "--output-dir", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jsonl", "a.why.html", "a.why.jsonl"]
    answers, whys = (said((tmp_path / "out" / name).read_text(encoding="utf-8")) for name in ("a.jsonl", "a.why.jsonl"))
    assert [why["row"] for why in whys] == [1, 2, 3, 4] and whys[1] == {"row": 2, "aspects": []}
    for line, why in zip(answers, whys):
        assert [{key: value for key, value in aspect.items() if key != "tokens"} for aspect in why["aspects"]] == (
            line["aspects"])
        for aspect in why["aspects"]:
            tokens = aspect["tokens"]
            letters = "".join(token["text"] for token in tokens[1:-1]).replace("▁", "")
            assert letters.replace(" ", "") == line["text"].replace(" ", "")
            assert all(token["text"].strip() for token in tokens)  # blanks between them are none
            assert tokens[0]["mention"] == tokens[-1]["sentiment"] == 0 and any(token["mention"] for token in tokens)
            assert any(token["sentiment"] for token in tokens) == ("sentiment" in aspect)
    assert [[aspect["aspect"] for aspect in whys[place]["aspects"]] for place in (0, 2)] == [["PRICE"], ["OTHERS"]]
    html = (tmp_path / "out" / "a.why.html").read_text(encoding="utf-8")
    shown = [re.sub("<[^>]+>", "", text) for text in re.findall(r'<p class="text">(.*?)</p>', html, re.DOTALL)]
    assert [text.strip() for text in shown] == [texts[0], "", texts[2], "&lt;b&gt;giá rẻ&lt;/b&gt;"]
    assert "small_text" in Page(html).within("h1") and "PRICE" in Page(html).text
    assert_loads_nothing(html)


def test_the_page_shows_the_first_reviews_of_many(run, tmp_path):
    (tmp_path / "a.txt").write_text("pin\n" * (SHOWN + 5), encoding="utf-8")
    assert main(["predict", str(run), str(tmp_path / "a.txt"), "--explain", "--output-dir", str(tmp_path / "out")]) == 0
    html = (tmp_path / "out" / "a.why.html").read_text(encoding="utf-8")
    assert html.count('<p class="text">') == SHOWN and f"The first {SHOWN} reviews." in html
    assert len((tmp_path / "out" / "a.why.jsonl").read_text(encoding="utf-8").splitlines()) == SHOWN + 5


def test_a_reader_that_has_enough_ends_it_quietly(run, tmp_path):
    (tmp_path / "many.txt").write_text("pin rất trâu\n" * 3000, encoding="utf-8")
    command = [sys.executable, "main.py", "predict", str(run), str(tmp_path / "many.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        first = json.loads(process.stdout.readline())
        process.stdout.close()
        error = process.stderr.read().decode()
    assert first["row"] == 1 and process.returncode == 0 and "Traceback" not in error and "Exception" not in error


def test_each_review_is_answered_as_soon_as_it_is_read(run):
    """A program that writes a line and waits for the answer gets it."""
    command = [sys.executable, "main.py", "predict", str(run), "-", "--batch-size", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          cwd=ROOT) as process:
        for row, text in enumerate(("pin yếu", "giá rẻ"), start=1):
            process.stdin.write(f"{text}\n".encode())
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert (answer["row"], answer["text"]) == (row, text)
        process.stdin.close()


def test_a_run_without_its_tokenizer(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("tokenizer"))
    assert main(["predict", str(tmp_path / "run"), "-"]) == 2
    assert "tokenizer: no such folder; the run is not whole" in capsys.readouterr().err


@pytest.mark.parametrize("words, said", [
    (["absent.csv"], "absent.csv"), (["-", "--colour"], "unknown flag --colour"),
    (["--format", "csv"], "give an input: a table, a text file"),
    (["-", "--batch-size", "0"], "--batch-size 0"), (["-", "--format", "xml"], "xml"),
    (["-", "--device", "abacus"], "--device abacus"), (["-", "--explain"], "--explain: needs --output-dir"),
    (["-", "--onnx"], "model.onnx: no such file"),
    (["-", "--output-dir", str(Path(__file__) / "below")], "--output-dir"),
])
def test_a_wrong_command_is_one_line(run, words, said, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["predict", str(run), *words]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and said in error
