"""Faults in the tables: each is found, named and counted, and clean tables have none."""

import csv
import random
import re
import unicodedata
from pathlib import Path

import pytest

from dataloaders import build_loaders
from dataloaders.audit import audit
from tests.dataloaders.audit.drawn_reviews import FILLERS, THINGS, TRAIN, VAL, drawn, found, loud, tables
from tests.small_reviews import configure
from utils.recipe import load_config

VISFD = Path(__file__).parents[3].parent / "shared" / "data" / "uit-visfd"


def of_texts(change, rows):
    return [(change(text), label) for text, label in rows]


def of_labels(change, rows):
    return [(text, change(label)) for text, label in rows]


def swapped(first: str, second: str):
    return lambda label: label.replace(first, "@").replace(second, first).replace("@", second)


def stripped(text: str) -> str:
    letters = unicodedata.normalize("NFD", text).replace("đ", "d")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


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


def test_labels_a_row_too_low(tmp_path):
    rows = [(text, label) for (text, _), (_, label) in zip(TRAIN[1:], TRAIN)]
    finding = found(tmp_path, rows)["labels-not-of-texts"]
    assert finding.level == "error" and finding.text.startswith("train: the mentions do not go with the texts")
    assert finding.count == len(THINGS)


def test_labels_shuffled_in_validation_alone(tmp_path):
    labels = random.Random(0).sample([label for _, label in VAL], len(VAL))
    findings = found(tmp_path, val=[(text, label) for (text, _), label in zip(VAL, labels)])
    assert findings["labels-not-of-texts"].text.startswith("val: ") and "part-not-of-texts" not in findings


def test_sentiments_shuffled_alone(tmp_path):
    stream = random.Random(0)
    rows = of_labels(lambda label: re.sub("#\\w+", lambda _: "#" + stream.choice(["Positive", "Negative"]), label), TRAIN)
    assert found(tmp_path, rows)["labels-not-of-texts"].text.startswith("train: the sentiments do not go")


def test_labels_shifted_from_a_row_on(tmp_path):
    rows = drawn(3000, 2)
    late = [(text, label) for (text, _), (_, label) in zip(rows[2101:], rows[2100:])]
    finding = found(tmp_path, rows[:2100] + late)["part-not-of-texts"]
    assert finding.count == 899 and finding.example.endswith("to 2999") and finding.level == "error"
    assert 2095 < int(finding.example.split()[1]) < 2105


def test_two_aspects_swapped_in_one_split(tmp_path):
    val = of_labels(swapped("CAMERA", "PRICE"), drawn(400, 3))
    finding = found(tmp_path, val=val)["column-not-of-texts"]
    assert finding.level == "error" and finding.text.startswith("val: 2 columns")
    assert finding.example.startswith("CAMERA (AUC 0.") and ", PRICE (AUC 0." in finding.example


@pytest.mark.parametrize("first, second, name", [
    ("#Positive", "#Negative", "sentiments-reversed"), ("#Negative", "#Neutral", "negative-is-another"),
    ("CAMERA#Positive", "CAMERA#Negative", "sentiments-reversed")])
def test_sentiments_swapped_everywhere(tmp_path, first, second, name):
    change = swapped(first, second)
    findings = found(tmp_path, of_labels(change, TRAIN), of_labels(change, VAL))
    assert findings[name].level == "error" and findings[name].text.startswith("train: ")
    assert ("CAMERA" in first) == (findings[name].example == "CAMERA")


def test_not_mentioned_filled_in_as_neutral(tmp_path):
    def filled(label):
        return label + "".join(f"{{{name}#Neutral}};" for name in THINGS if name not in label)
    finding = found(tmp_path, of_labels(filled, TRAIN), of_labels(filled, VAL))["unmentioned-as-neutral"]
    assert finding.level == "warning" and finding.count == 4 and "BATTERY (" in finding.example


def test_an_aspect_and_a_sentiment_that_a_split_lacks(tmp_path):
    val = of_labels(lambda label: re.sub(r"\{CAMERA#\w+\};", "", label.replace("Neutral", "Negative")), VAL)
    findings = found(tmp_path, val=val)
    assert findings["aspect-absent"].example == "CAMERA" and findings["aspect-absent"].text.startswith("val: ")
    assert findings["sentiment-absent"].example == "Neutral"
    assert "CAMERA mentioned" in findings["labels-unlike"].example


def test_labels_that_end_in_mid_table_or_repeat(tmp_path):
    lost = [*TRAIN[:800], *((text, "") for text, _ in TRAIN[800:])]
    assert found(tmp_path, lost)["labels-missing"].example == "rows 801 to 900"
    same = [*TRAIN[:400], *((text, "{PRICE#Positive};") for text, _ in TRAIN[400:500]), *TRAIN[500:]]
    finding = found(tmp_path, same)["labels-repeated"]
    assert 100 <= finding.count <= 103 and "to 50" in finding.example


def test_two_spellings_of_an_aspect(tmp_path):
    rows = of_labels(lambda label: label.replace("CAMERA", "CAMERRA"), TRAIN[:200]) + TRAIN[200:]
    finding = found(tmp_path, rows)["aspects-alike"]
    assert re.fullmatch(r"CAMERA \(\d+\) and CAMERRA \(\d+\)", finding.example)


