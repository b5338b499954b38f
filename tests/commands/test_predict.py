import csv
import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from commands.predict import Reader
from main import main
from tests.small_reviews import ASPECTS, ROWS, write_recipe, write_table

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("predict")
    assert main(["train", str(write_recipe(root)), "--output-dir", str(root / "run"), "--epochs", "60", "--pooling",
                 "mean", "--lr-encoder", "3e-3", "--batch-size", "8", "--warmup-epochs", "5"]) == 0
    return root / "run"


def said(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_table_gives_a_json_line_for_each_row(run, tmp_path, capsys):
    table = write_table(tmp_path / "reviews.csv", [*ROWS, ("", ""), ("pin " * 300, "")])
    assert main(["predict", str(run), str(table)]) == 0
    lines = said(capsys.readouterr().out)
    assert [line["row"] for line in lines] == list(range(1, 11))
    assert [line["text"] for line in lines[:8]] == [text for text, _ in ROWS]
    assert lines[8] == {"row": 9, "text": "", "aspects": [], "note": "blank"}
    assert lines[9]["note"] == "cut off" and "note" not in lines[0]


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


def test_the_prefix_of_the_run_is_put_before_every_review(run):
    reader, plain = Reader(run), Reader(run)
    reader.config = replace(reader.config, model=replace(reader.config.model, prefix="giá rẻ "))
    [(_, text, found, _)] = reader.read(iter([(1, "pin yếu")]), 8)
    [(_, _, expected, _)] = plain.read(iter([(1, "giá rẻ pin yếu")]), 8)
    assert text == "pin yếu" and found == expected


def test_a_run_without_its_tokenizer(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("tokenizer"))
    assert main(["predict", str(tmp_path / "run"), "-"]) == 2
    assert "tokenizer: no such folder; the run is not whole" in capsys.readouterr().err


def test_rows_are_read_only_as_they_are_needed(run):
    """A file of any length: after three answers, no more than two batches have been taken."""
    taken = []

    def endless():
        for number in range(1, 10**9):
            taken.append(number)
            yield number, "pin rất trâu"

    answers = Reader(run).read(endless(), batch_size=4)
    assert [next(answers)[0] for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert len(taken) == 8


@pytest.mark.parametrize("words, said", [
    (["absent.csv"], "absent.csv"), (["-", "--colour"], "unrecognized arguments: --colour"),
    (["--format", "csv"], "INPUT"),
    (["-", "--batch-size", "0"], "--batch-size 0"), (["-", "--format", "xml"], "xml"),
    (["-", "--device", "abacus"], "--device abacus"),
])
def test_a_wrong_command_is_one_line(run, words, said, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["predict", str(run), *words]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and said in error


def test_help_lists_the_flags(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(tmp_path), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and all(name in said for name in ("INPUT", "--format", "--output-dir", "--batch-size"))
    assert main(["predict", "--help"]) == 0 and "main.py predict RUN INPUT..." in capsys.readouterr().out


def test_a_folder_that_is_no_run(tmp_path, capsys):
    assert main(["predict", str(tmp_path), "-"]) == 2
    assert f"{tmp_path}: no run" in capsys.readouterr().err
