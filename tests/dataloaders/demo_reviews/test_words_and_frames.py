"""Checks what the reviews are made of: enough phrases, and no frame in two splits."""

import re
from collections import Counter
from dataclasses import asdict
from itertools import combinations

import numpy as np
import pytest

from dataloaders.demo_reviews.frames import FRAMES, SLOTS
from dataloaders.demo_reviews.words import ASPECTS, POLARITIES, TOPICS, Topic, opinion, phrases, sayings

BATTERY = TOPICS[0]


def _bare(frame: str) -> str:
    return " ".join(re.sub(r"[^\w{}]", " ", frame.lower()).split())


def _all_frames(split: str) -> set[str]:
    return {_bare(frame) for frames in asdict(FRAMES[split]).values() for frame in frames}


def _said(polarity: str, topic: Topic = BATTERY) -> set[str]:
    return sayings(topic, polarity)


def test_aspects_are_those_of_uit_visfd_that_have_a_polarity():
    expected = "BATTERY CAMERA DESIGN FEATURES GENERAL PERFORMANCE PRICE SCREEN SER&ACC STORAGE"
    assert ASPECTS == tuple(expected.split())


@pytest.mark.parametrize("one, other", list(combinations(("train", "val", "test"), 2)))
def test_no_frame_is_in_two_splits(one, other):
    assert not _all_frames(one) & _all_frames(other)


def test_the_words_of_frames_that_judge_in_test_are_in_those_of_train():
    """Else a test measures how a model takes unknown words, and not unknown sentences."""
    words = {
        split: {word for kind, frames in vars(FRAMES[split]).items() if kind != "other"
                for frame in frames for word in re.findall(r"\w+", re.sub(r"\{\w\}", "", frame))}
        for split in ("train", "test")
    }  # fmt: skip
    assert not words["test"] - words["train"]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_split_has_enough_frames(split):
    frames = FRAMES[split]
    assert len(set(frames.plain + frames.clause + frames.use + frames.praise + frames.blame)) >= 25
    assert min(len(frames.contrast), len(frames.opening), len(frames.closing)) >= 6
    assert len(frames.other) >= 12 and len(frames.both) >= 3


def test_frames_have_the_slots_that_they_are_filled_with():
    slots_of = dict(plain="to", clause="to", use="to", praise="to", blame="to", contrast="touv", both="tou",
                    opening="", closing="", other="")  # fmt: skip
    for frames in FRAMES.values():
        assert slots_of.keys() == vars(frames).keys()
        for kind, slots in slots_of.items():
            may = {*slots, *SLOTS, *("x" if kind in ("praise", "blame") else "")}
            for frame in getattr(frames, kind):
                found = re.findall(r"\{(\w)\}", frame)
                assert len(found) == len(set(found)) and set(slots) <= set(found) <= may, frame


@pytest.mark.parametrize("aspect", ASPECTS)
def test_each_aspect_has_phrases_of_its_own(aspect):
    counts = {polarity: len(phrases(aspect, polarity)) for polarity in POLARITIES}
    assert counts["Positive"] >= 8 and counts["Negative"] >= 8 and counts["Neutral"] >= 4, counts


def test_negation_turns_the_adjective_round():
    positive, negative = _said("Positive"), _said("Negative")
    assert {"không hề tệ", "trâu lắm", "đâu có yếu", "chưa thấy tụt nhanh"} <= positive
    assert {"không trâu lắm", "tệ lắm", "chưa khỏe", "hay tụt nhanh"} <= negative


def test_neutral_statements():
    expected = {"bình thường", "ở mức trung bình", "tạm được", "đủ qua một ngày", "không trâu mà cũng không yếu"}
    assert expected <= _said("Neutral")


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.terms.split("|")[0])
def test_no_opinion_has_two_polarities(topic):
    for one, other in combinations(POLARITIES, 2):
        assert not _said(one, topic) & _said(other, topic)


def test_the_polarity_cannot_be_read_from_one_word():
    """Every negator and nearly every intensifier says both."""
    praise, blame = ({word for said in _said(side) for word in said.split()} for side in ("Positive", "Negative"))
    both = praise & blame
    assert {"không", "hề", "chẳng", "đâu", "chưa", "rất", "quá", "lắm", "cực", "trâu", "tốt", "tệ", "yếu"} <= both


@pytest.mark.parametrize("polarity", POLARITIES)
def test_an_opinion_is_one_of_the_sayings_and_mostly_a_common_one(polarity):
    rng = np.random.default_rng(0)
    drawn = Counter(opinion(rng, BATTERY, polarity) for _ in range(2000))
    assert drawn.keys() <= sayings(BATTERY, polarity)
    most = drawn.most_common(2)
    assert {"Positive": "trâu", "Negative": "yếu", "Neutral": "bình thường"}[polarity] in dict(most)


def test_a_term_means_one_aspect():
    owners = {}
    for topic in TOPICS:
        for term in topic.list("terms"):
            assert owners.setdefault(term, topic.aspect) == topic.aspect
