"""Checks the written reviews: format, labels, shares, stars, dates, and that no text and no frame is in two splits."""

import csv
import hashlib
import re
import unicodedata
from collections import Counter, namedtuple
from dataclasses import asdict
from datetime import datetime
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from dataloaders.demo_reviews import ReviewSize, generate_reviews
from dataloaders.demo_reviews import generate as module
from dataloaders.demo_reviews.frames import FRAMES
from dataloaders.demo_reviews.review import EMOJI, Draft, compose, label
from dataloaders.demo_reviews.words import ASPECTS, POLARITIES
from utils.errors import UserError

SIZE = ReviewSize(train=60, val=20, test=30)
SPLITS = asdict(ReviewSize())
Row = namedtuple("Row", "comment n_star date_time label")
LABEL = re.compile(r"(\{([A-Z&]+)#(Positive|Negative|Neutral)\};)*(\{OTHERS\};)?")


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[tuple[Draft, Row]]]:
    """The reviews of seed 0 as they are written by default."""
    seen: set[str] = set()
    reviews = {split: module.draw(0, split, count, seen) for split, count in SPLITS.items()}
    return {split: [(draft, Row(*row)) for draft, row in drawn] for split, drawn in reviews.items()}


@pytest.fixture(scope="module")
def rows(drawn) -> dict[str, list[Row]]:
    return {split: [row for _, row in reviews] for split, reviews in drawn.items()}


@pytest.fixture(scope="module")
def drafts(drawn) -> dict[str, list[Draft]]:
    return {split: [draft for draft, _ in reviews] for split, reviews in drawn.items()}


def _read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _polarities(row: Row) -> dict[str, str]:
    return dict(re.findall(r"\{([A-Z&]+)#(\w+)\}", row.label))


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _small(folder: Path, seed: int = 3) -> Path:
    generate_reviews(folder, seed=seed, size=SIZE)
    return folder


def test_the_default_size():
    assert SPLITS == {"train": 12000, "val": 300, "test": 600}


def test_files_have_the_format_of_uit_visfd(tmp_path, rows):
    folder, seen = _small(tmp_path / "data"), set()
    for split, count in asdict(SIZE).items():
        found = _read(folder / f"{split}.csv")
        assert list(found[0]) == ["index", "comment", "n_star", "date_time", "label"]
        expected = [Row(*map(str, row)) for _, row in module.draw(3, split, count, seen)]
        assert [Row(row["comment"], row["n_star"], row["date_time"], row["label"]) for row in found] == expected
        assert [row["index"] for row in found] == [str(index) for index in range(count)]


def test_comments_and_labels_are_well_formed(rows):
    for row in rows["train"] + rows["val"] + rows["test"]:
        assert row.label and LABEL.fullmatch(row.label), row
        found = _polarities(row)
        assert found.keys() <= set(ASPECTS) and len(found) == row.label.count("#") <= 5
        assert row.comment.strip() and unicodedata.is_normalized("NFC", row.comment)


def test_shares_of_polarities_and_aspects_are_unequal(rows):
    votes = Counter(vote for row in rows["train"] for vote in _polarities(row).items())
    total = sum(votes.values())
    share = {polarity: sum(votes[aspect, polarity] for aspect in ASPECTS) / total for polarity in POLARITIES}
    assert 0.52 < share["Positive"] < 0.58 and 0.29 < share["Negative"] < 0.36
    by_aspect = Counter({aspect: sum(votes[aspect, polarity] for polarity in POLARITIES) for aspect in ASPECTS})
    assert by_aspect.most_common(1)[0][0] == "GENERAL" and min(by_aspect, key=by_aspect.get) == "STORAGE"
    assert by_aspect["GENERAL"] > 3.5 * by_aspect["STORAGE"]
    assert min(votes[aspect, polarity] for aspect in ASPECTS for polarity in POLARITIES) >= 50


def test_one_to_five_aspects_and_reviews_of_others_only(rows):
    counts = Counter(len(_polarities(row)) for row in rows["train"])
    assert set(counts) == {0, 1, 2, 3, 4, 5} and min(counts.values()) > 50
    for row in rows["train"]:
        if not _polarities(row):
            assert row.label == "{OTHERS};"
    others = sum("OTHERS" in row.label for row in rows["train"]) / SPLITS["train"]
    assert 0.12 < others < 0.22


def test_no_text_is_in_two_splits_even_without_marks_and_case(rows):
    texts = {
        split: {" ".join(module.without_marks(row.comment).lower().split()) for row in rows[split]} for split in rows
    }
    for one, other in combinations(SPLITS, 2):
        assert not texts[one] & texts[other]
    assert {split: len(texts[split]) for split in texts} == SPLITS


def test_each_split_is_written_in_its_own_frames_and_in_all_of_them(drafts):
    for split, frames in FRAMES.items():
        own = {frame for kind in vars(frames).values() for frame in kind}
        assert {frame for draft in drafts[split] for frame in draft.frames} <= own
    used = {frame for draft in drafts["train"] for frame in draft.frames}
    assert used == {frame for kind in vars(FRAMES["train"]).values() for frame in kind}


