"""Checks how a writer types, habit by habit, and how often each habit comes."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataloaders.demo_reviews.typing_habits import SHORT, Habits, draw_habits, typed, without_marks

SENTENCES = ["pin trâu, máy mượt", "camera không được đẹp lắm"]


def _typed(seed: int = 0, **habits) -> str:
    return typed(np.random.default_rng(seed), Habits(**habits), SENTENCES)


@pytest.mark.parametrize(
    "habits, text",
    [
        (dict(), "Pin trâu, máy mượt. Camera không được đẹp lắm"),
        (dict(case="lower"), "pin trâu, máy mượt. camera không được đẹp lắm"),
        (dict(case="upper", end="!"), "PIN TRÂU, MÁY MƯỢT. CAMERA KHÔNG ĐƯỢC ĐẸP LẮM!"),
        (dict(marks=False), "Pin trau, may muot. Camera khong duoc dep lam"),
        (dict(gap="", stop="\n"), "Pin trâu,máy mượt\nCamera không được đẹp lắm"),
        (dict(stop=", "), "Pin trâu, máy mượt, camera không được đẹp lắm"),
    ],
)
def test_each_habit(habits, text):
    assert _typed(**habits) == text


def test_abbreviations_are_kept_to_within_a_review():
    sentences = ["máy không lag", "pin không tệ", "không nóng"]
    seen = set()
    for seed in range(40):
        words = typed(np.random.default_rng(seed), Habits(short=1.0, case="lower", stop=" | "), sentences).split()
        used = {words[1], words[5], words[8]}
        assert len(used) == 1
        seen |= used
    assert seen == set(SHORT["không"]) and {"ko", "k", "hok"} <= seen


def test_only_whole_words_are_abbreviated():
    text = typed(np.random.default_rng(0), Habits(short=1.0, case="lower"), ["bạn bè gì đâu, bạn ơi"])
    assert text == "b bè j đâu, b ơi"


def test_letters_are_repeated_where_feeling_lies():
    text = _typed(stretch=True, case="lower")
    assert text != _typed(case="lower")
    assert text.replace("uu", "u").replace("uu", "u").replace("tt", "t").replace("tt", "t") == _typed(case="lower")


def test_how_often_each_habit_comes():
    rng = np.random.default_rng(0)
    drawn = [draw_habits(rng) for _ in range(3000)]

    def share(has) -> float:
        return sum(map(has, drawn)) / len(drawn)

    assert 0.06 < share(lambda habits: not habits.marks) < 0.10
    assert 0.25 < share(lambda habits: habits.short > 0) < 0.35
    assert 0.08 < share(lambda habits: habits.stretch) < 0.12
    assert 0.01 < share(lambda habits: habits.case == "upper") < 0.05
    assert 0.34 < share(lambda habits: habits.case == "lower") < 0.44
    assert 0.09 < share(lambda habits: habits.gap == "") < 0.15
    assert {habits.stop for habits in drawn} >= {". ", "\n", "... "} and {habits.end for habits in drawn} >= {"", "!!!"}


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_without_marks_keeps_letters_and_nothing_combines(text):
    bare = without_marks(text)
    assert not [letter for letter in bare if unicodedata.combining(letter)] and not set(bare) & set("đĐ")
    assert without_marks(bare) == bare


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_typed_is_in_nfc(seed):
    rng = np.random.default_rng(seed)
    sentences = [unicodedata.normalize("NFD", sentence) for sentence in SENTENCES]
    assert unicodedata.is_normalized("NFC", typed(rng, draw_habits(rng), sentences))
