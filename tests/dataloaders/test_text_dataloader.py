import logging
import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataloaders import build_loaders
from dataloaders.loader import BadSample
from dataloaders.order import Draw
from dataloaders.text_dataloader import Sample, collate_reviews, count_labels, load_tokenizer, oversampled, tokenize
from tests.small_reviews import ASPECTS, ROWS, configure, write_table
from utils.errors import UserError
from utils.structures import NO_POLARITY, NOT_MENTIONED, Labels

POSITIVE, NEGATIVE, NEUTRAL, NO = 0, 1, 2, NOT_MENTIONED
TARGETS = [[1, 0, NO, NO], [NO, 1, NO, NO], [2, NO, NO, NO], [NO, NO, NO_POLARITY, NO], [NO, 0, NO, 2],
           [NO, NO, NO, 0]]  # of ROWS[2:]


def build(root, flags="", labels=None):
    return build_loaders(configure(root, flags), root / "run", labels)


def test_targets_and_labels(tmp_path):
    loaders, labels = build(tmp_path)
    assert labels == Labels(["Positive", "Negative", "Neutral"], ASPECTS, ["OTHERS"], [4, 3, 2])
    batches = list(loaders["test"].epoch(0))
    assert torch.cat([batch.targets for batch in batches]).tolist() == TARGETS
    assert [name for batch in batches for name in batch.ids] == [str(row) for row in range(1, 7)]


def test_tokens_are_those_of_the_runs_tokenizer_and_padding_is_masked(tmp_path):
    loaders, _ = build(tmp_path)
    tokenizer = load_tokenizer(tmp_path / "run" / "tokenizer")
    batch = next(loaders["val"].epoch(0))
    for (text, _), tokens, mask in zip(ROWS, batch.tokens, batch.mask):
        ids = tokenizer(text)["input_ids"]
        assert tokens[: len(ids)].tolist() == ids and mask.tolist() == [1] * len(ids) + [0] * (len(mask) - len(ids))
        assert (tokens[len(ids) :] == tokenizer.pad_token_id).all()


def test_a_prefix_stands_before_every_review(tmp_path):
    config = configure(tmp_path)
    config = type(config)(data=config.data, train=config.train, loss=config.loss,
                          model=type(config.model)(encoder="tiny", vocab_size=300, prefix="query: "))
    loaders, _ = build_loaders(config, tmp_path / "run")
    tokenizer = load_tokenizer(tmp_path / "run" / "tokenizer")
    ids = tokenizer("query: Pin rất trâu")["input_ids"]
    assert next(loaders["val"].epoch(0)).tokens[0, : len(ids)].tolist() == ids


def test_a_long_review_is_cut_and_counted(tmp_path, caplog):
    config = configure(tmp_path, "--max-tokens 8")
    long = " ".join(["pin rất trâu camera đẹp"] * 4000)  # 20,000 words
    write_table(tmp_path / "val.csv", [(long, "{BATTERY#Positive};"), ("giá rẻ", "{PRICE#Positive};")])
    with caplog.at_level(logging.INFO, "camxuc"):
        loaders, _ = build_loaders(config, tmp_path / "run")
    batch = next(loaders["val"].epoch(0))
    tokenizer = load_tokenizer(tmp_path / "run" / "tokenizer")
    whole = tokenizer(long)["input_ids"]
    assert batch.tokens[0].tolist() == [*whole[:7], tokenizer.eos_token_id]
    assert batch.notes["truncated"] == 1 and len(batch) == 2 and batch.tokens.shape == (2, 8)
    said = next(record.message for record in caplog.records if record.message.startswith("val:"))
    assert f"the longest {len(whole)}; 1 of 2 are cut off at --max-tokens 8" in said


def test_blank_comments_are_left_out_and_named(tmp_path):
    config = configure(tmp_path)
    write_table(tmp_path / "train.csv", [*ROWS, ("", "{BATTERY#Positive};"), (" \t ", "{PRICE#Neutral};")])
    loaders, labels = build_loaders(config, tmp_path / "run")
    batches = list(loaders["train"].epoch(0))
    bad = sorted(bad for batch in batches for bad in batch.bad)
    assert bad == [("10", "a blank comment"), ("9", "a blank comment")]
    assert sum(map(len, batches)) == len(ROWS) and labels.counts == [4, 3, 2]


def test_training_is_shuffled_and_evaluation_is_as_listed(tmp_path):
    loaders, labels = build(tmp_path)
    epochs = [[name for batch in loaders["train"].epoch(e) for name in batch.ids] for e in (0, 1, 0)]
    assert epochs[0] == epochs[2] != epochs[1] and sorted(epochs[0]) == sorted(epochs[1])
    again, found = build(tmp_path, labels=labels)
    assert [name for batch in again["train"].epoch(0) for name in batch.ids] == [str(i) for i in range(1, 9)]
    assert found is labels


