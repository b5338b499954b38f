import csv
import io
import json

import torch

from utils.answers import FORMATS, answers
from utils.config import TextConfig
from utils.prediction import Predictions
from utils.structures import Labels
from utils.tasks import build_task

LABELS = Labels(["Positive", "Negative"], ["BATTERY", "CAMERA", "OTHERS"], unrated=["OTHERS"])
TASK = build_task(TextConfig(), LABELS)
LOG3 = torch.tensor(3.0).log()
# Review 0: battery surely negative at 3 to 1, others mentioned; review 1: nothing.
PREDICTIONS = Predictions(
    ["1", "2"], torch.full((2, 3), -1), torch.stack([torch.tensor([[0, LOG3], [LOG3, 0], [0, 0]])] * 2),
    mention=torch.stack([torch.tensor([LOG3, -LOG3, LOG3]), torch.full((3,), -9.0)]))
FOUND = [{"aspect": "BATTERY", "mentioned": 0.75, "sentiment": "Negative", "probability": 0.75},
         {"aspect": "OTHERS", "mentioned": 0.75}]


def test_answers_by_hand():
    assert list(answers(TASK, PREDICTIONS)) == [FOUND, []]


def written(style: str, *rows) -> str:
    file = io.StringIO()
    writer = FORMATS[style](file, TASK)
    for row in rows:
        writer.write(*row)
    return file.getvalue()


def test_json_lines():
    lines = written("jsonl", (4, 'pin "yếu",\nquá', FOUND, ""), (5, "", [], "blank")).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"row": 4, "text": 'pin "yếu",\nquá', "aspects": FOUND},
        {"row": 5, "text": "", "aspects": [], "note": "blank"}]
    assert "yếu" in lines[0]  # as typed, not as \\u escapes


def test_a_csv_table():
    rows = list(csv.DictReader(io.StringIO(written("csv", (4, 'pin "yếu",\nquá', FOUND, ""), (5, "", [], "blank")))))
    nothing = dict.fromkeys(["BATTERY", "p(BATTERY)", "CAMERA", "p(CAMERA)", "OTHERS", "p(OTHERS)"], "")
    assert rows == [
        nothing | {"row": "4", "text": 'pin "yếu",\nquá', "BATTERY": "Negative", "p(BATTERY)": "0.75",
                   "OTHERS": "mentioned", "p(OTHERS)": "0.75", "note": ""},
        nothing | {"row": "5", "text": "", "note": "blank"}]
