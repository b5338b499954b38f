from dataloaders import build_loaders
from dataloaders.review_stream import batches_of
from dataloaders.text_dataloader import load_tokenizer
from tests.small_reviews import configure


def tokenizer(root):
    build_loaders(configure(root), root / "run")
    return load_tokenizer(root / "run" / "tokenizer")


def test_chunks_notes_and_batches(tmp_path):
    reads, long = tokenizer(tmp_path), "pin rất trâu " * 9
    rows = [(1, "pin"), (2, " "), (5, long), (6, ""), (7, "giá rẻ")]
    (first, notes, batch), (second, more, last) = batches_of(iter(rows), reads, "", 10, size=3)
    assert first == rows[:3] and notes == ["", "blank", "cut off"] and batch.ids == ["1", "5"]
    whole = reads(long)["input_ids"]
    assert batch.tokens[1, :10].tolist() == [*whole[:9], whole[-1]] and int(batch.mask[1].sum()) == 10
    assert second == rows[3:] and more == ["blank", ""] and last.ids == ["7"]


def test_a_prefix_and_no_rows(tmp_path):
    reads = tokenizer(tmp_path)
    [(_, _, batch)] = batches_of([(1, "pin")], reads, "query: ", 64, size=8)
    ids = reads("query: pin")["input_ids"]
    assert batch.tokens[0, : len(ids)].tolist() == ids
    [(_, notes, nothing)] = batches_of([(3, " ")], reads, "", 64, size=8)
    assert notes == ["blank"] and len(nothing) == 0
    assert list(batches_of([], reads, "", 64, size=8)) == []
