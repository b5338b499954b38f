import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from dataloaders.pieces import CHARACTERS, pieces
from dataloaders.tokenizer import train_tokenizer
from tests import small_reviews
from utils.sheets import Piece


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerFast:
    """One token a word in lower case; it knows four."""
    names = ["<s>", "</s>", "<unk>", "pin", "trâu", "máy", "đẹp"]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>",
                                                             special_tokens=[("<s>", 0), ("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def test_pieces_are_the_tokens_in_the_text_s_own_letters(words):
    assert pieces(words, "Pin  rất trâu ", 9) == [
        Piece("<s>", "special"), Piece("Pin", "token"), Piece("  ", "gap"), Piece("rất", "unknown"), Piece(" ", "gap"),
        Piece("trâu", "token"), Piece(" ", "gap"), Piece("</s>", "special")]


def test_what_is_cut_off_is_marked_before_the_closing_token(words):
    assert pieces(words, "Máy đẹp pin trâu", 4) == [
        Piece("<s>", "special"), Piece("Máy", "token"), Piece(" ", "gap"), Piece("đẹp", "token"),
        Piece(" pin trâu", "cut"), Piece("</s>", "special")]
    assert pieces(words, "đẹp " * 3, 5)[-2:] == [Piece(" ", "gap"), Piece("</s>", "special")]  # just fits
    long = pieces(words, "đẹp " * 1000, 4)[-2]
    assert long.kind == "cut" and long.text.endswith(f" … and {4 * 998 + 1 - CHARACTERS} characters more")
    assert len(long.text) < CHARACTERS + 50


@pytest.mark.parametrize("text", ["Pin rất trâu 😡😡", "  chụp đẹp\nmà giá cũng được ", "ok", "日本 ok"])
def test_pieces_of_our_own_tokenizer_are_its_tokens_and_make_up_the_text(text):
    tokenizer = train_tokenizer([row for row, _ in small_reviews.ROWS], 300)
    found = pieces(tokenizer, text, 99)
    assert sum(piece.kind != "gap" for piece in found) == len(tokenizer(text)["input_ids"])
    if all(ord(sign) < 0x3000 for sign in text):  # of other signs some tokens are bytes
        plain = "".join(piece.text for piece in found if piece.kind != "special")
        assert plain.replace("▁", "").split() == text.split()


def test_a_tokenizer_without_places_is_shown_by_its_names():
    class Slow:
        is_fast, unk_token_id, all_special_ids = False, 9, [0, 1]

        def __call__(self, text, verbose):
            return {"input_ids": [0, 5, 9, 6, 1]}

        def convert_ids_to_tokens(self, ids):
            return [f"t{number}" for number in ids]

    assert pieces(Slow(), "x", 4) == [Piece("t0", "special"), Piece("t5", "token"), Piece("t9", "unknown"),
                                      Piece("t1", "special")]
