import pytest

from utils.errors import UserError
from utils.markers import insert


def test_what_stands_between_the_markers_is_replaced_and_nothing_else():
    page = "a\n<!-- one -->\nold\n<!-- /one -->\n<!-- one two -->\n<!-- /one two -->\nb"
    assert insert(page, "one", "new\n") == page.replace("\nold\n", "\n\nnew\n\n")
    assert insert(insert(page, "one", "x\n"), "one", "new\n") == insert(page, "one", "new\n")
    assert insert(page, "one two", "new\n") == page.replace("<!-- one two -->\n", "<!-- one two -->\n\nnew\n\n")


@pytest.mark.parametrize("page", ["", "<!-- x -->", "<!-- /x --><!-- x -->", "<!-- x --><!-- /x --><!-- x -->"])
def test_a_page_without_one_pair_of_markers(page):
    with pytest.raises(UserError, match="must hold <!-- x --> and, after it, <!-- /x -->, once each"):
        insert(page, "x", "new")
