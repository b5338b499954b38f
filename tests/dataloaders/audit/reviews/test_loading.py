"""Faults of the code between table and batch: loaders are spoiled by hand, and the audit must see it."""

import types
import unicodedata

import numpy as np
import pytest
import torch

from dataloaders import build_loaders
from dataloaders.audit import audit
from dataloaders.audit.reviews.loading import _not_shuffled
from dataloaders.audit.reviews.tokens import audit_tokenizer
from dataloaders.loader import Loader
from dataloaders.order import Order
from dataloaders.tokenizer import train_tokenizer
from tests.dataloaders.audit.reviews.drawn import by_name, drawn, tables
from tests.faults.line import replace_line
from utils.recipe import load_config
from utils.structures import Labels


@pytest.fixture
def found(tmp_path):
    """What is found after `spoil` has had the loaders, labels and flags."""
    def audited(spoil, flags: str = "", full: bool = False):
        config = load_config(str(tables(tmp_path, drawn(120, 0), drawn(40, 1))), flags.split())
        loaders, labels = build_loaders(config, tmp_path / "run")
        labels = spoil(loaders) or labels
        return by_name(audit(config, loaders, labels, full))
    return audited


def data(change):
    """Spoils the training reviews."""
    return lambda loaders: change(loaders["train"].dataset)


def collated(change):
    """Spoils the batches of training."""
    def spoil(loaders):
        loader, own = loaders["train"], Loader.epoch

        def epoch(self, number, start=0):
            for batch in own(self, number, start):
                change(batch)
                yield batch
        loader.epoch = types.MethodType(epoch, loader)
    return spoil


def put(rows, column, value):
    def change(dataset):
        dataset.targets = dataset.targets.copy()
        dataset.targets[rows, column] = value
    return change


def retokenized(change):
    def spoil(dataset):
        texts = [change(review.text) for review in dataset.reviews]
        dataset.tokens = [row for row in dataset.tokenizer(texts)["input_ids"]]
        dataset.lengths = np.array([len(row) for row in dataset.tokens])
    return spoil


def rolled(dataset):
    dataset.tokens = dataset.tokens[1:] + dataset.tokens[:1]
    dataset.lengths = np.roll(dataset.lengths, -1)


def cut(dataset):
    dataset.tokens = [row if len(row) < 20 else [*row[:15], row[-1]] for row in dataset.tokens]


def bare(dataset):
    dataset.tokens = [row[1:-1] for row in dataset.tokens]


def without(dataset):
    dataset.tokens[6] = [5000, *dataset.tokens[6][1:]]


def retold(change):
    def spoil(dataset):
        dataset.reviews = [type(r)(r.id, change(r.text), r.labels) for r in dataset.reviews]
    return spoil


def renumbered(dataset):
    dataset.reviews = [type(r)(str(int(r.id) + 1), r.text, r.labels) for r in dataset.reviews]
    dataset.ids = [review.id for review in dataset.reviews]


@pytest.mark.parametrize("spoil, name, count, example", [
    (data(put([3, 5], 1, 7)), "label-not-of-file", 2, "row 4: CAMERA is "),
    (data(rolled), "tokens-other", 120, "row 1: "),
    (data(cut), "tokens-other", None, "row "),
    (data(bare), "special-missing", 120, "row 1: "),
    (data(without), "token-of-no-row", 1, "row 7: "),
    (data(retokenized(lambda text: text[:5])), "tokens-other", 120, "row 1: "),
    (data(retokenized(lambda text: text.replace("â", "a").replace("ạ", "a"))), "tokens-accents", None, "row "),
    (data(retold(str.lower)), "text-not-of-file", 120, "row 1: "),
    (data(renumbered), "rows-unknown", 1, "row 121"),
    (data(renumbered), "rows-lost", 1, "row 1"),
    (data(lambda dataset: dataset.blank.fill(True)), "blank-wrong", 120, "1, 2, 3"),
    (data(lambda dataset: dataset.ids.reverse()), "ids-not-of-reviews", 1, ""),
    (lambda loaders: Labels(["Positive", "Negative", "Neutral"], ["BATTERY", "CAMERA", "PRICE", "SCREEN"], [],
                            [1, 2, 3]), "counts-wrong", 1, ""),
    (lambda loaders: Labels(["Positive", "Negative", "Neutral"], ["BATTERY", "CAMERA", "PRICE", "SCREEN"], ["PRICE"],
                            [1, 2, 3]), "unrated-wrong", 1, "PRICE"),
    (collated(lambda batch: batch.targets.copy_(batch.targets.flip(0))), "row-label", None, "row "),
    (collated(lambda batch: batch.tokens.copy_(batch.tokens.flip(0))), "row-tokens", None, "row "),
    (collated(lambda batch: batch.mask.fill_(1)), "row-mask", None, "row "),
    (collated(lambda batch: batch.tokens.masked_fill_(batch.mask == 0, 0)), "row-padding", None, "row "),
    (collated(lambda batch: batch.notes.update(truncated=1)), "cut-miscounted", 1, ""),
])
def test_what_the_reader_or_the_loader_may_spoil(found, spoil, name, count, example):
    finding = found(spoil)[name]
    assert finding.level == ("warning" if name in ("cut-miscounted", "tokens-accents") else "error") and finding.remedy
    assert finding.example.startswith(example) and (finding.count == count if count else finding.count > 20)


