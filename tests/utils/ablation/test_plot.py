import numpy as np
import pytest

from tests.utils.ablation.studies import clips, small, spec
from utils.ablation.plot import MEAN, SEED, draw, save
from utils.ablation.study import compare


def test_means_intervals_and_every_seed_in_points(configure):
    found = small(configure)
    axes, = draw(found).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no LDL", "a|b_[%]*"]
    assert axes.get_xlabel() == "difference in test UAR, points"
    ends = {int(line.get_ydata()[0]): sorted(line.get_xdata()) for line in axes.lines if line.get_marker() == "|"}
    assert [ends[place] for place in (0, 1)] == [pytest.approx([100 * end for end in row.interval])
                                                 for row in found.rows[1:]]
    dots = sorted((round(float(x), 2), int(y)) for line in axes.lines if line.get_color() == SEED
                  for x, y in zip(line.get_xdata(), line.get_ydata()))
    assert dots == [(-91.67, 1), (-16.67, 0), (0, 0)]
    means = {int(np.ravel(line.get_ydata())[0]): float(np.ravel(line.get_xdata())[0]) for line in axes.lines
             if line.get_marker() == "o" and line.get_color() == MEAN}
    assert means == pytest.approx({0: -100 / 12, 1: -1100 / 12})
    low, high = axes.get_ylim()
    assert low > 1 and high < 0  # the first variant stands at the top, none at an edge


def test_the_legend_says_each_thing_once(configure):
    legend, = draw(small(configure)).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "95 % interval over clips", "mean over seeds", "each seed", "full"]


def test_names_are_not_read_as_mathematics(configure, tmp_path):
    variants = {"$x": "", "a $\\nonsense{ b$": "--lr 0.5"}
    runs = {(name, 0): clips("abc", "abb") for name in variants}
    paths = save(compare(spec(configure, variants), runs), tmp_path)
    assert [path.name for path in paths] == ["differences.png", "differences.svg"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")


def test_the_same_study_makes_the_same_files_and_one_without_differences_any(configure, tmp_path):
    alone = compare(spec(configure, {"full": "", "x": "--lr 1"}), {("full", 0): clips("ab", "ab")})
    first = [path.read_bytes() for path in save(alone, tmp_path)]
    assert first == [path.read_bytes() for path in save(alone, tmp_path)] and b"<svg" in first[1]
