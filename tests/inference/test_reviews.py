import csv
from dataclasses import replace

import pytest
import torch

from inference import load_run
from tests.small_reviews import ROWS
from utils.errors import UserError

LONG = "pin rất trâu " * 300


@pytest.fixture(scope="module")
def reader(review_run):
    return load_run(review_run, "cpu")


@pytest.fixture(scope="module")
def found(reader):
    """What is said of each training review, of which some aspects are mentioned."""
    found = dict(zip((text for text, _ in ROWS), reader.predict([text for text, _ in ROWS])))
    assert sum(map(len, found.values())) > 5
    return found


def test_it_says_what_the_run_scored(review_run, reader):
    with (review_run / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test" and row["predicted"]]
    said = {(str(number), answer["aspect"]): answer for number, answers in
            enumerate(reader.predict([text for text, _ in ROWS[2:]]), start=1) for answer in answers}
    assert said.keys() == {(row["review"], row["aspect"]) for row in rows}
    for row in rows:
        answer = said[row["review"], row["aspect"]]
        assert answer["mentioned"] == pytest.approx(float(row["p_mentioned"]), abs=1e-3)
        assert answer.get("sentiment", "mentioned") == row["predicted"]
        assert "sentiment" not in answer or answer["probability"] == pytest.approx(
            float(row[f"p_{row['predicted']}"]), abs=1e-3)


def test_one_review_or_many_in_batches_of_any_size(reader, found):
    texts = list(found)
    assert reader.predict(texts[0]) == found[texts[0]] and reader.predict([]) == []
    assert reader.predict(["", texts[0], "  "]) == [[], found[texts[0]], []] and reader.predict(" ") == []
    for answers, expected in zip(reader.predict(texts, batch_size=3), found.values()):
        assert [answer["aspect"] for answer in answers] == [answer["aspect"] for answer in expected]
        sure = [[answer["mentioned"] for answer in of] for of in (answers, expected)]
        assert sure[0] == pytest.approx(sure[1], abs=2e-4)


def test_notes_and_rows_come_in_order(reader, found):
    text = ROWS[0][0]
    rows = list(reader.read(iter([(3, text), (4, ""), (9, LONG)]), 2))
    assert [(row, said, note) for row, said, _, note in rows] == [(3, text, ""), (4, "", "blank"), (9, LONG, "cut off")]
    assert rows[0][2] == found[text] and rows[1][2] == []


def test_rows_are_read_only_as_they_are_needed(reader):
    """A file of any length: after six answers, no more than two batches have been taken."""
    taken = []

    def endless():
        for number in range(1, 10**9):
            taken.append(number)
            yield number, "pin rất trâu"

    answers = reader.read(endless(), batch_size=4)
    assert [next(answers)[0] for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert len(taken) == 8


def test_the_prefix_of_the_run_is_put_before_every_review(review_run, found):
    prefixed, plain = load_run(review_run, "cpu"), load_run(review_run, "cpu")
    prefixed.config = replace(prefixed.config, model=replace(prefixed.config.model, prefix="giá rẻ "))
    [(_, text, said, _)] = prefixed.read(iter([(1, "pin yếu")]), 8)
    assert text == "pin yếu" and said == plain.predict("giá rẻ pin yếu")
    weighed = prefixed.explain("pin yếu", said), plain.explain("giá rẻ pin yếu", said)
    assert said and weighed[0] == weighed[1]


def test_weights_of_pieces_are_those_of_the_tokens_that_they_are(reader, found):
    """They add up to what the review gets over one of paddings, within 2 % or 0.01; what is no token weighs nothing."""

    def adds_up(weights: list[float], ends: torch.Tensor) -> bool:
        return abs(sum(weights) - float(ends[1] - ends[0])) <= max(0.02 * sum(map(abs, weights)), 0.01)

    embeddings, labels = reader.network.encoder.get_input_embeddings(), reader.run.labels
    for text, answers in found.items():
        weighed = reader.explain(text)
        assert list(weighed) == [answer["aspect"] for answer in answers]
        tokens = torch.tensor(reader.tokenizer(text)["input_ids"])
        hidden = torch.full_like(tokens, reader.tokenizer.pad_token_id)
        hidden[[0, -1]] = tokens[[0, -1]]
        with torch.no_grad():
            output = reader.network.read(embeddings(torch.stack([hidden, tokens])))
        for answer in answers:
            parts, aspect = weighed[answer["aspect"]], labels.aspects.index(answer["aspect"])
            plain = "".join(part.piece.text for part in parts if part.piece.kind != "special")
            assert plain.replace("▁", "").split() == text.split()
            of_tokens = [part for part in parts if part.piece.kind not in ("gap", "cut")]
            assert len(of_tokens) == len(tokens) and of_tokens[0].mention == of_tokens[-1].sentiment == 0
            assert all(part.mention == part.sentiment == 0 for part in parts if part not in of_tokens)
            assert adds_up([part.mention for part in parts], output.mention[:, aspect])
            if "sentiment" in answer:
                logits = output.logits[:, aspect]  # (2, S)
                over_mean = logits[:, labels.classes.index(answer["sentiment"])] - logits.mean(dim=-1)
                assert adds_up([part.sentiment for part in parts], over_mean) and any(part.sentiment for part in parts)
            else:
                assert answer["aspect"] == "OTHERS" and not any(part.sentiment for part in parts)
    assert {answer["aspect"] for answers in found.values() for answer in answers} >= {"OTHERS", "BATTERY", "PRICE"}


def test_what_is_cut_off_weighs_nothing_and_a_blank_review_has_no_weights(reader):
    assert reader.explain("") == {}
    [aspect] = reader.predict("Pin rất trâu")
    parts = reader.explain(LONG, [aspect])[aspect["aspect"]]
    kinds = [part.piece.kind for part in parts]
    assert kinds[-2:] == ["cut", "special"] and parts[-2].mention == parts[-2].sentiment == 0
    assert sum(kind not in ("gap", "cut") for kind in kinds) == reader.config.data.max_tokens
    assert sum(abs(part.mention) for part in parts) > 0.1


def test_the_words_that_name_an_aspect_weigh_most(reader):
    """`giá rẻ` is the one review of PRICE that says nothing else."""
    price = {"aspect": "PRICE", "mentioned": 1.0, "sentiment": "Positive"}
    weighed = reader.explain("shop ơi, giá rẻ", [price])["PRICE"]
    of_words = {"shop ơi,": 0.0, "giá rẻ": 0.0}
    for place, part in enumerate(weighed):
        before = "".join(other.piece.text for other in weighed[1:place])
        of_words["giá rẻ" if len(before.replace("▁", "")) >= len("shop ơi,") else "shop ơi,"] += part.mention
    assert of_words["giá rẻ"] > 0.2 and of_words["giá rẻ"] > 2 * of_words["shop ơi,"]


def test_onnx_says_the_same_and_explains_nothing(review_onnx, found):
    onnx = load_run(review_onnx, "cpu", onnx=True)
    for answers, expected in zip(onnx.predict(list(found), batch_size=3), found.values()):
        assert [{**answer, "mentioned": 0, "probability": 0} for answer in answers] == [
            {**answer, "mentioned": 0, "probability": 0} for answer in expected]
        for answer, same in zip(answers, expected):
            assert answer["mentioned"] == pytest.approx(same["mentioned"], abs=2e-4)
            assert answer.get("probability") == pytest.approx(same.get("probability"), abs=2e-4)
    with pytest.raises(UserError, match="--explain: needs gradients, which onnxruntime does not have"):
        onnx.explain("giá rẻ")


@pytest.mark.parametrize("settings, said", [({"onnx": True}, "model.onnx: no such file"),
                                            ({"device": "abacus"}, "--device abacus: ")])
def test_what_cannot_be_had(review_run, settings, said):
    with pytest.raises(UserError, match=said):
        load_run(review_run, **({"device": "cpu"} | settings))
