import matplotlib.pyplot as plt
import pytest

from benchmarks.results import Comparison, Curves, Timelines

COMPARISON = Comparison("Two ways", {"long": [0.2, 0.4, 0.3], "short": [0.1, 0.1, 0.1]}, [("long", "short")], {"n": 3})
TIMELINES = Timelines("Parts", {"one": {"forward": 0.1, "backward": 0.2}, "two": {"forward": 0.3}})
CURVES = Curves("Growth", "frames", "ms", {"time": {2: 1.0, 4: 2.5}, "other": {4: 9.0}})


def test_a_comparison_tells_times_and_ratios_of_rounds():
    assert COMPARISON.table() == """\
**Two ways**

| | ms, median | least to most |
|---|---|---|
| long | 300 | 200 to 400 |
| short | 100 | 100 to 100 |

short against long: **3 times as fast** (2 to 4 over 3 rounds)

n 3"""
    assert COMPARISON.data()["ratios"] == [{"slow": "long", "fast": "short", "ratio": pytest.approx((3, 2, 4))}]


def test_timelines_add_up():
    assert TIMELINES.table().splitlines()[2:] == ["| ms | forward | backward | all |", "|---|---|---|---|",
                                                 "| one | 100 | 200 | 300 |", "| two | 300 | 0 | 300 |"]


def test_curves_leave_out_what_was_not_measured():
    assert CURVES.table().splitlines()[2:] == ["| ms, frames: | 2 | 4 |", "|---|---|---|", "| time | 1 | 2.5 |",
                                              "| other |  | 9 |"]
    assert CURVES.data()["lines"] == {"time": {"2": 1.0, "4": 2.5}, "other": {"4": 9.0}}


def test_pictures_show_the_figures():
    _, axes = plt.subplots(3)
    for result, of in zip((COMPARISON, TIMELINES, CURVES), axes):
        result.draw(of)
    assert [bar.get_width() for bar in axes[0].patches] == pytest.approx([100, 300])
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["short", "long"]
    ends = [(bar.get_x(), bar.get_width()) for bar in axes[1].patches]  # upwards: two, then one
    assert ends == [pytest.approx(end) for end in [(0, 300), (0, 100), (300, 0), (100, 200)]]
    assert list(axes[2].lines[0].get_xydata().flatten()) == [2, 1, 4, 2.5] and axes[2].get_ylabel() == "ms"
    plt.close("all")
