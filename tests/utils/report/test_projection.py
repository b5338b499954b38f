import re
import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.report import projection
from utils.report.projection import KNOWN, MARGIN, SHAPES, SIZE, draw, kinds_of, overall, plane, project

SENTIMENTS = ["Negative", "Neutral", "Positive"]


def blobs(each: int, width: int = 8, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Three far groups of `each` points, and their numbers."""
    stream = torch.Generator().manual_seed(seed)
    group = torch.arange(3).repeat_interleave(each)
    centres = 40 * torch.eye(3, width)
    return centres[group] + torch.randn(3 * each, width, generator=stream), group


def uses(svg: str) -> list[tuple[str, float, float]]:
    return [(node.get("href"), float(node.get("x")), float(node.get("y"))) for node in ET.fromstring(svg).iter("use")]


def test_overall_sentiment_of_a_review():
    targets = torch.tensor([[0, -1, 0], [2, 2, -2], [1, -1, -1], [0, 2, -1], [1, 1, 2], [-1, -1, -1], [-2, -1, -1]])
    assert overall(targets, 3).tolist() == [0, 2, 1, 3, 3, 4, 4]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1, max_size=5))
def test_overall_agrees_with_sets(rows):
    expected = []
    for row in rows:
        found = {value for value in row if value >= 0}
        expected.append(4 if not found else found.pop() if len(found) == 1 else 3)
    assert overall(torch.tensor(rows), 3).tolist() == expected


def test_neighbours_stay_neighbours():
    """t-SNE of three far groups: each point's nearest is of its own group."""
    embedding, group = blobs(12)
    points = plane(embedding.double().numpy())
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.eye(len(points)) * 1e9
    assert (group.numpy()[distances.argmin(1)] == group.numpy()).all()


def test_the_same_embeddings_give_the_same_drawing():
    embedding, group = blobs(4)
    targets = group.unsqueeze(-1)
    assert project(embedding, targets, SENTIMENTS) == project(embedding.clone(), targets, SENTIMENTS)


@pytest.mark.parametrize("embedding", [torch.randn(4, 8), torch.ones(9, 8), torch.randn(9, 1),
                                       torch.full((9, 8), float("nan"))])
def test_no_drawing_of_too_few_or_of_one_place(embedding):
    assert project(embedding, torch.zeros(len(embedding), 1, dtype=torch.int64), SENTIMENTS) is None


@pytest.mark.parametrize("width", [2, 3, 200])
def test_five_points_of_any_width_are_enough(width):
    torch.manual_seed(0)
    drawn = project(torch.randn(5, width), torch.zeros(5, 1, dtype=torch.int64), SENTIMENTS)
    assert (drawn.shown, drawn.reviews, len(uses(drawn.svg))) == (5, 5, 5)


def test_an_embedding_that_is_not_finite_is_left_out():
    embedding, group = blobs(3)
    embedding[4] = float("inf")
    drawn = project(embedding, group.unsqueeze(-1), SENTIMENTS)
    assert (drawn.shown, drawn.reviews) == (8, 9)
    assert {kind.label: kind.count for kind in drawn.kinds} == {"all Negative": 3, "all Neutral": 2, "all Positive": 3}


def test_of_many_reviews_an_even_part_is_drawn(monkeypatch):
    monkeypatch.setattr(projection, "MOST", 10)
    monkeypatch.setattr(projection, "plane", lambda embedding: embedding[:, :2])
    embedding = torch.stack([torch.arange(100.0), torch.zeros(100)], dim=1)
    drawn = project(embedding, torch.zeros(100, 1, dtype=torch.int64), SENTIMENTS)
    assert (drawn.shown, drawn.reviews) == (10, 100)
    xs = [x for _, x, _ in uses(drawn.svg)]
    assert np.diff(xs) == pytest.approx(np.full(9, (xs[-1] - xs[0]) / 9), abs=0.11)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.floats(0.2, 5), st.floats(0.2, 5))
def test_drawn_to_one_scale_and_as_large_as_the_frame_allows(seed, wide, high):
    points = np.random.default_rng(seed).uniform(size=(30, 2)) * (wide, high)
    drawn = np.array([place for _, *place in uses(draw(points, [0] * 30, kinds_of(SENTIMENTS, {0: 30})))])
    assert ((drawn >= 0) & (drawn <= SIZE)).all()
    extent = np.ptp(drawn, axis=0)
    scale = extent / np.ptp(points, axis=0)
    assert scale[0] == pytest.approx(scale[1], rel=0.03)  # places are rounded
    assert (extent / (np.array(SIZE) - 2 * MARGIN)).max() == pytest.approx(1, abs=0.01)


def test_a_point_has_the_mark_of_its_kind_in_the_page_s_colours():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    kinds = kinds_of(SENTIMENTS, Counter([2, 4, 2]))
    svg = draw(points, [2, 4, 2], kinds)
    assert [href for href, *_ in uses(svg)] == ["#kind-2", "#kind-4", "#kind-2"]
    defined = {node.get("id"): (node.get("d"), node.get("fill")) for node in ET.fromstring(svg).iter("path")}
    assert defined == {"kind-2": (SHAPES["up"], "var(--s3)"), "kind-4": (SHAPES["cross"], "var(--muted)")}
    assert not re.search(r"#[0-9a-f]{3,6}\b(?!\")|http", svg)


@pytest.mark.parametrize("names", [SENTIMENTS, ["tiêu cực", "tích cực"], ["bad", "Neutral", "good"],
                                   ["terrible", "bad", "so-so", "good", "great"]])
def test_kinds_differ_in_shape_and_colour_both(names):
    kinds = kinds_of(names, {})
    assert [kind.label for kind in kinds] == [*(f"all {name}" for name in names), "mixed", "no sentiment"]
    marks = [(kind.shape, kind.hue) for kind in kinds]
    assert len(set(marks)) == len(kinds)
    if len(names) < 4:
        assert len({kind.shape for kind in kinds}) == len({kind.hue for kind in kinds}) == len(kinds)
    for kind in kinds[: len(names)]:
        assert KNOWN.get(kind.label.removeprefix("all ").lower(), (kind.shape, kind.hue)) == (kind.shape, kind.hue)


def test_names_no_one_foresaw_and_more_than_there_are_marks():
    assert len(kinds_of([f"mood {i}" for i in range(9)] + ["Positive"], {})) == 12
    assert kinds_of([f"mood {i}" for i in range(9)] + ["Positive"], {})[9].shape == "up"
