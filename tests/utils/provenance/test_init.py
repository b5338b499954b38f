import json
import logging
import os

import pytest

from tests.utils.provenance.test_comparison import FILES, samples, session
from utils.findings import Finding
from utils.provenance import FILE, differences, read_sessions, record, tell_aloud


def other_code(**parts) -> dict:
    return session(code={"sha256": "y", "files": FILES | {"trainer.py": "z"}, "git": None}, **parts)


def test_a_resumed_run_has_a_session_more_and_is_told_what_differs(tmp_path):
    assert record(session(started="1"), tmp_path, resumed=False) == []
    found = record(other_code(started="2"), tmp_path, resumed=True)
    assert [(finding.level, finding.name, finding.example) for finding in found] == [
        ("warning", "other-code", "trainer.py")]
    assert record(other_code(started="3"), tmp_path, resumed=True) == []  # compared with the last
    sessions = read_sessions(tmp_path)
    assert [(of["started"], of["code"]["sha256"]) for of in sessions] == [("1", "x"), ("2", "y"), ("3", "y")]
    assert ["marks" in of["splits"]["train"] for of in sessions] == [False, False, True]
    assert os.listdir(tmp_path) == [FILE]


def test_a_start_anew_takes_the_place_of_one_that_failed(tmp_path):
    record(session(started="1"), tmp_path, resumed=False)
    assert record(other_code(started="2"), tmp_path, resumed=False) == []
    assert [of["started"] for of in read_sessions(tmp_path)] == ["2"]


def test_differences_are_from_the_last_session(tmp_path):
    record(session(), tmp_path, resumed=False)
    record(other_code(), tmp_path, resumed=True)
    assert differences(tmp_path, other_code()) == []
    assert [finding.name for finding in differences(tmp_path, session())] == ["other-code"]
    now = other_code(splits={"test": samples(a=None)})
    assert [finding.level for finding in differences(tmp_path, now)] == ["warning"]
    assert [finding.level for finding in differences(tmp_path, now, ["test_annotation"])] == ["note"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b'{"sessions": [{}]}', b'{"sessions": 3}', b"\xff\xfe",
                                     b'{"sessions": [{"code": 1}]}', b'{"sessions": []}'])
def test_a_run_that_does_not_tell_is_one_note(tmp_path, content):
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    assert read_sessions(tmp_path) == []
    assert [(finding.level, finding.name) for finding in differences(tmp_path, session())] == [
        ("note", "no-provenance")]
    assert [finding.name for finding in record(session(), tmp_path, resumed=True)] == ["no-provenance"]
    assert len(read_sessions(tmp_path)) == 1


def test_a_full_disk_ends_nothing(tmp_path, caplog):
    (tmp_path / f"{FILE}.tmp").mkdir()
    assert record(session(), tmp_path, resumed=False) == []
    assert "provenance.json: cannot be written: " in caplog.text


def test_strange_names_can_be_written(tmp_path):
    strange = session(command=["main.py", "\udcff"])
    record(strange, tmp_path, resumed=False)
    assert read_sessions(tmp_path) == [json.loads(json.dumps(strange))]


def test_a_note_is_seen_without_a_log_and_once_with_one(capfd):
    log = logging.getLogger("camxuc")
    level, handlers = log.level, list(log.handlers)
    tell_aloud([Finding("note", "x", "a note"), Finding("warning", "y", "a warning")], "run")
    assert capfd.readouterr().err.splitlines() == ["run: warning: a warning [y]", "run: note: a note [x]"]
    assert (log.level, log.handlers) == (level, handlers)
    handler = logging.StreamHandler()
    log.addHandler(handler)
    try:
        tell_aloud([Finding("warning", "y", "a warning")], "run")
    finally:
        log.removeHandler(handler)
    assert capfd.readouterr().err == "run: warning: a warning [y]\n"
