import base64
import math
import re
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.report.curves import HUES, THUMBNAIL, Panel, band, draw, panels, series, thumbnails

SCORES = {"scores, %": {"train accuracy": "accuracy", "validation WAR": "val_war", "validation UAR": "val_uar"}}
NAN, INF = float("nan"), float("inf")


def vertices(svg: str, gid: str) -> list[tuple[float, float]]:
    """The points of a line in an SVG, in its own units."""
    group = next(node for node in ET.fromstring(svg).iter("g") if node.get("id", "").endswith(gid))
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", group.find("path").get("d"))]


def texts(svg: str) -> list[str]:
    return [node.text for node in ET.fromstring(svg).iter("text")]


def decode(uri: str) -> np.ndarray:
    """RGB pixels (H, W, 3) of a JPEG data URI."""
    assert uri.startswith("data:image/jpeg;base64,")
    data = np.frombuffer(base64.b64decode(uri.partition(",")[2], validate=True), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]


def test_series_leaves_out_epochs_without_a_finite_value():
    rows = [{"epoch": 1.0}, {"epoch": 2.0, "grad_norm": INF}, {"epoch": 3.0, "grad_norm": 0.5},
            {"epoch": 4.0, "grad_norm": NAN}, {"epoch": 5.0, "grad_norm": 0.0}]
    assert series(rows, "grad_norm", 100) == ([3, 5], [50.0, 0.0])


def test_panels_of_a_history():
    rows = [{"epoch": 1.0, "loss": 3.0, "loss_cls": 2.0, "accuracy": 0.25, "val_uar": 0.5, "lr_a": 1e-3, "lr_b": 1e-3},
            {"epoch": 2.0, "loss": 2.0, "loss_ldl": 1.0, "accuracy": 0.5, "val_uar": 0.75, "lr_a": 1e-4, "lr_b": 1e-4,
             "lr_c": 1e-5}]
    groups = {title: {panel.name: panel.lines for panel in group} for title, group in panels(rows, SCORES).items()}
    assert groups == {
        "Training": {
            "scores, %": {"train accuracy": ([1, 2], [25.0, 50.0]), "validation UAR": ([1, 2], [50.0, 75.0])},
            "learning rates": {"a, b": ([1, 2], [1e-3, 1e-4]), "c": ([2], [1e-5])},
        },
        "Losses": {"total": {"total": ([1, 2], [3.0, 2.0])}, "cls": {"cls": ([1], [2.0])},
                   "ldl": {"ldl": ([2], [1.0])}},
    }


def test_lines_that_coincide_share_a_label():
    """WAR equals UAR on a balanced split."""
    rows = [{"epoch": 1.0, "val_war": 0.25, "val_uar": 0.25}, {"epoch": 2.0, "val_war": 0.5, "val_uar": 0.5}]
    assert panels(rows, SCORES)["Training"][0].lines == {"validation WAR, validation UAR": ([1, 2], [25.0, 50.0])}
    rows[0]["val_uar"] = math.nextafter(0.25, 1)  # another order of summing
    assert list(panels(rows, SCORES)["Training"][0].lines) == ["validation WAR, validation UAR"]
    rows[0]["val_uar"] = 0.2501
    assert list(panels(rows, SCORES)["Training"][0].lines) == ["validation WAR", "validation UAR"]


def test_no_history_has_no_panels():
    assert panels([], SCORES) == {}


def test_each_panel_of_scores_has_its_own_columns_in_percent_if_it_says_so():
    rows = [{"epoch": 1.0, "val_a": 0.5, "val_b": 0.25, "val_c": 0.125, "rank": 7.5}]
    scores = {"one, %": {"A": "val_a", "B": "val_b"}, "two, %": {"C": "val_c"}, "three, %": {"D": "val_d"},
              "rank": {"E": "rank", "F": "val_a"}}
    assert {panel.name: panel.lines for panel in panels(rows, scores)["Training"]} == {
        "one, %": {"A": ([1], [50.0]), "B": ([1], [25.0])}, "two, %": {"C": ([1], [12.5])},
        "rank": {"E": ([1], [7.5]), "F": ([1], [0.5])}}