@pytest.mark.parametrize("change, name, level, splits", [
    (lambda text: text.encode().decode("latin-1"), "mojibake", "error", 2),
    (lambda text: text.encode("latin-1", "replace").decode("latin-1"), "letters-lost", "warning", 2),
    (lambda text: f"<p>{text}</p>", "html", "warning", 2),
    (lambda text: text.replace(" ", "\u200b "), "hidden-characters", "warning", 2),
    (lambda text: text.replace("a", "а"), "foreign-letters", "warning", 2),
    (lambda text: text[:50], "cut-texts", "warning", 2),
    (lambda text: "Đánh giá sản phẩm: " + text, "same-words", "warning", 2),
    (lambda text: text + " không đọc thêm", "same-words", "warning", 2),
    (lambda text: "máy tốt lắm nhé", "same-text", "error", 2),
    (lambda text: str(len(text)), "no-text", "error", 2),
    (lambda text: text.replace(" ", ""), "splits-unlike", "warning", 1),
    (stripped, "splits-unlike", "warning", 1),
    (str.upper, "splits-unlike", "warning", 1),
    (lambda text: re.sub(r"[^\w\s]", "", text), "splits-unlike", "warning", 1),
    (lambda text: " ".join(text.split()[:4]), "splits-unlike", "warning", 1),
])
def test_texts_that_have_suffered(tmp_path, change, name, level, splits):
    train = of_texts(change, TRAIN) if splits == 2 else TRAIN
    flags = "--text-column comment"
    finding = found(tmp_path, train, of_texts(change, VAL), flags)[name]
    assert finding.level == level and finding.remedy
    assert finding.count > 0.6 * len(TRAIN) if splits == 2 else finding.text.startswith("val is not written as train")


def test_a_few_damaged_texts_are_named(tmp_path):
    rows = list(TRAIN)
    rows[4] = ("Ä‘iện thoại tốt", rows[4][1])
    rows[7] = (f"{rows[7][0]}\n8,pin tốt,5,hôm qua,{{BATTERY#Positive}};", rows[7][1])
    rows[9] = (" ", rows[9][1])
    findings = found(tmp_path, rows)
    assert findings["mojibake"].count == 1 and findings["mojibake"].example.startswith("row 5: ")
    assert findings["label-in-text"].count == 1 and findings["label-in-text"].example.startswith("row 8: ")
    assert "blank-reviews" not in findings  # one in 900
    blank = [*TRAIN[:880], *((" ", label) for _, label in TRAIN[880:])]
    assert found(tmp_path, blank)["blank-reviews"].count == 20


def test_accents_lost_everywhere(tmp_path):
    finding = found(tmp_path, of_texts(stripped, TRAIN), of_texts(stripped, VAL))["accents-lost"]
    assert finding.level == "warning" and finding.count > 100


def test_twins(tmp_path):
    again = [(text.upper().replace(",", " ;"), label) for text, label in TRAIN[:200]]
    finding = found(tmp_path, TRAIN + again)["twins"]
    assert (finding.level, finding.count) == ("warning", 200) and "rows 1 and 901: " in finding.example
    few = found(tmp_path, TRAIN + again[:5])
    assert (few["twins"].level, few["twins"].count) == ("note", 5)
    others = [(text, label) for (text, _), (_, label) in zip(TRAIN[:60], TRAIN[60:])]
    finding = found(tmp_path, TRAIN + others)["twins-disagree"]
    assert finding.level == "warning" and 50 < finding.count <= 60


@pytest.mark.parametrize("shared, level", [(2, "note"), (20, "warning"), (60, "error")])
def test_reviews_in_two_splits(tmp_path, shared, level):
    finding = found(tmp_path, val=[*VAL[shared:], *TRAIN[10:10 + shared]])["splits-overlap"]
    assert (finding.level, finding.count) == (level, shared)
    assert finding.example.startswith(f"row {len(VAL) - shared + 1} is row 11")


def test_nearly_the_same_review_in_two_splits(tmp_path):
    near = [(" ".join(text.split()[2:]) + " nhé", label) for text, label in TRAIN[:50]]
    finding = found(tmp_path, val=[*VAL, *near])["splits-overlap-nearly"]
    assert finding.level == "warning" and 40 < finding.count <= 50 and finding.example.startswith("row 201")


def test_one_table_for_two_splits(tmp_path):
    findings = found(tmp_path, flags="--val-annotation train.csv")
    assert "the same table" in findings["splits-overlap"].text and findings["splits-overlap"].count == len(TRAIN)
    assert "rows-twice" not in findings


def test_a_word_that_gives_the_label_away(tmp_path):
    rows = [(f"{text} zqx" if "CAMERA" in label else text, label) for text, label in TRAIN]
    finding = found(tmp_path, rows)["giveaway"]
    assert finding.example == "'zqx' tells CAMERA" and finding.level == "warning"


def test_cut_off_at_max_tokens(tmp_path):
    finding = found(tmp_path, flags="--max-tokens 16")["cut-off"]
    assert finding.level == "warning" and finding.count > 600 and "give --max-tokens" in finding.remedy


def test_another_language_than_the_tokenizers(tmp_path):
    val = of_texts(lambda text: "".join(chr(0x4E00 + ord(letter)) for letter in text), VAL)
    finding = found(tmp_path, val=val)["unknown-tokens"]
    assert finding.level == "error" and finding.text.startswith("val: ")
    assert not {"unknown-tokens", "tokens-a-word"} & found(tmp_path).keys() and FILLERS
