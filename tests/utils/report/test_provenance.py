from tests.utils.provenance.test_comparison import COMMIT, PACKAGES, samples, session
from tests.utils.report.pages import Page, assert_loads_nothing, assert_references_hold
from tests.utils.report.test_clips import HISTORY, make_run, page_of, scores_of
from utils.provenance import record
from utils.report.provenance import NAMED

HOSTILE = "<script>alert(1)</script>"


def one(**parts) -> dict:
    git = {"commit": COMMIT, "branch": HOSTILE, "dirty": True, "changed": [f"f{i}.py" for i in range(NAMED + 2)]}
    code = {"sha256": "c" * 64, "files": {}, "git": git}
    files = {"train_annotation": {"name": f"lists/{HOSTILE}.txt", "sha256": "d" * 64},
             "test_annotation": {"name": "gone.txt", "sha256": None}}
    return session(code=code, started="2026-11-22T18:00:00+00:00", command=["main.py", "train", HOSTILE], seed=7,
                   files=files, splits={"train": samples(), "val": samples(a=None)}) | parts


def page(tmp_path, *sessions) -> tuple[str, Page]:
    make_run(tmp_path, {"test": scores_of([0, 1], [0, 1])}, HISTORY)
    for number, of in enumerate(sessions):
        record(of, tmp_path, resumed=number > 0)
    html = page_of(tmp_path)
    assert_loads_nothing(html)
    assert_references_hold(html)
    return html, Page(html)


def test_the_page_ends_with_what_the_run_was_made_of(tmp_path):
    html, found = page(tmp_path, one())
    assert found.within("h2")[-1] == "Provenance"
    text = found.text.partition(" Provenance ")[2]
    for fact in ("commit 1111111111 branch", "changed since f0.py, f1.py, f2.py, f3.py, f4.py and 2 more",
                 "files of code cccccccccc seed 7", "precision float32", f"torch {PACKAGES['torch']}",
                 "dddddddddd gone.txt unreadable", "processor EPYC"):
        assert fact in text
    train, val = (samples(), samples(a=None))
    assert f"train 3 {train['labels'][:10]} {train['contents'][:10]} validation 2 {val['labels'][:10]}" in text
    assert "tqdm" not in text and "GPU" not in text and "sessions" not in text
    assert train["marks"] not in html


def test_names_are_escaped(tmp_path):
    html, found = page(tmp_path, one())
    assert "<script" not in html
    assert HOSTILE in found.within("dd") and f"main.py train {HOSTILE}" in found.within("p")


def test_sessions_are_listed_where_there_are_several(tmp_path):
    git = {"commit": "9" * 40, "branch": None, "dirty": False, "changed": []}
    later = one(started="2026-11-23T08:09:10+00:00", code={"sha256": "e" * 64, "files": {}, "git": git})
    _, found = page(tmp_path, one(), later)
    text = found.text.partition(" Provenance ")[2]
    assert "2 sessions started (UTC) code 2026-11-22 18:00 1111111111 with changes 2026-11-23 08:09 9999999999" in text
    assert "commit 9999999999 files of code" in text and "changed since" not in text


def test_a_run_that_does_not_tell_has_no_such_section(tmp_path):
    assert "Provenance" not in page(tmp_path)[1].text
