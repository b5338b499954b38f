import logging

import pytest

from tests.utils.report.pages import Page
from tests.utils.report.test_clips import make_run, page_of, scores_of
from utils.report.frame import WARNED, best_epoch, percent, read_config, read_warnings
from utils.run_folder import RunLog

STAMP = "2026-11-22 10:00:00,123"


def test_best_epoch_is_the_highest_and_of_equal_ones_that_of_the_lowest_cross_entropy():
    rows = [{"epoch": 1.0, "val_uar": 0.2, "val_war": 0.9}, {"epoch": 2.0, "val_uar": 0.6, "val_war": 0.8},
            {"epoch": 3.0, "val_uar": 0.6, "val_war": 0.9}]
    assert (best_epoch(rows, "uar"), best_epoch(rows, "war")) == (2, 1)
    assert best_epoch([row | {"val_cross_entropy": entropy} for row, entropy in zip(rows, (0.1, 0.9, 0.8))], "uar") == 3
    assert best_epoch([{"epoch": 1.0, "loss": 3.0}], "uar") is None


def test_percent():
    assert [percent(value) for value in (0.12345, 1.0, 0.0, None)] == ["12.3", "100.0", "0.0", "–"]


def test_settings_are_read_as_yaml_would_write_them(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text('# recipe: mine\nlr: 0.001\naspects:\n- Giá\nnote: a\nroot_dir: null\n', encoding="utf-8")
    assert read_config(path) == ("mine", {"lr": "0.001", "aspects": '["Giá"]', "note": "a", "root_dir": "null"})


def test_a_log_s_warnings_come_once_each_in_order(tmp_path):
    path = tmp_path / "train.log"
    path.write_text(f"{STAMP} INFO WARNING in a text\n{STAMP} WARNING first, đã chỉnh\n{STAMP} WARNING second\n"
                    f"of two lines\n{STAMP} INFO what follows\nis none\n{STAMP} WARNING first, đã chỉnh\n"
                    f"{STAMP} ERROR no\n", encoding="utf-8")
    assert read_warnings(path) == ["first, đã chỉnh", "second\nof two lines"]
    assert read_warnings(tmp_path / "none.log") == []


def test_warnings_are_those_that_a_run_logs(tmp_path):
    """In the format of RunLog, read while it is open: the report is written within."""
    log = logging.getLogger("camxuc")
    with RunLog(tmp_path):
        log.info("nothing")
        log.warning("--encoder %s: tuned on the evaluation set", "x")
        assert read_warnings(tmp_path / "train.log") == ["--encoder x: tuned on the evaluation set"]


@pytest.mark.parametrize("more", [0, 3])
def test_warnings_stand_at_the_top_and_many_are_folded(tmp_path, more):
    folder = make_run(tmp_path, {"test": scores_of([0, 1], [0, 1])})
    texts = [f"number {i} <i>" for i in range(WARNED + more)]
    (folder / "train.log").write_text("".join(f"{STAMP} WARNING {text}\n" for text in texts))
    html = page_of(folder)
    page = Page(html)
    assert page.within("section", "li") == texts
    assert page.within("section", "details", "li") == texts[WARNED:]
    assert page.within("section", "summary") == ([f"{more} more"] if more else [])
    assert html.index("number 0") < html.index("<h2>Test")
    assert "<i>" not in html.partition("<main>")[2].partition("</section>")[0]


def test_without_warnings_there_is_no_note(tmp_path):
    folder = make_run(tmp_path, {"test": scores_of([0, 1], [0, 1])})
    (folder / "train.log").write_text(f"{STAMP} INFO all is well\n")
    assert "Warnings" not in page_of(folder)
