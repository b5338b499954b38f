"""A text, parted into the tokens that the network is given."""

from transformers import PreTrainedTokenizerBase

from dataloaders.sentencepiece_model import BLANK
from utils.sheets import Piece

CHARACTERS = 1500  # shown of a text


def pieces(tokenizer: PreTrainedTokenizerBase, text: str, limit: int) -> list[Piece]:
    """The text, parted as `tokenize` does: at most `limit` tokens with the closing one kept, then what is cut off.

    A token that is not a stretch of the text, such as a byte of a sign, stands as the tokenizer calls it. So do all
    where a tokenizer does not tell its stretches: then nothing is said of what is cut off.
    """
    if not tokenizer.is_fast:
        ids = tokenizer(text, verbose=False)["input_ids"]
        kept = ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]
        names = tokenizer.convert_ids_to_tokens(kept)
        return [Piece(name, _kind(tokenizer, number)) for number, name in zip(kept, names)]
    coded = tokenizer(text, verbose=False, return_offsets_mapping=True)
    ids, spans = coded["input_ids"], coded["offset_mapping"]
    if len(ids) > limit:
        ids, spans = [*ids[: limit - 1], ids[-1]], [*spans[: limit - 1], spans[-1]]
    found, end = [], 0
    closing = [Piece(name, "special") for name in tokenizer.convert_ids_to_tokens(ids[-1:])]
    for number, (start, stop), name in zip(ids[:-1], spans, tokenizer.convert_ids_to_tokens(ids)):
        if name == BLANK:  # a blank of its own, said to lie on the letter that follows
            stop = start
        if stop > start > end:
            found.append(Piece(text[end:start], "gap"))
        inside = stop > start >= end and text[start:stop].strip()
        found.append(Piece(text[start:stop] if inside else name, _kind(tokenizer, number)))
        end = max(end, stop)
    rest = text[end:]
    if rest.strip() and len(coded["input_ids"]) > limit:
        dots = f" … and {len(rest) - CHARACTERS} characters more" if len(rest) > CHARACTERS else ""
        found.append(Piece(rest[:CHARACTERS] + dots, "cut"))
    elif rest:
        found.append(Piece(rest, "gap"))
    return [*found, *closing]


def _kind(tokenizer: PreTrainedTokenizerBase, number: int) -> str:
    if number == tokenizer.unk_token_id:
        return "unknown"
    return "special" if number in tokenizer.all_special_ids else "token"
