import re

import torch

from tests.utils.report.pages import Page, assert_loads_nothing
from tests.utils.report.test_curves import decode
from utils.findings import Finding
from utils.report.check import BARS, write_check_page
from utils.sheets import Piece, Sheet, Shown

HOSTILE = "<script>alert(1)</script>"
FINDINGS = [
    Finding("note", "odd", "a note"), Finding("error", "twice", f"clips stand twice {HOSTILE}", f"remove {HOSTILE}", 3,
                                              f"a/{HOSTILE}"),
    Finding("warning", "few", "few boxes", "add some", 12), Finding("error", "also", "another"),
]


def clip(name: str, side: int = 160, frames: int = 5, **strips) -> Shown:
    strip = torch.full((frames, 3, side, side), 50, dtype=torch.uint8)
    return Shown(name, notes=[f"face: {HOSTILE}"], strips={"face": strip, "context": strip} | strips)


def page(tmp_path, findings, sheets) -> tuple[str, Page]:
    path = write_check_page(tmp_path / "check.html", f"recipe {HOSTILE}", findings, sheets)
    assert path == tmp_path / "check.html"
    html = path.read_text(encoding="utf-8")
    assert_loads_nothing(html)
    assert "<script" not in html
    return html, Page(html)


def test_findings_stand_by_level_the_worst_first(tmp_path):
    html, found = page(tmp_path, FINDINGS, [])
    assert found.within("h1") == [f"recipe {HOSTILE}"]
    assert "2 errors, 1 warning, 1 note" in found.text
    assert [text for where, text in found.texts if "th" in where and "tbody" in where] == [
        "2 errors", "1 warning", "1 note"]
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr><td>.*?</tr>", html, re.DOTALL)]
    assert [re.search(r"\|(also|twice|few|odd)\|", row)[1] for row in rows] == ["also", "twice", "few", "odd"]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", re.findall(r"<tr><td>.*?</tr>", html, re.DOTALL)[1], re.DOTALL)
    assert [re.sub(r"<[^>]+>", "", cell).replace("&lt;", "<").replace("&gt;", ">") for cell in cells] == [
        f"clips stand twice {HOSTILE}twice", "3", f"a/{HOSTILE}", f"remove {HOSTILE}"]


def test_without_findings_the_page_says_so(tmp_path):
    _, found = page(tmp_path, [], [Sheet("val", "clips", 2, "As they are.", {"class": {"a": 2}}, {"a": []})])
    assert "no errors, no warnings, no notes" in found.text
    assert found.within("h2") == ["Splits", "Validation clips, as the network sees them"]


def test_a_split_s_classes_are_bars_of_the_most_frequent(tmp_path):
    counts = {"calm": 6, HOSTILE: 2, "none": 0}
    html, found = page(tmp_path, [], [Sheet("train", "clips", 8, "Augmented.", {"class": counts}, hidden=3)])
    rows = re.findall(r'<td class="n">([\d.]+)</td>\s*<td class="bar" style="--v: ([\d.]+)">(\d+)</td>', html)
    assert rows == [("75.0", "1.0", "6"), ("25.0", "0.333", "2"), ("0.0", "0", "0")]
    assert HOSTILE in found.within("tbody", "th") and "8 clips" in found.within("section", "p")
    assert "Augmented. 3 classes are not shown." in found.text


def test_many_classes_are_folded_and_unlabelled_clips_have_none(tmp_path):
    many = Sheet("train", "clips", 99, "", {"class": {f"c{i}": 1 for i in range(BARS + 5)}})
    _, found = page(tmp_path, [], [many, Sheet("val", "clips", 2, "")])
    assert f"The first {BARS} of {BARS + 5}." in found.text and f"c{BARS}" not in found.text
    assert "Their labels are not looked at." in found.text


def test_clips_are_strips_of_both_streams(tmp_path):
    groups = {"calm": [clip(f"x/{HOSTILE}"), Shown("y", bad=f"no frame {HOSTILE}")], "sad": []}
    html, found = page(tmp_path, [], [Sheet("test", "clips", 2, "As they are.", {"class": {"calm": 2}}, groups)])
    images = [attributes for tag, attributes in found.tags if tag == "img"]
    assert [decode(image["src"]).shape for image in images] == [(96, 96, 3)] * 6
    assert [image["alt"] for image in images[2:4]] == ["face, frame 3 of 3", "context, frame 1 of 3"]
    assert f"x/ {HOSTILE}" in " ".join(found.within("figcaption")) or f"x/{HOSTILE}" in "".join(
        found.within("figcaption"))
    assert f"face: {HOSTILE}" in found.within("figcaption", "span")
    assert f"no frame {HOSTILE}" in found.within("figure", "p")
    assert "sad none" in found.text
    assert 'class="strip"' in html and 'class="single"' not in html


def test_single_frames_stand_side_by_side(tmp_path):
    shown = clip("a", frames=1)
    html, _ = page(tmp_path, [], [Sheet("train", "clips", 1, "", groups={"pairs of views": [shown]})])
    assert html.count('class="single"') == 2 and 'class="strip"' not in html


def test_tokens_keep_their_bounds(tmp_path):
    parts = [Piece("<s>", "special"), Piece("Pin", "token"), Piece(" ", "gap"), Piece(HOSTILE, "unknown"),
             Piece(" the rest", "cut"), Piece("</s>", "special")]
    shown = Shown("7", [f"BATTERY {HOSTILE}", "PRICE Neutral"], ["9 tokens, cut to 4"], pieces=parts)
    html, found = page(tmp_path, [], [Sheet("val", "reviews", 1, "", {"sentiment": {"Positive": 1}},
                                            {"Positive": [shown]})])
    text = html[html.index('<p class="text">'):]
    text = text[: text.index("</p>")].replace("<wbr>", "").removeprefix('<p class="text">')
    escaped = HOSTILE.replace("<", "&lt;").replace(">", "&gt;")
    assert text == ('<span class="special">&lt;s&gt;</span><span class="token">Pin</span> <span class="unknown">'
                    f'{escaped}</span><del title="cut off"> the rest</del><span class="special">&lt;/s&gt;</span>')
    assert found.within("figcaption", "li") == [f"BATTERY {HOSTILE}", "PRICE Neutral"]
    assert "9 tokens, cut to 4" in found.within("figcaption") and "mentions" in found.within("th")


def test_a_page_of_noise_stays_below_5_mb(tmp_path):
    """The most that a contact sheet holds: of three splits 24 clips, two streams of three frames."""
    noise = torch.randint(0, 256, (3, 3, 224, 224), dtype=torch.uint8)
    groups = {f"class {i}": [clip(str(j), face=noise, context=noise) for j in range(2)] for i in range(12)}
    sheets = [Sheet(split, "clips", 24, "", {"class": dict.fromkeys(groups, 2)}, groups)
              for split in ("train", "val", "test")]
    html, _ = page(tmp_path, [], sheets)
    assert html.count("<img") == 3 * 24 * 6 and len(html) < 5e6
