import copy

import pytest

from utils.provenance import Samples, commit_of, compare

COMMIT, OTHER = "1" * 40, "2" * 40
FILES = {"main.py": "a", "models/net.py": "b", "trainer.py": "c", "utils/report/frame.py": "d"}
PACKAGES = {"torch": "2.11.0+cpu", "transformers": "5.1.0", "timm": "1.0.27", "tqdm": "4.68.0", "decord2": "3.4.0"}
MACHINE = {"python": "3.11.7", "os": "Linux 6.1", "architecture": "x86_64", "cpu": "EPYC", "processors": 2,
           "device": "cpu", "gpu": None, "precision": "float32", "threads": 2}


def samples(of="sizes of files", **changed) -> dict:
    """Three samples, but for a label or content; a None leaves a sample out."""
    rows = {"a": (0, 10), "b": (1, 20), "c": (1, 30)} | changed
    rows = {key: row for key, row in rows.items() if row}
    return Samples(list(rows), [row[0] for row in rows.values()], [row[1] for row in rows.values()], of).summary()


def session(**parts) -> dict:
    return {
        "machine": MACHINE, "packages": PACKAGES, "weights": {},
        "code": {"sha256": "x", "files": FILES, "git": {"commit": COMMIT, "dirty": False}},
        "files": {"train_annotation": {"name": "train.txt", "sha256": "1"},
                  "bounding_box_face": {"name": "face.json", "sha256": "2"}},
        "splits": {"train": samples(), "test": samples()},
    } | parts


def found(then: dict, now: dict, *named: str) -> list[tuple]:
    return [(finding.level, finding.name, finding.count) for finding in compare(then, now, named)]


def test_the_same_is_not_told():
    assert compare(session(), copy.deepcopy(session())) == []


def test_what_may_change_without_a_word():
    """Another root, time and command; memory, processors and threads; patches of the system and of Python."""
    machine = MACHINE | {"processors": 64, "threads": 64, "memory_gib": 900.0, "os": "Linux 6.18", "python": "3.11.9"}
    now = session(machine=machine, started="later", command=["other"])
    assert compare(session(started="then", command=[]), now) == []


@pytest.mark.parametrize("change, said", [
    (dict(d=(0, 5)), "1 added"), (dict(a=None), "1 removed"), (dict(b=(0, 20)), "1 with another label"),
    (dict(c=(1, 31)), "1 with other sizes of files"),
    (dict(a=None, d=(0, 10), b=(0, 21)), "1 added, 1 removed, 1 with another label, 1 with other sizes of files"),
])
def test_other_samples_are_warned_of_by_split(change, said):
    now = session(splits={"train": samples(), "test": samples(**change)})
    [finding] = compare(session(), now)
    assert (finding.level, finding.name) == ("warning", "other-test-data")
    assert finding.text == f"test: not the samples that the run had: {said}"
    assert finding.count == said.count(" 1 ") + said.startswith("1 ")


def test_texts_are_called_texts():
    then, now = (session(splits={"val": samples("texts", a=(0, text))}) for text in ("gut", "schlecht"))
    assert compare(then, now)[0].text == "val: not the samples that the run had: 1 with other texts"


def test_data_asked_for_are_noted_and_no_other_split_s():
    other = samples(d=(0, 5))
    now = session(splits={"train": other, "test": other})
    assert found(session(), now, "test_annotation") == [("warning", "other-train-data", 1),
                                                        ("note", "other-test-data", 1)]
    assert {level for level, *_ in found(session(), now, "dataset")} == {"note"}
    assert {level for level, *_ in found(session(), now, "batch_size")} == {"warning"}


def test_another_order_is_a_note():
    now = session(splits={"train": samples(), "test": Samples(
        ["c", "b", "a"], [1, 1, 0], [30, 20, 10], "sizes of files").summary()})
    assert found(session(), now) == [("note", "other-test-order", 1)]


def test_a_split_that_only_one_of_them_has_is_not_compared():
    now = session(splits={"test": samples(), "val": samples()})
    assert compare(session(), now) == []