def test_panels_of_gradient_harmonising():
    rows = [{"epoch": 1.0, "ghm_g_min": 0.125, "ghm_g_mean": 0.5, "ghm_g_max": 1.0, "ghm_g_bin_00": 0.25,
             "ghm_g_bin_01": 0.75}]
    norms, bins = panels(rows, SCORES)["Gradient harmonising (GHM-C)"]
    assert norms.lines == {"largest": ([1], [1.0]), "mean": ([1], [0.5]), "smallest": ([1], [0.125])}
    assert bins.lines == {"0–0.5": ([1], [25.0]), "0.5–1": ([1], [75.0])}
    assert bins.stacked and not norms.stacked


def test_a_term_that_sets_in_later_is_drawn_only_where_it_exists():
    """On the axis of epochs 1 to 9, a line over 5 to 9 takes the right half."""
    whole = vertices(draw(Panel("a", {"a": (list(range(1, 10)), [9.0 - e for e in range(9)])}), 9, None), "line-0")
    late = vertices(draw(Panel("a", {"a": ([5, 6, 7, 8, 9], [5.0, 4.0, 3.0, 2.0, 1.0])}), 9, None), "line-0")
    left, right = whole[0][0], whole[-1][0]
    assert [x for x, _ in late] == pytest.approx([left + (right - left) * step / 8 for step in (4, 5, 6, 7, 8)])


def test_values_are_drawn_to_scale():
    points = vertices(draw(Panel("a", {"a": ([1, 2, 3, 4], [4.0, 3.0, 1.0, 1.0])}), 4, None), "line-0")
    heights = [points[0][1] - y for _, y in points]  # SVG's y grows downwards
    assert heights[1] < 0
    assert [height / heights[1] for height in heights] == pytest.approx([0, 1, 3, 3], abs=1e-4)


def test_logarithmic_axis_has_equal_steps_for_decades_and_labels():
    svg = draw(Panel("a", {"a": ([1, 2, 3], [1e-3, 1e-4, 1e-5])}, log=True), 3, None)
    (_, high), (_, middle), (_, low) = vertices(svg, "line-0")
    assert middle - high == pytest.approx(low - middle)
    assert {"0.001", "0.0001", "1e-05"} <= set(texts(svg))


@pytest.mark.parametrize("value", [0.0, 2e-4])
def test_logarithmic_axis_of_one_constant_or_of_zeros(value):
    svg = draw(Panel("a", {"a": ([1, 2], [value, value])}, log=True), 2, None)
    assert len([text for text in texts(svg) if text not in ("1", "2", "epoch")]) >= 2
    assert len(vertices(svg, "line-0")) == 2


def bands(svg: str) -> list[list[tuple[float, float]]]:
    """The corners of each band, bottom band first."""
    groups = [node for node in ET.fromstring(svg).iter("g") if "-band-" in node.get("id", "")]
    paths = [next(group.iter("path")).get("d") for group in groups]
    return [[(float(x), float(y)) for x, y in re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path)] for path in paths]


@pytest.mark.parametrize("epochs", [[1, 2], [1]])
def test_bands_lie_upon_each_other_to_scale(epochs):
    """Shares 20, 30 and 50 of 100: the heights are as 2 to 3 to 5, without a gap."""
    shares = {name: (epochs, [value] * len(epochs)) for name, value in (("a", 20.0), ("b", 30.0), ("c", 50.0))}
    found = bands(draw(Panel("a", shares, stacked=True), epochs[-1], None))
    spans = [(max(y for _, y in corners), min(y for _, y in corners)) for corners in found]
    heights = [low - high for low, high in spans]
    assert [height / sum(heights) for height in heights] == pytest.approx([0.2, 0.3, 0.5], abs=1e-3)
    assert spans[1][0] == pytest.approx(spans[0][1]) and spans[2][0] == pytest.approx(spans[1][1])
    assert max(x for x, _ in found[0]) > min(x for x, _ in found[0]) + 100


def test_bands_go_from_one_colour_to_another():
    assert [band(place, 4) for place in range(4)] == [
        (1, pytest.approx(0.9)), (1, pytest.approx(0.38)), (2, pytest.approx(0.38)), (2, pytest.approx(0.9))]
    assert band(0, 1) == (1, pytest.approx(0.9))
    panel = Panel("a", {"a": ([1, 2], [40.0, 40.0]), "b": ([1, 2], [60.0, 60.0])}, stacked=True)
    svg = draw(panel, 2, None)
    drawn = re.findall(r"fill: (var\(--s\d\)); fill-opacity: ([\d.]+)", svg)
    assert drawn == [("var(--s1)", "0.9"), ("var(--s2)", "0.9")]
    assert panel.style(1) == "stroke: var(--s2); stroke-opacity: 0.90; stroke-width: 9"


