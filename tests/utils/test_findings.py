import logging

import pytest

from utils.errors import UserError
from utils.findings import Finding, errors, of_some, surely, table, tell, worst_first

NOTE, FEW, ODD, BAD = (Finding("note", "b", "told"), Finding("warning", "a", "few boxes", "add some", 12, "x, y"),
                       Finding("warning", "z", "odd"), Finding("error", "m", "wrong " * 12, count=2))
ALL = [NOTE, ODD, BAD, FEW]


def test_the_worst_come_first_and_of_these_by_name():
    assert worst_first(ALL) == [BAD, FEW, ODD, NOTE] and errors(ALL) == [BAD]


def test_one_in_a_line():
    assert str(FEW) == "few boxes, e.g. x, y; add some [a]" and str(NOTE) == "told [b]"


def test_a_finding_is_as_it_was_written():
    assert Finding(**FEW.as_dict()) == FEW


def test_some_are_named_and_all_are_counted():
    assert of_some(str(i) for i in range(5)) == {"count": 5, "example": "0, 1, 2"} and of_some([])["count"] == 0


def test_the_table_is_for_a_person():
    assert table(ALL, 40).splitlines() == [
        "error    m (2)", "         wrong wrong wrong wrong wrong", "         wrong wrong wrong wrong wrong",
        "         wrong wrong", "warning  a (12)", "         few boxes", "         e.g. x, y", "         do: add some",
        "warning  z", "         odd", "note     b", "         told", "1 error, 2 warnings, 1 note"]
    assert table([]) == "0 errors, 0 warnings, 0 notes"


def test_the_log_warns_of_all_but_notes(caplog):
    caplog.set_level(logging.INFO, "camxuc")
    tell([NOTE, BAD], "epoch 3")
    assert [(record.levelname, record.getMessage().split(" wrong")[0]) for record in caplog.records] == [
        ("WARNING", "epoch 3: error:"), ("INFO", "epoch 3: note: told [b]")]


def test_a_check_that_fails_is_a_finding_and_a_users_error_passes():
    def breaks(number: int):
        yield Finding("note", "before", "said")
        raise ZeroDivisionError(f"by {number}")

    found, = surely(breaks, 3)
    assert (found.level, found.name) == ("warning", "check-failed")
    assert found.text.startswith("breaks could not be made: ZeroDivisionError: by 3 (test_findings.py:")
    assert surely(lambda: [Finding("note", "all", "well")]) == [Finding("note", "all", "well")]

    def refuses():
        raise UserError("no such file")

    with pytest.raises(UserError, match="no such file"):
        surely(refuses)
