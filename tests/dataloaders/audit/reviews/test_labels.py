"""Faults of labels: each is found, named and counted, without a loader or a tokenizer."""

import random
import re

import pytest

from dataloaders.audit.reviews.fit import audit_fit
from dataloaders.audit.reviews.labels import audit_labels
from dataloaders.audit.reviews.polarity import audit_polarity
from tests.dataloaders.audit.reviews.drawn import ASPECTS, SENTIMENTS, THINGS, TRAIN, VAL, by_name, dataset_of, drawn


def found(train=TRAIN, val=VAL):
    datasets = {"train": dataset_of(train), "val": dataset_of(val)}
    return by_name([finding for audit in (audit_fit, audit_labels) for finding in audit(datasets, ASPECTS, SENTIMENTS)]
                   + audit_polarity(datasets, dict.fromkeys(datasets, Stars()), ASPECTS, SENTIMENTS))


class Stars:
    """A table with a column of stars."""

    header = ["n_star"]

    def __init__(self, stars=()):
        self.stars = stars

    def column(self, index):
        return self.stars


def of_labels(change, rows):
    return [(text, change(label)) for text, label in rows]


def swapped(first: str, second: str):
    return lambda label: label.replace(first, "@").replace(second, first).replace("@", second)


def test_clean():
    assert set(found()) == {"labels"}


def test_labels_a_row_too_low():
    rows = [(text, label) for (text, _), (_, label) in zip(TRAIN[1:], TRAIN)]
    finding = found(rows)["labels-not-of-texts"]
    assert finding.level == "error" and finding.text.startswith("train: the mentions do not go with the texts")
    assert finding.count == len(THINGS)


def test_labels_shuffled_in_validation_alone():
    labels = random.Random(0).sample([label for _, label in VAL], len(VAL))
    findings = found(val=[(text, label) for (text, _), label in zip(VAL, labels)])
    assert findings["labels-not-of-texts"].text.startswith("val: ") and "part-not-of-texts" not in findings


def test_sentiments_shuffled_alone():
    stream = random.Random(0)
    rows = of_labels(lambda label: re.sub("#\\w+", lambda _: "#" + stream.choice(SENTIMENTS), label), TRAIN)
    assert found(rows)["labels-not-of-texts"].text.startswith("train: the sentiments do not go")


def test_labels_shifted_from_a_row_on():
    rows = drawn(3000, 2)
    late = [(text, label) for (text, _), (_, label) in zip(rows[2101:], rows[2100:])]
    finding = found(rows[:2100] + late)["part-not-of-texts"]
    assert finding.count == 999 and finding.example == "rows 2001 to 2999" and finding.level == "error"  # a third


def test_two_aspects_swapped_in_one_split():
    val = of_labels(swapped("CAMERA", "PRICE"), drawn(400, 3))
    finding = found(val=val)["column-not-of-texts"]
    assert finding.level == "error" and finding.text.startswith("val: 2 columns")
    assert finding.example.startswith("CAMERA (AUC 0.") and ", PRICE (AUC 0." in finding.example


@pytest.mark.parametrize("first, second, name", [
    ("#Positive", "#Negative", "sentiments-reversed"), ("#Negative", "#Neutral", "negative-is-another"),
    ("CAMERA#Positive", "CAMERA#Negative", "sentiments-reversed")])
def test_sentiments_swapped_everywhere(first, second, name):
    change = swapped(first, second)
    findings = found(of_labels(change, TRAIN), of_labels(change, VAL))
    assert findings[name].level == "error" and findings[name].text.startswith("train: ")
    assert ("CAMERA" in first) == (findings[name].example == "CAMERA")


def test_not_mentioned_filled_in_as_neutral():
    def filled(label):
        return label + "".join(f"{{{name}#Neutral}};" for name in THINGS if name not in label)
    finding = found(of_labels(filled, TRAIN), of_labels(filled, VAL))["unmentioned-as-neutral"]
    assert finding.level == "warning" and finding.count == 4 and "BATTERY (" in finding.example


def test_an_aspect_and_a_sentiment_that_a_split_lacks():
    val = of_labels(lambda label: re.sub(r"\{CAMERA#\w+\};", "", label.replace("Neutral", "Negative")), VAL)
    findings = found(val=val)
    assert findings["aspect-absent"].example == "CAMERA" and findings["aspect-absent"].text.startswith("val: ")
    assert findings["sentiment-absent"].example == "Neutral"
    assert "CAMERA mentioned" in findings["labels-unlike"].example


def test_labels_that_end_in_mid_table_or_repeat():
    lost = [*TRAIN[:800], *((text, "") for text, _ in TRAIN[800:])]
    assert found(lost)["labels-missing"].example == "rows 801 to 900"
    same = [*TRAIN[:400], *((text, "{PRICE#Positive};") for text, _ in TRAIN[400:500]), *TRAIN[500:]]
    finding = found(same)["labels-repeated"]
    assert 100 <= finding.count <= 103 and "to 50" in finding.example


def test_two_spellings_of_an_aspect():
    dataset = dataset_of(TRAIN)
    findings = audit_labels({"train": dataset}, ["BATTERY", "BATERY", "ROOMS#PRICE", "FOOD#PRICE"], SENTIMENTS)
    counts = [(dataset.targets[:, column] != -1).sum() for column in (0, 1)]
    assert by_name(findings)["aspects-alike"].example == "BATTERY ({}) and BATERY ({})".format(*counts)


@pytest.mark.parametrize("sign, name", [(1, None), (-1, "sentiments-against-stars"), (0, "stars-unrelated")])
def test_stars(sign, name):
    dataset, stream = dataset_of(TRAIN), random.Random(0)
    balance = [(row == 0).sum() - (row == 1).sum() for row in dataset.targets]
    stars = [str(3 + sign * b if sign else stream.randint(1, 5)) for b in balance]
    findings = audit_polarity({"train": dataset}, {"train": Stars(stars)}, ASPECTS, SENTIMENTS)
    assert [(finding.name, finding.count) for finding in findings] == ([(name, len(TRAIN))] if name else [])


def test_labels_of_some_training_rows_shuffled():
    stream = random.Random(0)
    places = stream.sample(range(900), 300)
    labels = dict(zip(places, stream.sample([TRAIN[place][1] for place in places], 300)))
    finding = found([(text, labels.get(place, label)) for place, (text, label) in enumerate(TRAIN)],
                    drawn(600, 4))["labels-noisier"]
    assert finding.level == "warning" and finding.text.startswith("train: a simple reader finds its mentions")


def test_reviews_without_labels_in_one_split():
    stream = random.Random(0)
    finding = found([(text, "" if stream.random() < 0.1 else label) for text, label in TRAIN])["unlabelled"]
    assert 60 < finding.count < 120 and finding.text.startswith("train: ")
