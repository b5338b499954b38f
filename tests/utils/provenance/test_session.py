import getpass
import hashlib
import json
import platform
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from utils.config import TextConfig, TextModelConfig, VideoConfig, VideoDataConfig, VideoModelConfig
from utils.config.common import TrainConfig
from utils.provenance import Samples, gather
from utils.provenance.session import command, weights


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Of a person called Mia, who works on a machine called marvin."""
    folder = tmp_path / "home" / "mia"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(getpass, "getuser", lambda: "mia")
    monkeypatch.setattr(platform, "node", lambda: "marvin")
    return folder


def session(root: Path, files: dict, words: list[str], monkeypatch) -> dict:
    monkeypatch.setattr("sys.argv", words)
    config = VideoConfig(recipe="mine", data=VideoDataConfig(root_dir=root))
    return gather(config, files, {"val": Samples(["a/mia.png", "b"], [0, 1], [10, "absent"], "sizes of files")})


def test_what_a_session_holds(home, monkeypatch):
    root = home / "data"
    (root / "lists").mkdir(parents=True)
    (root / "lists/train.txt").write_text("a/mia.png 1 0\n")
    (home / "boxes.json").write_text("{}")
    files = {"train_annotation": root / "lists/train.txt", "bounding_box_face": home / "boxes.json",
             "test_annotation": root / "gone.txt"}
    found = session(root, files, [str(home / "main.py"), "train", "mine"], monkeypatch)
    sha = hashlib.sha256(b"a/mia.png 1 0\n").hexdigest()
    assert found["files"] == {
        "train_annotation": {"name": "lists/train.txt", "sha256": sha},
        "bounding_box_face": {"name": "boxes.json", "sha256": hashlib.sha256(b"{}").hexdigest()},
        "test_annotation": {"name": "gone.txt", "sha256": None}}
    assert (found["recipe"], found["seed"], found["command"]) == ("mine", 0, ["main.py", "train", "mine"])
    assert found["splits"]["val"]["count"] == 2
    assert found["packages"]["torch"] and found["machine"]["python"] and len(found["code"]["sha256"]) == 64
    started = datetime.fromisoformat(found["started"])
    assert started.tzinfo == UTC and timedelta(0) <= datetime.now(UTC) - started < timedelta(minutes=2)


def test_nothing_personal_is_in_it(home, monkeypatch):
    (home / "secret.txt").write_text("mia 1 0\n")
    words = [f"{home}/main.py", "train", f"--root-dir={home}", "--output-dir", f"{home}/runs/one", "../../mia", "~/x"]
    found = json.dumps(session(home, {"train_annotation": home / "secret.txt"}, words, monkeypatch))
    found = re.sub(r'"(code|marks)": .*', "", found)  # names of our own files
    assert "mia" not in found and "home" not in found and "marvin" not in found


@pytest.mark.parametrize("word, kept", [
    ("train", "train"), ("configs/caer.yaml", "configs/caer.yaml"), ("runs/caer", "runs/caer"), ("--lr", "--lr"),
    ("--lr=0.1", "--lr=0.1"), ("/data/caer", "…/caer"), ("--root-dir=/data/caer/", "--root-dir=…/caer"),
    ("C:\\Users\\mia\\caer", "…/caer"), ("../x/train.txt", "…/train.txt"), ("~", "…"), ("~/a", "…/a"), ("/", "…"),
    ("..", "…"), ("~mia", "…"), ("/home/mia", "…"),
    ("-1", "-1"), ("a prefix: ", "a prefix: "),
])
def test_words_of_the_command(home, word, kept):
    assert command(["/x/y/main.py", word]) == ["main.py", kept]


def test_a_branch_of_a_person(home, monkeypatch):
    git = {"commit": "1" * 40, "branch": "mia/faces", "dirty": False, "diff": None, "changed": []}
    monkeypatch.setattr("utils.provenance.session.code", lambda: {"sha256": "x", "files": {}, "git": dict(git)})
    assert gather(VideoConfig(), {}, {})["code"]["git"] == git | {"branch": "…/faces"}


def test_an_account_without_a_name(monkeypatch):
    def nameless():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert command(["main.py", "/data/caer"]) == ["main.py", "…/caer"]
    assert command([]) == []


def test_weights_that_are_files(tmp_path):
    for name in ("clip.pt", "run/model.safetensors", "bert/model.safetensors", "bert/config.json", "two/a.bin",
                 "two/b.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    clips = VideoModelConfig(clip_pretrained=str(tmp_path / "clip.pt"), init_from=tmp_path / "run")
    assert weights(VideoConfig(model=clips)) == {
        "clip_pretrained": tmp_path / "clip.pt", "init_from": tmp_path / "run/model.safetensors"}
    assert weights(VideoConfig()) == {}

    def encoder(folder):
        return weights(TextConfig(model=TextModelConfig(encoder=folder)))

    assert encoder(str(tmp_path / "bert")) == {"encoder": tmp_path / "bert/model.safetensors"}
    assert encoder(str(tmp_path / "two")) == {f"encoder: {name}.bin": tmp_path / f"two/{name}.bin" for name in "ab"}
    assert encoder("tiny") == encoder("uitnlp/visobert") == encoder("") == {}


def test_the_device_is_the_run_s(monkeypatch):
    config = VideoConfig()
    assert isinstance(config.train, TrainConfig)
    assert gather(config, {}, {})["machine"]["device"] in ("cpu", "cuda", "mps")
