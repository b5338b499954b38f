from dataloaders import build_loaders
from dataloaders.audit.contact_sheet import contact_sheet
from tests import small_reviews


def test_reviews_are_shown_by_sentiment_with_their_labels(tmp_path):
    config = small_reviews.configure(tmp_path)
    loaders, labels = build_loaders(config, tmp_path / "run")
    train, val, test = contact_sheet(config, loaders, labels)
    assert (train.size, train.unit) == (8, "reviews")
    assert train.counts == {
        "sentiment": {"Positive": 4, "Negative": 3, "Neutral": 2, "mentioned, without one": 1},
        "aspect": {"BATTERY": 4, "CAMERA": 3, "OTHERS": 1, "PRICE": 2}}
    assert list(train.groups) == ["the longest", "Positive", "Negative", "Neutral"]
    ids = [shown.id for group in train.groups.values() for shown in group]
    assert len(ids) == len(set(ids)) and len(train.groups["Positive"]) <= 3
    of = {shown.id: shown for group in train.groups.values() for shown in group}
    assert of["1"].labels == ["BATTERY Positive"]
    assert "".join(p.text for p in of["1"].pieces if p.kind != "special").replace("▁", "").split() == [
        "Pin", "rất", "trâu"]
    length = loaders["train"].dataset.lengths[0]
    assert of["1"].notes == [f"{length} tokens"] and train.how.endswith("cut off at --max-tokens 256.")


def test_a_cut_review_says_so(tmp_path):
    config = small_reviews.configure(tmp_path, "--max-tokens 8")
    loaders, labels = build_loaders(config, tmp_path / "run")
    longest = contact_sheet(config, loaders, labels)[0].groups["the longest"][0]
    assert longest.notes == [f"{loaders['train'].dataset.lengths.max()} tokens, cut to 8"]
    assert [piece.kind for piece in longest.pieces][-2:] == ["cut", "special"]
    assert sum(piece.kind in ("token", "special", "unknown") for piece in longest.pieces) == 8


def test_not_mentioned_is_no_sentiment(tmp_path):
    config = small_reviews.configure(tmp_path, "--unmentioned class")
    loaders, labels = build_loaders(config, tmp_path / "run")
    assert list(contact_sheet(config, loaders, labels)[0].groups)[1:] == ["Positive", "Negative", "Neutral"]
