import subprocess

import pytest

from utils.provenance.code import ROOT, code, git_state


def git(folder, *words):
    name = ("-c", "user.name=Mia Muster", "-c", "user.email=mia@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True,
                          text=True).stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A project of three files of code under git, with one commit."""
    for name in ("main.py", "models/net.py", "utils/deep/er.py", "README.md", "scripts/no.py", "models/net.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    git(tmp_path, "init", "-q", "-b", "work")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_clean_repository(project):
    commit = git(project, "rev-parse", "HEAD")
    assert git_state(project) == {"commit": commit, "branch": "work", "dirty": False, "diff": None, "changed": []}
    assert len(commit) == 40


def test_changed_removed_and_unknown_code_is_named(project):
    (project / "models/net.py").write_text("# changed\n")
    (project / "utils/deep/er.py").unlink()
    (project / "new.py").write_text("")
    (project / "notes.txt").write_text("no code")
    state = git_state(project)
    assert state["dirty"] and state["changed"] == ["models/net.py", "new.py", "utils/deep/er.py"]
    (project / "models/net.py").write_text("# changed otherwise\n")
    assert git_state(project)["diff"] not in (None, state["diff"])


def test_a_staged_change_is_one(project):
    (project / "README.md").write_text("other")
    git(project, "add", ".")
    assert git_state(project)["changed"] == ["README.md"]


def test_without_a_branch_or_a_commit(project, tmp_path_factory):
    git(project, "checkout", "-q", "--detach")
    assert git_state(project)["branch"] is None
    empty = tmp_path_factory.mktemp("empty")
    git(empty, "init", "-q", "-b", "work")
    (empty / "main.py").write_text("")
    assert git_state(empty)["commit"] is None and git_state(empty)["changed"] == ["main.py"]


def test_no_repository_that_of_others_and_no_git(project, tmp_path_factory, monkeypatch):
    assert git_state(project / "models") is None  # lies in the repository of another project
    assert git_state(tmp_path_factory.mktemp("bare")) is None
    monkeypatch.setenv("PATH", "")
    assert git_state(project) is None
    assert code(project)["git"] is None and len(code(project)["files"]) == 3


def test_the_hash_is_of_code_alone_and_of_names_too(project):
    before = code(project)
    assert list(before["files"]) == ["main.py", "models/net.py", "utils/deep/er.py"]
    for name in ("README.md", "scripts/no.py", "models/net.json"):
        (project / name).write_text("other")
    (project / "main.py").write_bytes(b"# main.py\r\n")  # as git checks out elsewhere
    assert code(project)["sha256"] == before["sha256"]
    (project / "main.py").rename(project / "men.py")
    assert code(project)["sha256"] != before["sha256"]
    (project / "men.py").rename(project / "main.py")
    (project / "models/net.py").write_text("# changed")
    after = code(project)
    assert after["sha256"] != before["sha256"]
    assert [name for name in after["files"] if after["files"][name] != before["files"][name]] == ["models/net.py"]


def test_what_cannot_be_read_is_no_accident(project):
    (project / "models/gone.py").symlink_to(project / "nowhere")
    (project / "models/folder.py").mkdir()
    assert "models/gone.py" in code(project)["files"]


def test_our_own_files():
    files = code()["files"]
    assert {"main.py", "trainer.py", "utils/provenance/code.py", "dataloaders/fingerprints.py"} <= files.keys()
    assert not [name for name in files if name.startswith(("tests", "scripts", ".venv"))]
    assert (ROOT / "pyproject.toml").is_file()
