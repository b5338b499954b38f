import re

import pytest

from tests.utils.report.pages import Page, assert_loads_nothing
from utils.report.frame import render
from utils.report.tokens import HUES, LEAST, Found, Mark, ReadReview, read_review
from utils.sheets import Piece, Weighed

KINDS = {"<s>": "special", "</s>": "special", "▁": "token", " ": "gap", " …": "cut"}


def weighed(*parts: tuple[str, float, float]) -> list[Weighed]:
    return [Weighed(Piece(text, KINDS.get(text, "token")), mention, sentiment) for text, mention, sentiment in parts]


def said(aspect: str, sentiment: str = "", mentioned: float = 0.9, probability: float = 0.8) -> dict:
    return {"aspect": aspect, "mentioned": mentioned} | (
        {"sentiment": sentiment, "probability": probability} if sentiment else {})


PHONE = {
    "BATTERY": weighed(("<s>", 0, 0), ("Pin", 2, 0.1), (" trâu", 1, 0.5), ("▁", 9, 9), (" ", 0, 0), ("máy", 0.2, -0.25),
                       (" đẹp", -2, 0), (" …", 0, 0), ("</s>", 0, 0)),
    "DESIGN": weighed(("<s>", 0, 0), ("Pin", -1, 3), (" trâu", 0.4, 0), ("▁", 0, 0), (" ", 0, 0), ("máy", 0.3, 0.2),
                      (" đẹp", 4, 0), (" …", 0, 0), ("</s>", 0, 0)),
}


def test_each_token_has_the_colour_of_the_aspect_that_it_names_most():
    """Shares of the heaviest token of each aspect. That of BATTERY is a blank, which is not shown: 9."""
    read = read_review([said("BATTERY", "Positive"), said("DESIGN")], PHONE, "")
    assert read.marks == [
        Mark("Pin", 1, "BATTERY", 2 / 9), Mark(" "), Mark("trâu", 0, "", 1 / 9), Mark(" ", strength=0.0),
        Mark("máy", 0, "", 0.3 / 4), Mark(" "), Mark("đẹp", 2, "DESIGN", 1.0), Mark(" "), Mark("…", strength=0.0)]
    assert "".join(mark.text for mark in read.marks) == "Pin trâu máy đẹp …"


def test_of_each_aspect_what_speaks_for_its_sentiment_or_for_its_mention():
    battery, design = read_review([said("BATTERY", "Positive"), said("DESIGN", mentioned=0.7)], PHONE, "").aspects
    assert (battery.name, battery.sentiment, battery.sure, battery.hue) == ("BATTERY", "Positive", 0.8, 1)
    assert (design.name, design.sentiment, design.sure, design.hue) == ("DESIGN", "", 0.7, 2)
    for found, expected in ((battery, [0.1 / 9, 0.5 / 9, 0, -0.25 / 9, 0, 0]), (design, [-0.25, 0.1, 0, 0.075, 1, 0])):
        assert "".join(mark.text for mark in found.marks) == "Pin trâu máy đẹp …"
        assert [mark.said for mark in found.marks if mark.text.strip()] == pytest.approx(
            [share for place, share in enumerate(expected) if place != 2])
        assert all(mark.said == 0 for mark in found.marks if not mark.text.strip())


@pytest.mark.parametrize("share, named", [(LEAST - 0.01, False), (LEAST + 0.01, True), (-1.0, False)])
def test_a_token_that_says_little_is_not_coloured(share, named):
    marks = read_review([said("A")], {"A": weighed(("x", 2.0, 0), ("y", 2 * share, 0))}, "").marks
    assert (marks[1].hue, marks[1].aspect) == ((1, "A") if named else (0, ""))


def test_without_a_mention_head_no_token_names_an_aspect():
    read = read_review([said("A", "Negative")], {"A": weighed(("x", 0, 1), ("y", 0, -2))}, "")
    assert [(mark.hue, mark.strength) for mark in read.marks] == [(0, 0), (0, 0)]
    assert [mark.said for mark in read.aspects[0].marks] == [0.5, -1]
    silent = read_review([said("A", "Negative")], {"A": weighed(("x", 0, 0))}, "")
    assert silent.aspects[0].marks == [Mark("x")]


def test_a_review_without_an_aspect_is_its_text():
    assert read_review([], {}, "không nói gì ") == ReadReview([Mark("không nói gì ")], [])


def test_more_aspects_than_colours_begin_again():
    names = [f"A{number}" for number in range(HUES + 2)]
    read = read_review([said(name) for name in names], {name: weighed(("x", 1, 0)) for name in names}, "")
    assert [found.hue for found in read.aspects] == [1, 2, 3, 4, 5, 6, 1, 2]


# ---------------------------------------------------------------- the page


def page(*reviews: ReadReview, most: int = 50) -> str:
    return render("tokens.html.j2", {"recipe": "visfd <1>", "reviews": reviews, "most": most})


def words(html: str, kind: str) -> list[str]:
    return re.findall(rf'<{kind} class="(?:text|words)">(.*?)</{kind}>', html, re.DOTALL)


def test_the_page_shows_the_review_as_it_is():
    """Every blank and line break of it, and no more: it is set as it is written."""
    read = read_review([said("BATTERY", "Positive"), said("DESIGN")], PHONE, "")
    html = page(read, read_review([], {}, "a\n  b "))
    assert [re.sub("<[^>]+>", "", text) for text in words(html, "p")] == ["Pin trâu máy đẹp …", "a\n  b "]
    assert [re.sub("<[^>]+>", "", text) for text in words(html, "td")] == ["Pin trâu máy đẹp …"] * 2
    assert html.count("No aspect is mentioned.") == 1 and re.search(r"\.text {[^}]*white-space: pre-wrap", html)
    assert "visfd &lt;1&gt;" in html and Page(html) and "visfd <1>" in Page(html).within("h1")


def test_colours_and_strengths_stand_in_the_page():
    marks = [Mark("giá", said=0.5), Mark(" "), Mark("cao", said=-1.0), Mark("x", said=0.1)]
    found = Found("PRICE", "Negative", 0.876, 3, marks)
    html = page(ReadReview([Mark("giá", 3, "PRICE", 0.456), Mark(" cao")], [found]))
    assert words(html, "p") == ['<mark style="--hue: var(--s3); --v: 46%" title="PRICE">giá</mark> cao']
    assert words(html, "td") == ['<b style="--v: 30%">giá</b> <i style="--v: 60%">cao</i>x']
    assert '<span class="chip" style="--hue: var(--s3)">PRICE</span>' in html
    cells = [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", html, re.DOTALL)]
    assert cells[:2] == ["Negative", "87.6"]
    assert "mentioned" in page(ReadReview([Mark("a")], [Found("A", "", 0.5, 1, [Mark("a")])]))


def test_what_a_review_holds_is_text_and_no_markup():
    hostile = '<script>alert("1")</script>"\'&amp;'
    html = page(read_review([said(hostile, hostile)], {hostile: weighed((hostile, 1, 1))}, hostile),
                read_review([], {}, hostile))
    assert "<script>" not in html and hostile in Page(html).text
    assert [attributes["title"] for tag, attributes in Page(html).tags if tag == "mark"] == [hostile]
    assert_loads_nothing(html)


@pytest.mark.parametrize("most, told", [(2, True), (3, False)])
def test_how_many_are_shown_is_told_where_there_may_be_more(most, told):
    assert (f"The first {most} reviews." in page(*[read_review([], {}, "a")] * 2, most=most)) is told