def test_a_tokenizer_of_our_own_that_loses_case(found, monkeypatch):
    replace_line(train_tokenizer, "[normalizers.NFKC(), ", "[normalizers.NFKC(), normalizers.Lowercase(), ",
                 monkeypatch)
    finding = found(lambda loaders: None)["tokens-own-case"]
    assert finding.level == "error" and finding.count == 120


def test_texts_not_composed(found):
    finding = found(data(retold(lambda text: unicodedata.normalize("NFD", text))))["text-not-composed"]
    assert finding.count > 110 and finding.level == "error"


@pytest.mark.parametrize("change, name, said", [
    (lambda order: setattr(order, "shuffle", False), "not-shuffled", "the order is the same"),
    (lambda order: setattr(order, "visits", np.delete(order.visits, 4)), "visits-wrong", "of 1 of 120"),
    (lambda order: setattr(order, "batch_size", 15), "batches-odd", "--batch-size 16"),
])
def test_an_order_that_is_off(found, change, name, said):
    finding = found(lambda loaders: change(loaders["train"].order))[name]
    assert finding.level == "error" and (said in finding.text or name == "visits-wrong")
    assert name != "visits-wrong" or finding.example == "row 5: 0 times, not 1"


def test_batches_that_come_by_length():
    size = 640
    order = Order(size, 16, 0, True, lengths=np.random.default_rng(0).integers(3, 90, size))
    batches = [[draw.index for draw in batch] for batch in order.batches(0)]
    later = [[draw.index for draw in batch] for batch in order.batches(1)]
    by_length = [sorted(b, key=lambda batch: order.lengths[batch].mean()) for b in (batches, later)]
    flat = [np.concatenate(epoch) for epoch in (batches, later)]
    assert _not_shuffled([batches, later], *flat, order.lengths) == []
    finding, = _not_shuffled(by_length, *map(np.concatenate, by_length), order.lengths)
    assert finding.name == "not-shuffled" and "by length" in finding.text


def test_a_loader_stuck_in_its_first_epoch(found):
    def spoil(loaders):
        loader, own = loaders["train"], Loader.epoch
        loader.epoch = lambda number, start=0: own(loader, 0, start)
    assert found(spoil)["batch-lost"].level == "error"


def test_validation_in_another_order(found):
    finding = found(lambda loaders: setattr(loaders["val"].order, "shuffle", True))["not-as-listed"]
    assert finding.level == "warning" and finding.text.startswith("val: ")


def test_oversampling_is_counted_anew(found):
    def spoil(loaders):
        order = loaders["train"].order
        order.visits = np.arange(120)
    finding = found(spoil, "--oversample 1")["visits-wrong"]
    assert " times, not " in finding.example and 20 < finding.count < 120


def test_a_batch_that_does_not_come(found):
    def spoil(loaders):
        loader, own = loaders["val"], Loader.epoch
        loader.epoch = lambda number, start=0: own(loader, number, 1)
    finding = found(spoil)["batch-lost"]
    assert finding.count == 16 and finding.example == "row 1, row 2, row 3"


@pytest.mark.parametrize("prefix", ["", "OppoOppo"])
def test_a_prefix_that_is_missing_or_doubled(found, prefix):
    finding = found(data(retokenized(lambda text: prefix + text)), "--prefix Oppo")["tokens-prefix"]
    assert finding.count > 110 and finding.level == "error"


def test_the_draws_of_training_stay_the_same(tmp_path):
    config = load_config(str(tables(tmp_path, drawn(120, 0), drawn(40, 1))), [])
    loaders, labels = build_loaders(config, tmp_path / "run")
    state = torch.get_rng_state()
    audit(config, loaders, labels)
    assert torch.equal(torch.get_rng_state(), state)


def test_an_encoders_own_settings(tmp_path, found):
    kept = {}
    found(lambda loaders: kept.update(tokenizer=loaders["train"].dataset.tokenizer))
    folder, tokenizer = tmp_path / "e5", kept["tokenizer"]
    folder.mkdir()
    assert [finding.name for finding in audit_tokenizer(str(folder), "", tokenizer)] == ["prefix-empty"]
    assert audit_tokenizer(str(folder), "query: ", tokenizer) == []
    (folder / "config.json").write_text('{"pad_token_id": 0, "vocab_size": 15004}')
    findings = by_name(audit_tokenizer(str(folder), "query: ", tokenizer))
    assert set(findings) == {"padding-wrong", "vocabulary-small", "visobert-ids"}
    assert "token 0 as padding, the tokenizer pads with 1" in findings["padding-wrong"].text
