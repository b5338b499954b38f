import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataloaders.label_cells import cell_sentiment, check_items, is_empty, is_sentiment, meaning, split_items
from utils.errors import UserError


@pytest.mark.parametrize(
    "word, key",
    [
        ("Positive", "positive"),
        (" NEGATIVE ", "negative"),
        ("Tích cực", "positive"),
        ("tiêu  CỰC", "negative"),
        ("tích cực", "positive"),  # NFD
        ("Trung tính", "neutral"),
        ("Conflict", "conflict"),
    ],
)
def test_spellings_of_one_sentiment_share_a_key(word, key):
    assert meaning(word) == key


@pytest.mark.parametrize("cell", ["", "  ", "none", "None", "NaN", "-", "0", "0.0", " 0. "])
def test_cells_of_an_aspect_that_is_not_mentioned(cell):
    assert cell_sentiment(cell, "here") is None
    assert is_empty(cell) == ("0" not in cell)


@pytest.mark.parametrize(
    "cell, word",
    [("1", "positive"), ("2", "negative"), ("3", "neutral"), ("1.0", "positive"), (" 2.00", "negative"),
     ("POSITIVE", "POSITIVE"), (" Tích cực ", "Tích cực"), ("neutral", "neutral")],
)
def test_cells_of_a_sentiment_keep_the_tables_spelling(cell, word):
    assert cell_sentiment(cell, "here") == word


@pytest.mark.parametrize("cell", ["4", "-1", "1.5", "0.1", "11", "Positve", "x", "good", "1;2", "²"])
def test_other_cells_are_refused(cell):
    assert not is_sentiment(cell)
    with pytest.raises(UserError, match="^here: .* is no sentiment"):
        cell_sentiment(cell, "here")


def test_the_nearest_sentiment_is_named():
    with pytest.raises(UserError, match="'Positve' is no sentiment; did you mean positive\\?; known are positive,"):
        cell_sentiment("Positve", "here")


def test_own_sentiments_replace_the_usual_ones():
    own = ("Tốt", "Xấu", "none")
    assert [cell_sentiment(cell, "here", own) for cell in ("tốt", "XẤU", "none", "", "-")] == [
        "tốt", "XẤU", "none", None, None]
    for cell in ("positive", "1"):  # code 1 is positive, which is not among them
        with pytest.raises(UserError, match="known are Tốt, Xấu, none"):
            cell_sentiment(cell, "here", own)
    assert cell_sentiment("1", "here", ("Positive", "Bad")) == "positive"


@pytest.mark.parametrize(
    "cell, pairs",
    [
        ("{CAMERA#Positive};{SER&ACC#Negative};{OTHERS};",
         [("CAMERA", "Positive"), ("SER&ACC", "Negative"), ("OTHERS", None)]),
        ("{HOTEL#CLEANLINESS#positive}", [("HOTEL#CLEANLINESS", "positive")]),
        ("{HOTEL#CLEANLINESS}", [("HOTEL#CLEANLINESS", None)]),
        (" { BIG SCREEN # tích cực } ; {A}", [("BIG SCREEN", "tích cực"), ("A", None)]),
        ("{A#1};", [("A#1", None)]),
        ("", []),
        (" ; ", []),
    ],
)
def test_items_are_cut_at_the_last_hash_before_a_sentiment(cell, pairs):
    assert split_items(cell, "here") == pairs


def test_own_sentiments_are_cut_off_too():
    assert split_items("{A#Conflict}", "here", ("conflict",)) == [("A", "Conflict")]


@pytest.mark.parametrize("cell", ["{A#Positive", "A#Positive", "{A}{", "{A};x", "{{A}}", "{};", "{#Positive}", "{ }"])
def test_unreadable_labels_are_refused(cell):
    with pytest.raises(UserError, match="^here: label '"):
        split_items(cell, "here")


NAME = st.text("AB&# çé", min_size=1).filter(lambda name: name.strip() and meaning(name.rpartition("#")[2]) != "")


@given(st.lists(st.tuples(NAME, st.sampled_from(["Positive", "neutral", None]))))
def test_written_items_are_read_back(pairs):
    cell = "".join(f"{{{name}#{word}}};" if word else f"{{{name}}};" for name, word in pairs)
    assert split_items(cell, "here") == [(name.strip(), word) for name, word in pairs]


def test_the_same_aspect_twice_is_one_if_the_sentiment_is_the_same():
    assert check_items([("A", "Positive"), ("A", "positive"), ("B", None), ("B", None)], {"A"}, "here") == {
        "A": "Positive", "B": None}


@pytest.mark.parametrize(
    "second, words", [("Negative", "Positive and Negative"), (None, "Positive and without polarity")])
def test_the_same_aspect_twice_with_another_sentiment_is_refused(second, words):
    with pytest.raises(UserError, match=f"^here: aspect A is both {words}; leave one"):
        check_items([("A", "Positive"), ("A", second)], {"A"}, "here")


@pytest.mark.parametrize(
    "item, with_polarity",
    [
        ("CAMERA#Good", {"CAMERA"}),  # CAMERA takes sentiments elsewhere
        ("CAMERA#Positve", set()),  # near a sentiment
        ("HOTEL#ROOM#Negativ", set()),
    ],
)
def test_a_misspelt_sentiment_is_no_new_aspect(item, with_polarity):
    with pytest.raises(UserError, match="^here: '(Good|Positve|Negativ)' of aspect (CAMERA|HOTEL#ROOM) is no"):
        check_items([(item, None)], with_polarity, "here")


def test_an_aspect_with_a_hash_and_no_polarity_stays_whole():
    assert check_items([("HOTEL#ROOM", None)], {"HOTEL#FOOD"}, "here") == {"HOTEL#ROOM": None}
    assert check_items([("HOTEL#ROOM", None)], {"HOTEL"}, "here", ["HOTEL#ROOM"]) == {"HOTEL#ROOM": None}


def test_names_that_are_given_are_the_only_ones():
    with pytest.raises(UserError, match="^here: unknown aspect 'camera'; did you mean CAMERA\\?; known are CAMERA, B"):
        check_items([("camera", "Positive")], {"camera"}, "here", ["CAMERA", "B"])
    with pytest.raises(UserError, match="^here: 'Neutral' of aspect A is no sentiment; .*known are good, Positive"):
        check_items([("A", "Neutral")], {"A"}, "here", (), ["good", "Positive"])
