"""Reviews to be read by a trained network: from files of any length, in batches."""

from collections.abc import Iterable, Iterator
from itertools import islice

from transformers import PreTrainedTokenizerFast

from dataloaders.text_dataloader import Sample, collate_reviews, tokenize
from utils.structures import Batch

BLANK, CUT = "blank", "cut off"


def batches_of(rows: Iterable[tuple[int, str]], tokenizer: PreTrainedTokenizerFast, prefix: str, max_tokens: int,
               size: int) -> Iterator[tuple[list[tuple[int, str]], list[str], Batch]]:
    """Chunks of up to `size` rows (number, text), a note on each, and a Batch of those that are not blank."""
    rows = iter(rows)
    while chunk := list(islice(rows, size)):
        ids, lengths = tokenize(tokenizer, [text for _, text in chunk], prefix, max_tokens)
        notes = [BLANK if not text.strip() else CUT if length > max_tokens else ""
                 for (_, text), length in zip(chunk, lengths)]
        samples = [Sample(str(row), [], tokens) for (row, _), note, tokens in zip(chunk, notes, ids) if note != BLANK]
        yield chunk, notes, collate_reviews(samples, tokenizer.pad_token_id)