def test_a_list_with_the_same_samples_is_a_note_and_other_boxes_are_a_warning():
    def files(lists, boxes):
        return session(files={"train_annotation": {"name": "train.txt", "sha256": lists}, "recipe": {"sha256": lists},
                              "bounding_box_face": {"name": "face.json", "sha256": boxes}})

    assert found(files("1", "2"), files("9", "2")) == [("note", "other-train_annotation", 1)]
    assert found(files("1", "2"), files("1", "9")) == [("warning", "other-bounding_box_face", 1)]
    assert found(files("1", "2"), files("1", "9"), "bounding_box_face") == [("note", "other-bounding_box_face", 1)]
    other = {"splits": {"train": samples(a=None), "test": samples()}}
    assert found(files("1", "2"), files("9", "2") | other) == [("warning", "other-train-data", 1)]  # once is enough


def test_boxes_that_the_run_had_not_are_noted_where_asked_for():
    then = session(files={})
    now = session(files={"bounding_box_face": {"name": "face.json", "sha256": "2"}})
    assert found(then, now, "bounding_box_face") == [("note", "other-bounding_box_face", 1)]


def test_code_is_named():
    changed = {"models/net.py": "z", "models/new.py": "n", "main.py": "y"}
    now = session(code={"sha256": "y", "files": {k: v for k, v in (FILES | changed).items() if k != "trainer.py"},
                        "git": {"commit": OTHER, "dirty": True}})
    [finding] = compare(session(), now)
    assert (finding.level, finding.name, finding.count) == ("warning", "other-code", 3)
    assert finding.example == "models/net.py, models/new.py, trainer.py"
    assert finding.text == ("code of the run differs (1111111111 then, 2222222222 with changes now), in "
                            "models, trainer.py")


@pytest.mark.parametrize("name", ["main.py", "utils/report/frame.py", "utils/provenance/new.py"])
def test_code_that_no_score_depends_on_is_a_note(name):
    now = session(code={"sha256": "y", "files": FILES | {name: "z"}, "git": None})
    assert found(session(), now) == [("note", "other-code", 1)]
    assert "no commit, code y now" in compare(session(), now)[0].text


def test_another_commit_of_the_same_code_is_not_told():
    now = session(code={"sha256": "x", "files": FILES, "git": {"commit": OTHER, "dirty": False}})
    assert compare(session(), now) == []
    assert commit_of({"sha256": "abc", "git": {"commit": None, "dirty": True}}) == "no commit, code abc"


@pytest.mark.parametrize("name, version, of, level", [
    ("torch", "2.12.0+cpu", "sizes of files", "warning"),
    ("torch", "2.12.0", "texts", "warning"),
    ("torch", "3.11.0", "texts", "warning"),
    ("torch", "2.11.1+cu126", "sizes of files", "note"),
    ("torch", "2.11.0+cu126", "texts", "note"),
    ("transformers", "5.2.0", "texts", "warning"),
    ("transformers", "6.0.0", "sizes of files", "note"),  # clips are not read by it
    ("decord2", "3.5.0", "sizes of files", "warning"),
    ("decord2", "3.5.0", "texts", "note"),
    ("timm", None, "sizes of files", "warning"),
    ("tqdm", "5.0.0", "sizes of files", "note"),
])
def test_versions(name, version, of, level):
    then = session(splits={"test": samples(of)})
    now = then | {"packages": PACKAGES | {name: version}}
    [finding] = compare(then, now)
    assert finding.level == level
    assert finding.text == f"{name} {PACKAGES[name]} then, {version} now"


def test_a_package_that_was_not_needed_then_is_not_told():
    assert compare(session(), session(packages=PACKAGES | {"einops": "0.8"})) == []


@pytest.mark.parametrize("change, said", [
    (dict(gpu="H100", device="cuda"), "device cpu then, cuda now; GPU none then, H100 now"),
    (dict(cpu="Xeon"), "processor EPYC then, Xeon now"), (dict(python="3.12.0"), "Python 3.11.7 then, 3.12.0 now"),
    (dict(os="Darwin 24.1"), "system Linux 6.1 then, Darwin 24.1 now"),
    (dict(precision="bfloat16"), "precision float32 then, bfloat16 now"),
])
def test_another_machine_is_a_note(change, said):
    [finding] = compare(session(), session(machine=MACHINE | change))
    assert (finding.level, finding.text) == ("note", f"another machine: {said}")


def test_other_weights_at_the_start_are_a_note():
    def start(sha):
        return session(weights={"init_from": {"name": "model.safetensors", "sha256": sha}})

    assert found(start("1"), start("2")) == [("note", "other-start", 1)]
    assert compare(start("1"), session()) == []  # not there any more, nor needed
