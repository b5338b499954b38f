import re
from io import StringIO
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from utils.report.svg import inline


@pytest.fixture(scope="module")
def file() -> str:
    """What matplotlib writes: a picture, a line that is cut to the axes, markers, and a text."""
    figure = Figure((2, 1))
    left, right = figure.subplots(1, 2)
    left.imshow(np.random.default_rng(0).integers(0, 255, (8, 16, 3)).astype(np.uint8))
    right.plot([0, 1], [1, 2], color="#0000f1", marker="o")
    right.text(0, 1.5, "width=\"3\" <b> version=\"1\"", color="#0000f2")
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        text = StringIO()
        figure.savefig(text, format="svg")
    return text.getvalue()


COLOURS = {"#0000f1": "var(--s1)", "#0000f2": "var(--muted)"}


def test_what_is_left_is_one_element_that_css_sizes(file):
    svg = inline(file, "a", COLOURS)
    root = ET.fromstring(svg)  # well formed, without a namespace
    assert root.tag == "svg" and root.attrib.keys() == {"viewBox"}
    assert "xlink" not in svg and "http" not in svg and not re.search(r"<style|<metadata|<!--|<\?xml|<!DOCTYPE", svg)
    assert {"svg", "g", "path", "image", "text", "use"} <= {node.tag for node in root.iter()}


def test_pictures_keep_their_size_and_texts_their_words(file):
    before = ET.fromstring(re.sub(r"<!DOCTYPE.*?>", "", file, flags=re.DOTALL))
    [old] = [node for node in before.iter() if node.tag.endswith("}image")]
    [new] = ET.fromstring(inline(file, "a", COLOURS)).iter("image")
    assert (new.get("width"), new.get("height")) == (old.get("width"), old.get("height")) != (None, None)
    assert new.get("href") == old.get("{http://www.w3.org/1999/xlink}href") and new.get("href").startswith("data:image")
    texts = [node.text for node in ET.fromstring(inline(file, "a", COLOURS)).iter("text")]
    assert "width=\"3\" <b> version=\"1\"" in texts


def test_colours_become_the_page_s(file):
    svg = inline(file, "a", COLOURS)
    assert not re.search("#0000f[12]", svg) and svg.count("var(--s1)") == file.count("#0000f1") > 0
    assert svg.count("var(--muted)") == file.count("#0000f2") > 0


@pytest.mark.parametrize("name, prefix", [("loss a", "loss-a-"), ("a.b/c", "a-b-c-"), ("đồ thị", "đồ-thị-")])
def test_ids_are_of_their_own_and_references_hold(file, name, prefix):
    """Else one picture's clip path would cut another's lines."""
    svg = inline(file, name, COLOURS)
    ids = [node.get("id") for node in ET.fromstring(svg).iter() if node.get("id")]
    assert len(set(ids)) == len(ids) > 3 and all(id.startswith(prefix) for id in ids)
    references = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    assert len(references) > 1 and {a or b for a, b in references} <= set(ids)
