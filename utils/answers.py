"""What a trained reader says of reviews, as JSON lines or as a CSV table."""

import csv
import json
from collections.abc import Iterator
from typing import TextIO

from utils.prediction import Predictions
from utils.structures import NOT_MENTIONED
from utils.tasks.reviews import Reviews


def answers(task: Reviews, predictions: Predictions) -> Iterator[list[dict]]:
    """Of each review the aspects that it mentions.

    `mentioned` is the probability that it does, `probability` that of the sentiment given that it does; an aspect
    that has no sentiments has none of the latter.
    """
    cells, mentioned = task.cells(predictions).tolist(), task.mention_probabilities(predictions).tolist()
    of = task.sentiment_probabilities(predictions).tolist()
    for review, said in enumerate(cells):
        yield [_answer(task, name, cell, mentioned[review][a], of[review][a])
               for a, (name, cell) in enumerate(zip(task.labels.aspects, said)) if cell != NOT_MENTIONED]


def _answer(task: Reviews, aspect: str, cell: int, mentioned: float, of: list[float]) -> dict:
    answer = {"aspect": aspect, "mentioned": round(mentioned, 4)}
    return answer | {"sentiment": task.name_of(cell), "probability": round(of[cell], 4)} if cell >= 0 else answer


class JsonLines:
    """An object a review: row, text, aspects, and `note` where it is blank or was cut off."""

    suffix = ".jsonl"

    def __init__(self, file: TextIO, task: Reviews):
        self.file = file

    def write(self, row: int, text: str, found: list[dict], note: str) -> None:
        line = {"row": row, "text": text, "aspects": found} | ({"note": note} if note else {})
        self.file.write(json.dumps(line, ensure_ascii=False) + "\n")


class CsvTable:
    """A row a review: for each aspect its sentiment, `mentioned` if it has none, and a column of probabilities."""

    suffix = ".csv"

    def __init__(self, file: TextIO, task: Reviews):
        columns = [column for aspect in task.labels.aspects for column in (aspect, f"p({aspect})")]
        self.writer = csv.DictWriter(file, ["row", "text", *columns, "note"], restval="")
        self.writer.writeheader()

    def write(self, row: int, text: str, found: list[dict], note: str) -> None:
        cells = {}
        for answer in found:
            cells[answer["aspect"]] = answer.get("sentiment", "mentioned")
            cells[f"p({answer['aspect']})"] = answer.get("probability", answer["mentioned"])
        self.writer.writerow({"row": row, "text": text, **cells, "note": note})


FORMATS = {"jsonl": JsonLines, "csv": CsvTable}
