import re
from collections import Counter

import numpy as np
import pytest

from tests.utils.report.pages import Page, assert_loads_nothing
from tests.utils.report.test_curves import decode
from utils.report.faces import NAMED, SAYS, write_faces_page
from utils.sheets import FaceSheet, Framed

HOSTILE = "<b>x</b>"


def framed(name: str, shades: list[int], note: str = "3 of 4 frames") -> Framed:
    return Framed(name, note, [np.full((60, 100, 3), shade, np.uint8) for shade in shades])


def page(tmp_path, sheet: FaceSheet) -> tuple[str, Page]:
    path = write_faces_page(tmp_path / "faces.html", f"recipe {HOSTILE}", sheet)
    assert path == tmp_path / "faces.html"
    html = path.read_text(encoding="utf-8")
    assert_loads_nothing(html)
    assert HOSTILE not in html.replace("<wbr>", "")
    return html, Page(html)


SHEET = FaceSheet(
    clips=8, frames=200, with_box=150, counts={"No face": 1, "Gaps": 4, "One face": 2},
    groups={"No face": [framed(f"a/{HOSTILE}", [0])], "Gaps": [framed("b", [50, 100, 150]), framed("c", [200])],
            "Several faces": [], "One face": [framed("d", [90]), Framed("e", f"gone {HOSTILE}")]},
    notes=Counter({"breaks off": 1, f"odd {HOSTILE}": 3}), bad={f"f/{HOSTILE}": f"no video {HOSTILE}"})


def test_counts_by_kind(tmp_path):
    _, found = page(tmp_path, SHEET)
    assert found.within("h1") == [f"recipe {HOSTILE}"]
    assert "Faces found in 8 clips: a box in 150 of 200 frames (75.0 %)." in found.text
    assert "1 clip: breaks off." in found.text and f"3 clips: odd {HOSTILE}." in found.text
    heads = " ".join(found.within("h2"))
    assert heads == "No face 1 clip, 12.5 % Gaps 4 clips, 50.0 % One face 2 clips, 25.0 %"
    assert [SAYS[name] in found.text for name in SAYS] == [True, True, False, True]
    assert f"{SAYS['Gaps']} 2 of them:" in found.text and f"{SAYS['One face']} 2 of" not in found.text


def test_pictures_stand_by_clip_in_order(tmp_path):
    html, found = page(tmp_path, SHEET)
    images = [attributes for tag, attributes in found.tags if tag == "img"]
    pictures = [decode(image["src"]) for image in images]
    assert [picture.shape for picture in pictures] == [(60, 100, 3)] * 6
    assert [picture.mean() for picture in pictures] == pytest.approx([0, 50, 100, 150, 200, 90], abs=2)
    assert [image["alt"] for image in images[1:4]] == [f"frame {number} of 3" for number in (1, 2, 3)]
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html.replace("<wbr>", ""))
    assert [re.sub("<[^>]+>", "|", caption) for caption in captions] == [
        f"{note}|{'|'}{name}|" for note, name in (
            ("3 of 4 frames", "a/&lt;b&gt;x&lt;/b&gt;"), ("3 of 4 frames", "b"), ("3 of 4 frames", "c"),
            ("3 of 4 frames", "d"), ("gone &lt;b&gt;x&lt;/b&gt;", "e"))]


@pytest.mark.parametrize("number", [1, NAMED, NAMED + 1])
def test_clips_that_cannot_be_read_are_named(tmp_path, number):
    _, found = page(tmp_path, FaceSheet(clips=number, bad={f"clip{i}": f"reason {i}" for i in range(number)}))
    assert found.within("section", "b") == [f"{number} clip{'s' if number > 1 else ''} cannot be read"]
    items = " ".join(found.within("li"))
    assert items == " ".join(f"clip{i} reason {i}" for i in range(min(number, NAMED)))
    assert (f"The first {NAMED}." in found.text) == (number > NAMED) and found.within("h2") == []


def test_of_no_clip(tmp_path):
    _, found = page(tmp_path, FaceSheet())
    assert "Faces found in 0 clips: a box in 0 of 0 frames (0.0 %)." in found.text
