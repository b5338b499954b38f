"""`main.py export`: what it writes, prints and refuses. The folder itself is tested in tests/inference/test_hub.py."""

import json
import re
import shutil
from pathlib import Path

import huggingface_hub
import onnx
import pytest
import torch
from huggingface_hub import ModelCard

from commands import export_onnx as command
from dataloaders.datasets import CAER
from inference import load_run
from inference.onnx import OnnxNetwork
from main import main
from tests.inference.random_reviews import save_review_run
from tests.inference.runs import footage, save_run, write_folder
from tests.small_reviews import ROWS
from utils.config import WindowSettings
from utils.errors import UserError

REVIEWS = [text for text, _ in ROWS]


@pytest.fixture(scope="module")
def clips(configure, tmp_path_factory) -> Path:
    return save_run(configure("--temperature 0.05"), tmp_path_factory.mktemp("clips") / "run")


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> Path:
    return save_review_run(tmp_path_factory.mktemp("reviews"))


@pytest.fixture
def run(clips, tmp_path) -> Path:
    """A copy of the run on clips, with scores."""
    folder = shutil.copytree(clips, tmp_path / "run")
    scores = {"clips": 7, "war": 0.5, "uar": 0.4, "macro_f1": 0.3, "baselines": {"majority": {"war": 0.2}}}
    (folder / "metrics.json").write_text(json.dumps({"test": scores}))
    return folder


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# safetensors


def test_the_folder_is_a_run_for_predict(run, tmp_path, capsys):
    assert main(["export", str(run)]) == 0
    out = run / "export"
    assert capsys.readouterr().out == f"{out}: README.md, config.json, config.yaml, model.safetensors\n"
    film = write_folder(tmp_path / "film", footage(50))
    said = []
    for folder in (run, out):
        place = tmp_path / "said"
        assert main(["predict", str(folder), str(film), "--window", "1", "--output-dir", str(place)]) == 0
        said.append({name: (place / name).read_bytes() for name in files_of(place)})
        shutil.rmtree(place)
    assert said[0] == said[1] and any(name.endswith(".jsonl") for name in said[0])
    card = ModelCard.load(out / "README.md")
    assert card.data.eval_results[0].metric_value == 0.4 and "| test, majority | – | 20.0 | – |" in card.content


def test_a_run_on_reviews_and_a_place_of_ones_own(reviews, tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    assert main(["export", str(reviews), "--output-dir", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: README.md, config.json, config.yaml, model.safetensors, tokenizer\n"
    expected = load_run(reviews, "cpu").predict(REVIEWS)
    assert load_run(out, "cpu").predict(REVIEWS) == expected and sum(map(len, expected)) > 3


def test_an_older_export_is_replaced_card_and_all(run):
    assert main(["export", str(run)]) == 0
    before = (run / "export" / "README.md").read_text(encoding="utf-8")
    (run / "metrics.json").unlink()
    assert main(["export", str(run)]) == 0
    after = (run / "export" / "README.md").read_text(encoding="utf-8")
    assert "50.0" in before and "50.0" not in after and "It was not scored" in after


def test_an_upload_is_what_was_written(run, tmp_path, monkeypatch, capsys):
    asked = {}

    def create(self, repo_id, private, exist_ok):
        asked.update(repo_id=repo_id, private=private)
        return type("Repo", (), {"repo_id": repo_id})

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", lambda self, *, folder_path, **_: str(
        shutil.copytree(folder_path, tmp_path / "hub")))
    for flags, private in ([], True), (["--no-private"], False):
        assert main(["export", str(run), "--push-to-hub", "owner/name", *flags]) == 0
        assert asked == {"repo_id": "owner/name", "private": private}
        assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "hub")
        for name in files_of(run / "export"):
            assert (tmp_path / "hub" / name).read_bytes() == (run / "export" / name).read_bytes()
        assert files_of(tmp_path / "hub") == files_of(run / "export")
        shutil.rmtree(tmp_path / "hub")


def test_a_failed_upload_is_one_line_and_the_folder_stays(run, monkeypatch, capsys):
    def refused(self, **settings):
        raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refused)
    assert main(["export", str(run), "--push-to-hub", "owner/name"]) == 2
    assert capsys.readouterr().err == "error: --push-to-hub owner/name: no route to host\n"
    assert "model.safetensors" in files_of(run / "export")


# ONNX


@pytest.fixture
def written_once(monkeypatch):
    """One file for all: to write it takes seconds."""
    export = command.export_clips

    def write(network, size, path):
        if not KEPT:
            export(network, size, path)
            KEPT["file"] = path.read_bytes()
        path.write_bytes(KEPT["file"])

    monkeypatch.setattr(command, "export_clips", write)


KEPT = {}


def test_onnx_is_written_and_compared(run, written_once, tmp_path, capsys):
    assert main(["export", str(run), "--format", "onnx"]) == 0
    said = re.fullmatch(r"(.*): differs from PyTorch by (\S+) at most, on fresh inputs\n", capsys.readouterr().out)
    assert said[1] == str(run / "model.onnx") and 0 <= float(said[2]) <= 1e-4
    onnx.checker.check_model(str(run / "model.onnx"), full_check=True)
    film, windows = write_folder(tmp_path / "film", footage(50)), WindowSettings(window=1)
    ours, theirs = (load_run(run, "cpu", windows=windows, onnx=way).predict(film) for way in (False, True))
    for a, b in zip(ours, theirs, strict=True):
        assert b.probabilities == pytest.approx(a.probabilities, abs=1e-4)
    assert len(ours) == 3 and list(ours[0].probabilities) == CAER