def test_every_slot_word_of_val_and_test_is_in_train(drafts):
    def words(split: str) -> set[str]:
        return {word for draft in drafts[split] for filler in draft.fillers for word in filler.split()}

    assert words("val") | words("test") <= words("train")
    assert len(words("test")) > 250


def test_contrast_puts_opposite_polarities_into_one_sentence(drafts):
    contrasted = [draft for draft in drafts["test"] if set(draft.frames) & set(FRAMES["test"].contrast)]
    assert len(contrasted) > 30
    assert all({"Positive", "Negative"} <= set(draft.labels.values()) for draft in contrasted)


def test_stars_agree_with_the_polarities(rows):
    for row in rows["train"]:
        star, said = row.n_star, set(_polarities(row).values())
        allowed = {frozenset({"Positive"}): {4, 5}, frozenset({"Negative"}): {1, 2}, frozenset(): {3, 4, 5}}
        assert star in allowed.get(frozenset(said), {2, 3, 4}), row
    assert {row.n_star for row in rows["train"]} == {1, 2, 3, 4, 5}


def test_dates_are_days_of_two_years_or_a_while_ago(rows):
    ago = [row.date_time for row in rows["train"] if "trước" in row.date_time]
    assert 0.06 < len(ago) / SPLITS["train"] < 0.18
    assert all(re.fullmatch(r"[1-4] tuần trước|[1-7] ngày trước", date) for date in ago)
    for row in rows["train"]:
        if "/" in row.date_time:
            assert datetime.strptime(row.date_time, "%d/%m/%Y").year in (2019, 2020)


def test_emoji_agree_with_the_mood(rows):
    with_any = 0
    for row in rows["train"]:
        said = Counter(_polarities(row).values())
        lead = said["Positive"] - said["Negative"]
        glad, angry, other = (any(e in row.comment for e in EMOJI[p]) for p in ("Positive", "Negative", "Neutral"))
        assert not (glad and lead <= 0) and not (angry and lead >= 0), row
        with_any += glad or angry or other
    assert 0.2 < with_any / SPLITS["train"] < 0.3


def test_label_lists_aspects_then_others():
    draft = Draft(labels={"SER&ACC": "Negative", "BATTERY": "Neutral"}, others=True)
    assert label(draft) == "{BATTERY#Neutral};{SER&ACC#Negative};{OTHERS};"


def test_a_story_does_not_change_within_a_review():
    draft, rng = Draft(), np.random.default_rng(0)
    draft.add(rng, "mình mua {m} ở {p}")
    draft.add(rng, "{m} với {t} {o}", t="pin", o="tốt")
    assert draft.fillers[0] == draft.fillers[2] and draft.fillers[3:] == ["pin", "tốt"]
    assert draft.sentences[1] == f"{draft.fillers[0]} với pin tốt"


def test_no_frame_but_the_shortest_comes_twice_in_a_review():
    rng = np.random.default_rng(1)
    for _ in range(300):
        draft = compose(rng, FRAMES["train"])
        clauses = [frame for frame in draft.frames if frame in FRAMES["train"].clause]
        assert len(clauses) == len(set(clauses))


def test_result_depends_on_the_seed_only(tmp_path):
    first, again, other = (_digests(_small(tmp_path / name, seed)) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    assert first == again and set(first) == {"train.csv", "val.csv", "test.csv", "demo_reviews.json"}
    assert not [name for name in first if first[name] == other[name]]


def test_complete_data_are_left_alone(tmp_path):
    before = {path: path.stat().st_mtime_ns for path in _small(tmp_path / "data").iterdir()}
    _small(tmp_path / "data")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "data").iterdir()} == before


def test_other_reviews_and_foreign_folders_are_not_overwritten(tmp_path):
    before = _digests(_small(tmp_path / "data"))
    with pytest.raises(UserError, match="remove it or name another folder"):
        _small(tmp_path / "data", seed=4)
    assert _digests(tmp_path / "data") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.csv").write_text("thesis")
    with pytest.raises(UserError, match="mine exists and is not the demo reviews"):
        _small(tmp_path / "mine")
    assert (tmp_path / "mine" / "train.csv").read_text() == "thesis"



@pytest.mark.parametrize("change", [dict(train=0), dict(val=-1), dict(test=50_001)])
def test_impossible_sizes_are_errors(tmp_path, change):
    with pytest.raises(UserError, match=rf"demo reviews, {next(iter(change))}: {next(iter(change.values()))} reviews"):
        generate_reviews(tmp_path / "data", size=ReviewSize(**change))
    assert list(tmp_path.iterdir()) == []


def test_negative_seed_is_an_error(tmp_path):
    with pytest.raises(UserError, match="-1"):
        generate_reviews(tmp_path / "data", seed=-1)