def test_best_epoch_is_marked_at_its_place():
    panel = Panel("a", {"a": ([1, 2, 3, 4], [1.0, 4.0, 3.0, 2.0])})
    (marked, _), *_ = vertices(draw(panel, 4, 3), "best")
    assert marked == pytest.approx(vertices(draw(panel, 4, None), "line-0")[2][0])
    assert 'id="a-best"' not in draw(panel, 4, None)


def test_one_epoch_is_a_visible_dot():
    svg = draw(Panel("a", {"a": ([1], [0.3])}), 1, 1)
    line = next(node for node in ET.fromstring(svg).iter("g") if node.get("id", "").endswith("line-0"))
    assert len(list(line.iter("use"))) == 1
    assert "1" in texts(svg)


def test_colours_come_from_the_page():
    lines = {f"line {i}": ([1, 2], [float(i), i + 1.0]) for i in range(HUES)}
    svg = draw(Panel("rates", lines), 2, 1)
    assert set(re.findall(r"var\((--\w+)\)", svg)) == {f"--s{i}" for i in range(1, HUES + 1)} | {"--muted", "--rule"}
    assert "currentColor" in svg
    assert not re.findall(r"#[0-9a-f]{6}\b(?!\")", svg)


def test_legend_style_is_that_of_the_line():
    panel = Panel("rates", {f"line {i}": ([1, 2], [float(i), i + 1.0]) for i in range(HUES)})
    svg = ET.fromstring(draw(panel, 2, None))
    for place in range(HUES):
        line = next(node for node in svg.iter("g") if node.get("id") == f"rates-line-{place}").find("path")
        drawn = dict(part.split(": ") for part in line.get("style").split("; "))
        legend = dict(part.split(": ") for part in panel.style(place).split("; "))
        assert drawn["stroke"] == legend["stroke"]
        dashes, expected = ([float(x) for x in re.findall(r"[\d.]+", style.get("stroke-dasharray", ""))]
                            for style in (drawn, legend))
        assert dashes == pytest.approx(expected)


def test_ids_of_two_panels_differ_and_references_hold():
    """Else one plot's clip path would cut another's lines."""
    svgs = [draw(Panel(name, {name: ([1, 2], [1.0, 2.0])}), 2, 1) for name in ("loss a", "loss b")]
    first, second = (set(re.findall(r' id="([^"]+)"', svg)) for svg in svgs)
    assert not first & second
    for svg, ids in zip(svgs, (first, second)):
        references = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
        assert references and references <= ids


def test_svg_is_inline_and_loads_nothing():
    svg = draw(Panel("a", {"a": ([1, 2], [1.0, 2.0])}), 2, 1)
    assert svg.startswith("<svg") and "http" not in svg and "<style" not in svg
    assert ET.fromstring(svg).attrib.keys() == {"viewBox"}


def test_panel_is_told_in_words():
    panel = Panel("a", {"mi": ([3, 4, 8], [5.25, 9.0, 0.5])})
    assert str(panel) == "mi: 5.25 at epoch 3, 0.5 at epoch 8"


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_thumbnails_keep_the_shape_and_never_grow(height, width):
    (uri,) = thumbnails(torch.zeros(1, 3, height, width, dtype=torch.uint8), 3)
    scale = min(1.0, THUMBNAIL / max(height, width))
    assert decode(uri).shape[:2] == (max(round(height * scale), 1), max(round(width * scale), 1))


def test_thumbnails_are_spread_evenly_and_keep_their_colours():
    """Frame t is of red 20 t; of nine, three are 0, 4 and 8."""
    frames = torch.zeros(9, 3, 224, 224, dtype=torch.uint8)
    frames[:, 0] = (torch.arange(9, dtype=torch.uint8) * 20)[:, None, None]
    means = [decode(uri).reshape(-1, 3).mean(axis=0) for uri in thumbnails(frames, 3)]
    assert np.stack(means) == pytest.approx(np.array([[0, 0, 0], [80, 0, 0], [160, 0, 0]]), abs=3)


def test_a_clip_with_few_frames_shows_each_once():
    assert len(thumbnails(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 3)) == 2