def test_onnx_of_reviews_in_another_folder(reviews, tmp_path, capsys):
    assert main(["export", str(reviews), "--format", "onnx", "--output-dir", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'new' / 'model.onnx'}: differs from PyTorch by ")
    assert files_of(tmp_path / "new") == {"model.onnx"} and not (reviews / "model.onnx").exists()
    for name in ("config.yaml", "model.safetensors"):
        shutil.copy(reviews / name, tmp_path / "new")
    shutil.copytree(reviews / "tokenizer", tmp_path / "new" / "tokenizer")
    ours, theirs = (load_run(folder, "cpu", onnx=way).predict(REVIEWS)
                    for folder, way in ((reviews, False), (tmp_path / "new", True)))
    for one, other in zip(sum(ours, []), sum(theirs, []), strict=True):
        assert one["aspect"] == other["aspect"] and other["mentioned"] == pytest.approx(one["mentioned"], abs=1e-4)


def shifted(by: float, only: int, self, batch):
    """The file's answer, but in one of the batches that are compared."""
    output = FORWARD(self, batch)
    if len(output.logits) == only:
        output.logits.view(-1)[-1] += by
    return output


FORWARD = OnnxNetwork.forward


@pytest.mark.parametrize("by, only, said", [
    (3e-4, 5, r"3\.0e-04"), (-3e-4, 1, r"3\.0e-04"), (float("inf"), 2, "inf"), (float("nan"), 1, "nan"),
    (float("nan"), 5, "nan")])
def test_a_file_that_computes_otherwise_is_refused_and_an_earlier_one_stays(run, written_once, monkeypatch, capsys, by,
                                                                            only, said):
    monkeypatch.setattr(OnnxNetwork, "forward", lambda self, batch: shifted(by, only, self, batch))
    (run / "model.onnx").write_bytes(b"earlier")
    before = files_of(run)
    assert main(["export", str(run), "--format", "onnx"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(f"error: export: the ONNX file differs from PyTorch by {said}, more than 0.0001", error)
    assert (run / "model.onnx").read_bytes() == b"earlier" and files_of(run) == before


def test_every_output_is_compared():
    ours = torch.zeros(2, 3), torch.ones(2)
    for place in range(2):
        theirs = [part.clone() for part in ours]
        theirs[place].view(-1)[1] += 0.5
        outputs = [type("Output", (), {"logits": logits, "mention": mention}) for logits, mention in (ours, theirs)]
        assert command._difference(*outputs) == 0.5
        if place:
            outputs[0].mention = None
            assert command._difference(*outputs) == 0


# Mistakes


@pytest.mark.parametrize("flags, said", [
    (["--format", "pickle"], "pickle"), (["--colour"], "--colour"),
    (["--format", "onnx", "--push-to-hub", "a/b"], "--push-to-hub: uploads what --format safetensors writes"),
    (["--output-dir", "{run}"], "--output-dir {run}: is the run itself"),
    (["--output-dir", "{run}/config.yaml"], "--output-dir {run}/config.yaml: cannot be made: File exists"),
    (["--format", "onnx", "--output-dir", "{run}/config.yaml/x"], "config.yaml/x: cannot be made: Not a directory"),
])
def test_a_mistake_is_one_line_and_the_run_stays_as_it_is(run, capsys, flags, said):
    before = {name: (run / name).read_bytes() for name in files_of(run)}
    assert main(["export", str(run), *(flag.format(run=run) for flag in flags)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and said.format(run=run) in error
    assert {name: (run / name).read_bytes() for name in files_of(run)} == before


def test_what_is_no_run_or_knows_no_classes(simclr_run, tmp_path, capsys):
    assert main(["export", str(tmp_path)]) == 2 and f"{tmp_path}: no run" in capsys.readouterr().err
    for form in ("safetensors", "onnx"):
        assert main(["export", str(simclr_run), "--format", form, "--output-dir", str(tmp_path / "out")]) == 2
        assert "was pretrained without labels and knows no classes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_lists_the_flags(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["export", str(tmp_path), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and set(re.findall(r"--[a-z-]+", said)) >= {
        "--format", "--output-dir", "--push-to-hub", "--private", "--no-private"}
    assert main(["export", "--help"]) == 0 and "main.py export RUN [flags]" in capsys.readouterr().out


def test_nothing_of_others_is_written_over(clips, tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    assert main(["export", str(clips), "--output-dir", str(tmp_path)]) == 2
    assert "holds other files" in capsys.readouterr().err and (tmp_path / "README.md").read_text() == "mine"
    for _ in range(2):  # what an export made, an export may make anew
        assert main(["export", str(clips), "--output-dir", str(tmp_path / "own")]) == 0


@pytest.mark.slow
def test_onnx_is_not_run_beside_other_weights(clips, tmp_path):
    folder = shutil.copytree(clips, tmp_path / "run")
    assert main(["export", str(folder), "--format", "onnx"]) == 0
    load_run(folder, "cpu", onnx=True)
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes() + b" ")
    with pytest.raises(UserError, match="made of other weights"):
        OnnxNetwork(folder)
