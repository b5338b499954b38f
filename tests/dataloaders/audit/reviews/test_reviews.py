"""Faults in the tables: each is found, named and counted, and clean tables have none."""

import csv
import re
from pathlib import Path

import pytest

from dataloaders import build_loaders
from dataloaders.audit import audit
from tests.dataloaders.audit.reviews.drawn import THINGS, TRAIN, VAL, found, loud, tables
from tests.small_reviews import configure
from utils.recipe import load_config

VISFD = Path(__file__).parents[3].parent / "shared" / "data" / "uit-visfd"


def of_texts(change, rows):
    return [(change(text), label) for text, label in rows]


@pytest.mark.parametrize("flags", ["", "--oversample 0.5", "--unmentioned class", "--unmentioned neutral"])
def test_clean(tmp_path, flags):
    assert loud(found(tmp_path, flags=flags, full=True)) == {}


def test_clean_where_validation_is_held_out(tmp_path):
    config = load_config(str(tables(tmp_path, TRAIN, VAL)), ["--val-annotation", "None", "--val-fraction", "0.2"])
    loaders, labels = build_loaders(config, tmp_path / "run")
    assert {finding.level for finding in audit(config, loaders, labels)} == {"note"}


def test_a_wide_table_of_codes_and_words_is_clean(tmp_path):
    config = load_config(str(tables(tmp_path, TRAIN, VAL)), [])
    for split, rows in (("train", TRAIN), ("val", VAL)):
        with (tmp_path / f"{split}.csv").open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(["text", *THINGS])
            for number, (text, label) in enumerate(rows):
                said = dict(re.findall(r"\{(\w+)#(\w+)\}", label))
                code = {"Positive": "1", "Negative": "2.0", "Neutral": "Trung tính" if number % 2 else "3", None: "0"}
                writer.writerow([text, *(code[said.get(aspect)] for aspect in THINGS)])
    loaders, labels = build_loaders(config, tmp_path / "run")
    findings = audit(config, loaders, labels)
    assert [finding for finding in findings if finding.level != "note"] == []


def test_eight_reviews_give_no_error(tmp_path):
    config = configure(tmp_path)
    loaders, labels = build_loaders(config, tmp_path / "run")
    assert {finding.name for finding in audit(config, loaders, labels) if finding.level == "error"} == set()


@pytest.mark.skipif(not VISFD.is_dir(), reason="UIT-ViSFD is not here")
def test_uit_visfd_is_clean(tmp_path):
    config = load_config("visfd", ["--root-dir", str(VISFD), "--test-annotation", "None", "--encoder", "tiny"])
    loaders, labels = build_loaders(config, tmp_path)
    findings = {finding.name: finding for finding in audit(config, loaders, labels)}
    assert {finding.level for finding in findings.values()} == {"note"}
    assert findings["splits-overlap"].count == 3
    assert "57% Positive, 31% Negative, 12% Neutral" in findings["labels"].text


def test_one_table_for_two_splits(tmp_path):
    findings = found(tmp_path, flags="--val-annotation train.csv")
    assert "the same table" in findings["splits-overlap"].text and findings["splits-overlap"].count == len(TRAIN)
    assert "rows-twice" not in findings


def test_cut_off_at_max_tokens(tmp_path):
    finding = found(tmp_path, flags="--max-tokens 16")["cut-off"]
    assert finding.level == "warning" and finding.count > 600 and "give --max-tokens" in finding.remedy


def test_another_language_than_the_tokenizers(tmp_path):
    val = of_texts(lambda text: "".join(chr(0x4E00 + ord(letter)) for letter in text), VAL)
    finding = found(tmp_path, val=val)["unknown-tokens"]
    assert finding.level == "error" and finding.text.startswith("val: ")
    assert not {"unknown-tokens", "tokens-a-word"} & found(tmp_path).keys()
