import logging

import pytest

from dataloaders.encoder_card import names, read_card, warn_if_tuned_on


@pytest.mark.parametrize("card, benchmark, found", [
    ("datasets:\n- uitnlp/UIT-ViSFD\n", "UIT-ViSFD", True), ("tuned on uit_visfd reviews", "UIT-ViSFD", True),
    ("ViSFD and others", "UIT-ViSFD", True), ("trained on UIT-VSFC", "UIT-ViSFD", False), ("", "UIT-ViSFD", False),
    ("VLSP2018 hotel", "VLSP 2018", True), ("released in 2018", "VLSP 2018", False), ("anything", "", False),
])
def test_names(card, benchmark, found):
    assert names(card, benchmark) is found


@pytest.mark.parametrize("card, level, said", [
    ("Tuned on ViSFD.", logging.WARNING, "names UIT-ViSFD"), ("Tuned on tweets.", None, ""),
    (None, logging.INFO, "has no model card"),
])
def test_what_is_said_of_a_card(tmp_path, caplog, card, level, said):
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    with caplog.at_level(logging.INFO, "camxuc"):
        warn_if_tuned_on(str(tmp_path), "UIT-ViSFD")
    assert [record.levelno for record in caplog.records] == ([level] if level else [])
    assert said in caplog.text


def test_a_card_that_is_not_utf8_is_read_all_the_same(tmp_path):
    (tmp_path / "README.md").write_bytes(b"ViSFD \xff")
    assert names(read_card(str(tmp_path)), "UIT-ViSFD")
