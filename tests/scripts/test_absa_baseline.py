"""The baseline against scikit-learn's own pieces, and against figures known from elsewhere."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from scripts.absa_baseline import Baseline, features, main
from tests.small_reviews import write_recipe

VISFD = Path(__file__).parents[3] / "shared" / "data" / "uit-visfd"
TEXTS = ["pin trâu", "pin yếu", "camera đẹp", "camera mờ", "shop ơi", "pin trâu camera mờ"]
TARGETS = np.array([[0, -1, -1], [1, -1, -1], [-1, 0, -1], [-1, 1, -1], [-1, -1, -2], [0, 1, -1]])


def test_each_aspect_has_machines_of_its_own():
    x = features().fit_transform(TEXTS)
    said, polarity = Baseline(x, TARGETS).predict(x)
    assert said.tolist() == TARGETS.tolist()
    for aspect in (0, 1):
        rated = TARGETS[:, aspect] >= 0
        alone = LinearSVC().fit(x[rated], TARGETS[rated, aspect])
        assert polarity[:, aspect].tolist() == alone.predict(x).tolist()
    assert (polarity[:, 2] == -2).all()


def test_one_label_only_is_always_said():
    targets = np.array([[0]] * 5 + [[-2]])
    said, polarity = Baseline(features().fit_transform(TEXTS), targets).predict(features().fit(TEXTS).transform(["x"]))
    assert said.tolist() == [[0]] and polarity.tolist() == [[0]]


def run(monkeypatch, capsys, *words) -> str:
    monkeypatch.setattr(sys, "argv", ["absa_baseline", *words])
    main()
    return capsys.readouterr().out


def test_the_command_line(tmp_path, monkeypatch, capsys):
    out = run(monkeypatch, capsys, str(write_recipe(tmp_path)), "--splits", "val", "test")
    assert re.search(r"^val: aspect F1 1\.000/1\.000.*\(5 reviews\)", out, re.MULTILINE)  # they are trained on
    assert re.search(r"^test: .*\(6 reviews\)", out, re.MULTILINE) and "test, always majority:" in out


@pytest.mark.slow
@pytest.mark.skipif(not VISFD.is_dir(), reason="no ../shared/data/uit-visfd")
def test_visfd_on_dev(monkeypatch, capsys):
    """The figures that another implementation gave: 83.6/77.2, 74.0/49.1, 84.8/75.6."""
    out = run(monkeypatch, capsys, "visfd", "--root-dir", str(VISFD), "--test-annotation", "None")
    figures = [float(figure) for figure in re.findall(r"\d\.\d{3}", out.splitlines()[0])]
    assert figures == pytest.approx([0.836, 0.772, 0.740, 0.491, 0.848, 0.756], abs=0.003)

