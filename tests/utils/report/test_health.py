import re

import pytest

from tests.utils.report.pages import Page, assert_loads_nothing, assert_references_hold
from tests.utils.report.test_clips import HISTORY, make_run, page_of, scores_of
from utils.findings import Finding
from utils.report.health import FIGURES, health_panels, is_told, told, when
from utils.results import write_json

HOSTILE = "<script>alert(1)</script>"
STAMP = "2026-11-22 10:00:00,123"


def found(epoch: int = 0, level: str = "warning", name: str = "odd", text: str = "some are odd", **more) -> dict:
    return Finding(level, name, text, **more).as_dict() | ({"epoch": epoch} if epoch else {})


@pytest.fixture
def run(tmp_path):
    """A run's folder with these files."""
    def make(check: list | None = None, health: list | None = None, rows: tuple = ()):
        for name, findings in (("check", check), ("health", health)):
            if findings is not None:
                write_json(findings, tmp_path / f"{name}.json")
        return make_run(tmp_path, {"test": scores_of([0, 1], [0, 1])}, rows or HISTORY)

    return make


@pytest.mark.parametrize("epochs, said", [([0], "before training"), ([4], "epoch 4"), ([1, 2, 3], "epochs 1–3"),
                                          ([7, 1, 3, 4, 4], "epochs 1, 3–4, 7")])
def test_when(epochs, said):
    assert when(epochs) == said


def test_what_repeats_is_told_once_as_last_seen(run):
    """Its numbers may change; what is found before training is another finding."""
    folder = run([found(text="3 are odd")], [found(1, text="3 are odd", count=3), found(2, text="4 are odd", count=4),
                                              found(3, text="a part is odd"), found(5, text="5.5 are odd")])
    assert [(each.finding.text, each.finding.count, each.when) for each in told(folder)["warning"]] == [
        ("3 are odd", 1, "before training"), ("5.5 are odd", 1, "epochs 1–2, 5"), ("a part is odd", 1, "epoch 3")]


def test_nothing_is_known_of_a_run_that_was_not_watched(run):
    folder = run()
    assert told(folder) is None and "Findings" not in page_of(folder)


@pytest.mark.parametrize("files", [([], []), ([], None), (None, [])])
def test_where_nothing_was_found_the_page_says_so(run, files):
    page = Page(page_of(run(*files)))
    assert "Findings" in page.within("h2") and "Nothing was found wrong, before training or during it." in page.text
    assert "findings" not in [attributes.get("class") for _, attributes in page.tags]


def test_errors_and_warnings_stand_open_and_notes_are_folded(run):
    folder = run([found(level="note", name="told", text=f"a note {HOSTILE}"),
                  found(text="an odd thing", example="a/b", remedy="see")],
                 [found(2, "error", "bad", f"all is bad {HOSTILE}", count=7)])
    html = page_of(folder)
    page = Page(html)
    assert_loads_nothing(html)
    heads = [(text, "details" in where) for where, text in page.texts
             if {"th", "tbody"} <= set(where) and text in ("1 error", "1 warning", "1 note")]
    assert heads == [("1 error", False), ("1 warning", False), ("1 note", True)]
    assert HOSTILE not in html and f"all is bad {HOSTILE}" in page.text and "Nothing was found" not in page.text
    assert [text for text in page.within("td", "span") if text.startswith(("epoch", "before"))] == [
        "epoch 2", "before training", "before training"]
    assert re.search(r'data-head="count">7<', html) and html.index("<h2>Findings") < html.index("<h2>Losses")


def test_the_log_s_warnings_are_not_told_twice(run):
    finding = Finding("warning", "odd", "some are\nodd")
    lines = [f"check: warning: {finding}", f"epoch 12: error: {finding}", f"at the end: warning: {finding}", "val: "
             "left out x"]
    assert [is_told(line) for line in lines] == [True, True, True, False]
    folder = run([found()])
    (folder / "train.log").write_text("".join(f"{STAMP} WARNING {line}\n" for line in lines))
    assert Page(page_of(folder)).within("section", "li") == ["val: left out x"]
    (folder / "check.json").unlink()
    assert len(Page(page_of(folder)).within("section", "li")) == 4


# ---------------------------------------------------------------- figures

ROW = {"epoch": 1.0, "health_grad_rest": 0.5, "health_grad_adapter": 0.1, "health_ldl_mass": 0.7, "health_gap": -0.1,
       "val_cross_entropy": 1.2}


def test_panels_of_the_watch():
    rows = [ROW, ROW | {"epoch": 2.0, "health_ldl_mass": 0.6, "health_gap": float("nan")}]
    panels = {panel.name: panel for panel in health_panels(rows)}
    assert {name: panel.lines for name, panel in panels.items()} == {
        "gradient norm of each part": {"rest": ([1, 2], [0.5, 0.5]), "adapter": ([1, 2], [0.1, 0.1])},
        "LDL's targets": {"mass of the true class": ([1, 2], [0.7, 0.6])},
        "training accuracy less validation's": {"gap": ([1], [-0.1])}}
    assert panels["gradient norm of each part"].log
    assert health_panels([{"epoch": 1.0, "val_cross_entropy": 1.0}]) == [] == health_panels([])


def test_every_figure_of_the_watch_is_shown(configure, tmp_path):
    """Those of a training in which all is on."""
    from commands.build import build_trainer

    trainer = build_trainer(configure("--epochs 1 --ldl-warmup 0"), tmp_path)
    trainer.fit()
    shown = {name for lines in FIGURES.values() for name in lines.values()}
    kept = {name for name in trainer.history[0] if name.startswith("health_") and not name.startswith("health_grad_")}
    assert kept == {name for name in shown if name.startswith("health_")}


def test_panels_are_folded_on_the_page(run):
    html = page_of(run([], [], (ROW, ROW | {"epoch": 2.0})))
    page = Page(html)
    assert_references_hold(html)
    assert "What the watch measured" in page.within("details", "summary")
    assert page.within("details", "figcaption")[:3] == ["gradient norm of each part",
                                                       "training accuracy less validation's", "LDL's targets"]