def test_no_more_workers_than_processors(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr("dataloaders.workers.local_world_size", lambda: 2)
    loaders, _ = build(tmp_path, "--num-workers 500")
    assert {loader._batches.loader.num_workers for loader in loaders.values()} == {1}


def test_oversampling_is_counted_in_the_labels(tmp_path):
    loaders, labels = build(tmp_path, "--oversample 1")
    drawn = [name for batch in loaders["train"].epoch(0) for name in batch.ids]
    # 4 positive, 3 negative, 2 neutral: 4/3 rounds to 1, 4/2 is 2, and rows 5 and 7 hold a neutral cell
    assert sorted(drawn) == ["1", "2", "3", "4", "5", "5", "6", "7", "7", "8"]
    assert labels.counts == [5, 3, 4] and loaders["train"].unit == "draws"
    assert build(tmp_path)[0]["train"].unit == "reviews"


ROW = st.tuples(st.lists(st.integers(-2, 2), min_size=3, max_size=3), st.booleans())


@given(st.lists(ROW, min_size=1, max_size=20), st.floats(0, 1))
def test_oversampled_by_hand(rows, power):
    """Blank rows count for nothing, even where they alone hold a sentiment."""
    targets, blank = np.array([row for row, _ in rows]), np.array([is_blank for _, is_blank in rows])
    counts = [max(sum(row.count(s) for row, is_blank in rows if not is_blank), 1) for s in range(3)]
    most = max(counts)
    expected = [1 if is_blank else round((most / min([counts[s] for s in row if s >= 0], default=most)) ** power)
                for row, is_blank in rows]
    assert oversampled(targets, blank, power).tolist() == expected


def test_one_more_class_counts_what_is_not_mentioned(tmp_path):
    _, labels = build(tmp_path, "--unmentioned class")
    assert labels.classes == ["Positive", "Negative", "Neutral", "not mentioned"] and labels.counts == [4, 3, 2, 22]
    targets = np.array([[0, NO], [NO_POLARITY, NO]])
    twice = count_labels(targets, np.zeros(2, bool), np.array([2, 1]), ["A", "B"], ["P"], True)
    assert twice == Labels(["P", "not mentioned"], ["A", "B"], ["B"], [2, 3])


@pytest.mark.parametrize("flags, warned", [("", False), ("--unmentioned class", True), ("--unmentioned neutral", True)])
def test_an_aspect_that_cannot_be_learned_is_named(tmp_path, caplog, flags, warned):
    build(tmp_path, flags)
    assert ("OTHERS: never has a sentiment, so with" in caplog.text) is warned


def test_a_share_is_held_out_for_validation(tmp_path):
    config = configure(tmp_path, "--val-annotation None --val-fraction 0.25")
    loaders, _ = build_loaders(config, tmp_path / "run")
    train, val = ({name for batch in loaders[split].epoch(0) for name in batch.ids} for split in ("train", "val"))
    assert len(val) == 2 and train | val == {str(i) for i in range(1, 9)} and not train & val
    again, _ = build_loaders(config, tmp_path / "other")
    assert {name for batch in again["val"].epoch(0) for name in batch.ids} == val


@pytest.mark.parametrize("flags, said", [
    ("--val-annotation None", "no validation reviews"),
    ("--val-annotation None --val-fraction 0.99", "--val-fraction 0.99: leaves none of 8 reviews to train on"),
    ("--train-annotation None", "--train-annotation is missing"),
    ("--train-annotation absent.csv", "--train-annotation absent.csv: no such file"),
    ("--dataset demo_reviews --root-dir None", "--root-dir is where its tables are written"),
])
def test_what_is_missing_is_named(tmp_path, flags, said):
    with pytest.raises(UserError, match=said):
        build(tmp_path, flags)


def test_other_aspects_than_the_networks_are_refused(tmp_path):
    config = configure(tmp_path)
    with pytest.raises(UserError, match="CAMERA"):
        build_loaders(config, tmp_path / "run",
                      Labels(["Positive", "Negative", "Neutral"], ["BATTERY", "PRICE", "OTHERS"]))


def test_a_wide_table_must_have_a_column_for_each_aspect_of_training(tmp_path):
    config = configure(tmp_path)
    (tmp_path / "train.csv").write_text("text,PIN,GIA\npin trâu,1,0\ngiá rẻ,0,1\npin yếu,2,3\n", encoding="utf-8")
    (tmp_path / "test.csv").write_text("text,PIN,GIA,LOA\npin trâu,1,0,2\n", encoding="utf-8")
    (tmp_path / "val.csv").write_text("text,PIN,GIA\npin trâu,1,0\n", encoding="utf-8")
    loaders, labels = build_loaders(config, tmp_path / "run")
    assert labels.aspects == ["PIN", "GIA"] and next(loaders["test"].epoch(0)).targets.tolist() == [[0, NO]]
    (tmp_path / "val.csv").write_text("text,PIN\npin trâu,1\n", encoding="utf-8")
    with pytest.raises(UserError, match="val.csv: no column for aspect 'GIA'"):
        build_loaders(config, tmp_path / "run")


def test_how_often_each_aspect_is_mentioned_is_said(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "camxuc"):
        build(tmp_path)
    assert "mention them: BATTERY 4, CAMERA 3, OTHERS 1, PRICE 2" in caplog.text


def test_a_split_of_blank_comments_does_not_end_in_a_traceback(tmp_path, caplog):
    config = configure(tmp_path)
    write_table(tmp_path / "val.csv", [("", "{BATTERY#Positive};"), (" ", "{PRICE#Positive};")])
    with caplog.at_level(logging.INFO, "camxuc"):
        loaders, _ = build_loaders(config, tmp_path / "run")
    assert "val: 2 reviews, all blank" in caplog.text and len(next(loaders["val"].epoch(0))) == 0


def test_a_card_that_names_the_benchmark_warns_in_training_and_again_in_evaluation(tmp_path, caplog):
    from transformers import XLMRobertaConfig

    build(tmp_path)
    folder = tmp_path / "run" / "tokenizer"
    XLMRobertaConfig(vocab_size=300).save_pretrained(folder)
    (folder / "README.md").write_text("Tuned on UIT-ViSFD.")
    config = configure(tmp_path, f"--encoder {folder} --benchmark UIT-ViSFD")
    for labels in (None, Labels(["Positive", "Negative", "Neutral"], ASPECTS, ["OTHERS"])):
        caplog.clear()
        build_loaders(config, tmp_path / "other", labels)
        assert "names UIT-ViSFD" in caplog.text


def test_a_trained_runs_tokenizer_is_kept(tmp_path):
    """Whatever the training table holds by then."""
    build(tmp_path)
    before = (tmp_path / "run" / "tokenizer" / "tokenizer.json").read_text()
    (tmp_path / "run" / "checkpoints").mkdir()
    (tmp_path / "run" / "checkpoints" / "last.pt").touch()
    config = configure(tmp_path)
    write_table(tmp_path / "train.csv", [*ROWS, ("màn hình quá ư là xấu", "{CAMERA#Negative};")] * 3)
    build_loaders(config, tmp_path / "run")
    assert (tmp_path / "run" / "tokenizer" / "tokenizer.json").read_text() == before
    build_loaders(config, tmp_path / "new")
    assert (tmp_path / "new" / "tokenizer" / "tokenizer.json").read_text() != before


def test_tokenizer_ids_that_do_not_fit_are_refused(tmp_path):
    from transformers import XLMRobertaConfig

    loaders, _ = build(tmp_path)
    folder = tmp_path / "run" / "tokenizer"
    XLMRobertaConfig(vocab_size=50).save_pretrained(folder)
    with pytest.raises(UserError, match="50"):
        build_loaders(configure(tmp_path, f"--encoder {folder}"), tmp_path / "other")


def test_a_batch_of_bad_samples_is_empty():
    batch = collate_reviews([BadSample("3", "why")], padding=1)
    assert len(batch) == 0 and batch.bad == [("3", "why")] and batch.tokens.shape == (0, 0)


@pytest.mark.parametrize("lengths, width", [((3, 2), 8), ((8, 1), 8), ((9, 2), 16)])
def test_collate_pads_to_the_longest_and_on_to_a_multiple_of_8(lengths, width):
    samples = [Sample(name, np.array([0, -2]), list(range(10, 10 + n))) for name, n in zip("ab", lengths)]
    batch = collate_reviews(samples, padding=9)
    assert batch.tokens.tolist() == [[*range(10, 10 + n), *[9] * (width - n)] for n in lengths]
    assert batch.mask.tolist() == [[1] * n + [0] * (width - n) for n in lengths]
    assert batch.targets.tolist() == [[0, -2]] * 2 and batch.targets.dtype == torch.int64


def test_an_example_is_the_text(tmp_path):
    loaders, _ = build(tmp_path)
    assert loaders["val"].examples({"2", "4", "unknown"}) == {"2": ROWS[1][0], "4": ROWS[3][0]}
    assert isinstance(loaders["val"].dataset[Draw(0, 0, 0)], Sample)


def test_nothing_to_tokenize(tmp_path):
    build(tmp_path)
    ids, lengths = tokenize(load_tokenizer(tmp_path / "run" / "tokenizer"), [], "", 8)
    assert ids == [] and lengths.tolist() == []
