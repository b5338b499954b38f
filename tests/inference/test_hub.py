import json
import shutil
from dataclasses import fields, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file
from transformers import XLMRobertaConfig, XLMRobertaModel

import inference.hub
from dataloaders.tokenizer import train_tokenizer
from inference import load_run
from inference.hub import PublishedRun, without_paths
from inference.run import open_run
from main import main
from models import read_about
from tests.inference.runs import Bomb
from tests.small_reviews import ROWS, write_recipe
from utils.config import CONFIGS, WindowSettings
from utils.errors import UserError
from utils.recipe import save_config

REVIEWS = [text for text, _ in ROWS] + ["Máy đẹp, pin yếu, chưa từng thấy"]
COMMON = ["README.md", "config.json", "config.yaml", "model.safetensors"]
TOKENIZER = ["tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"]


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module", params=["clips", "reviews"])
def published(request, tmp_path_factory):
    """A run, what was published of it, and what a predictor of either is to do."""
    run = request.getfixturevalue("clip_run" if request.param == "clips" else "review_run")
    read = request.getfixturevalue("three_seconds") if request.param == "clips" else REVIEWS
    settings = {"windows": WindowSettings(window=1)} if request.param == "clips" else {}
    folder = tmp_path_factory.mktemp("published") / request.param
    PublishedRun(open_run(run)).save_pretrained(folder)
    return run, folder, lambda door: door("cpu", **settings).predict(read)


def test_what_is_published_says_what_the_run_says(published):
    run, folder, answers = published
    expected = answers(partial(load_run, run))
    assert len(expected) >= 5 and any(expected)
    assert answers(partial(load_run, folder)) == expected
    assert answers(PublishedRun.from_pretrained(folder).predictor) == expected
    assert answers(PublishedRun.from_pretrained(str(folder)).predictor) == expected


def test_the_layout_is_the_hub_s(published):
    run, folder, _ = published
    reviews = (run / "tokenizer").is_dir()
    assert files_of(folder) == sorted(COMMON + TOKENIZER * reviews)
    ours, theirs = open_run(run), json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert theirs == {"library": "camxuc", "recipe": ours.config.recipe, "model": "text" if reviews else "video",
                      "classes": ours.labels.classes, "aspects": ours.labels.aspects}
    before, after = load_file(run / "model.safetensors"), load_file(folder / "model.safetensors")
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert open_run(folder).labels == ours.labels and not PublishedRun.from_pretrained(folder).training


def test_published_once_more_it_is_the_same(published, tmp_path):
    _, folder, _ = published
    PublishedRun.from_pretrained(folder).save_pretrained(tmp_path)
    assert files_of(tmp_path) == files_of(folder)
    for name in set(files_of(folder)) - {"README.md"}:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_settings_of_the_predictor_and_the_network_itself(clip_run):
    published = PublishedRun(open_run(clip_run))
    assert published.predictor("cpu", classes=["bored", "awake"]).classes == ["bored", "awake"]
    weights = published.state_dict()
    assert {name.removeprefix("network.") for name in weights} == set(load_file(clip_run / "model.safetensors"))
    published.network = torch.nn.Linear(2, 3)
    batch = torch.ones(1, 2)
    assert torch.equal(published(batch), published.network(batch))


def without_weights(folder: Path, _) -> None:
    (folder / "model.safetensors").unlink()


def cut_short(folder: Path, _) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) * 2 // 3])


def without_a_tensor(folder: Path, _) -> None:
    run = open_run(folder)
    del run.network.video  # the rest keeps its names
    inference.hub.save_run_model(run.network, run.labels, folder)


def a_pickle_instead(folder: Path, mark: Path) -> None:
    without_weights(folder, mark)
    torch.save({"weights": Bomb(mark)}, folder / "pytorch_model.bin")


@pytest.mark.parametrize("door", [PublishedRun.from_pretrained, load_run])
@pytest.mark.parametrize("damage, said", [
    (without_weights, "no such file"), (cut_short, "not the weights of a run"),
    (without_a_tensor, "does not fit the run's config.yaml"), (a_pickle_instead, "no such file")])
def test_weights_are_loaded_whole_or_not_at_all(clip_run, tmp_path, door, damage, said):
    folder, mark = tmp_path / "published", tmp_path / "mark"
    PublishedRun(open_run(clip_run)).save_pretrained(folder)
    damage(folder, mark)
    with pytest.raises(UserError, match=said):
        door(folder)
    assert not mark.exists()


# The hub


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Path:
    """A folder in place of the hub: the network is not asked."""
    folder = tmp_path / "hub"

    def upload(self, *, repo_id, folder_path, **settings):
        shutil.copytree(folder_path, folder / repo_id)
        return f"uploaded {repo_id}"

    def download(repo_id, revision, allow_patterns, **settings):
        (folder / "asked").write_text(f"{repo_id} {revision}")
        here = folder / "cache" / repo_id
        for name in files_of(folder / repo_id):
            if any(fnmatch(name, pattern) for pattern in allow_patterns):
                (here / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / repo_id / name, here / name)
        return str(here)

    def create(self, repo_id, private, exist_ok):
        (folder / repo_id).parent.mkdir(parents=True)
        (folder / "private").write_text(str(private))
        return SimpleNamespace(repo_id=repo_id)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload)
    monkeypatch.setattr(inference.hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub.hub_mixin, "hf_hub_download",
                        lambda repo_id, filename, **settings: str(folder / repo_id / filename))
    return folder


def test_to_the_hub_and_back(published, hub):
    run, folder, answers = published
    assert PublishedRun(open_run(run)).push_to_hub("owner/name", private=True) == "uploaded owner/name"
    assert files_of(hub / "owner" / "name") == files_of(folder) and (hub / "private").read_text() == "True"
    (hub / "owner" / "name" / "pytorch_model.bin").write_bytes(b"a pickle that is not asked for")
    fetched = PublishedRun.from_pretrained("owner/name", revision="v2")
    assert (hub / "asked").read_text() == "owner/name v2"
    assert files_of(hub / "cache" / "owner" / "name") == files_of(folder)
    assert answers(fetched.predictor) == answers(partial(load_run, run))


# What tells of the machine


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_bytes().decode("utf-8", "replace") for name in files_of(folder)}


@pytest.mark.parametrize("name, value, told", [
    ("root_dir", Path("/home/alice/data"), None), ("output_dir", Path("../alice"), None),
    ("resume", "/home/alice/last.pt", ""), ("resume", "auto", ""),
    ("train_annotation", Path("/home/alice/train.txt"), Path("train.txt")),
    ("bounding_box_face", Path("alice/new/faces.json"), Path("faces.json")), ("bounding_box_face", None, None),
    ("init_from", Path("/home/alice/runs/pretrained"), Path("pretrained")),
    ("clip_pretrained", "/home/alice/w.pt", "w.pt"), ("clip_pretrained", "../alice/w.pt", "w.pt"),
    ("clip_pretrained", r"C:\Users\alice\w.pt", "w.pt"), ("clip_pretrained", "alice/w.pt", "w.pt"),
    ("clip_pretrained", "~/alice/w.pt", "w.pt"), ("clip_pretrained", "laion2b_s34b_b79k", "laion2b_s34b_b79k"),
    ("clip_model", "timm/resnet10t", "timm/resnet10t"), ("clip_model", "ViT-B-16", "ViT-B-16"),
    ("contexts_init", "a photo/video of", "a photo/video of"), ("contexts_init", "x " * 400, "x " * 400),
])
def test_what_settings_of_clips_tell(configure, name, value, told):
    assert_told(configure(), name, value, told)


@pytest.mark.parametrize("name, value, told", [
    ("encoder", "/home/alice/visobert", "visobert"), ("encoder", "uitnlp/visobert", "uitnlp/visobert"),
    ("encoder", "xlm-roberta-base", "xlm-roberta-base"), ("encoder", "./visobert", "visobert"),
    ("encoder", "../alice/visobert", "visobert"), ("encoder", "work/alice/visobert", "visobert"),
    ("encoder", "here/visobert", "visobert"), ("encoder", r"D:\alice\visobert", "visobert"),
    ("encoder", "tiny", "tiny"),
    ("prefix", "query: ", "query: "), ("aspects", ("PRICE", "a/b/c"), ("PRICE", "a/b/c"))])
def test_what_settings_of_reviews_tell(tmp_path, monkeypatch, name, value, told):
    (tmp_path / "here" / "visobert").mkdir(parents=True)  # a folder, and so no name on the hub
    monkeypatch.chdir(tmp_path)
    assert_told(CONFIGS["text"](), name, value, told)


def every_setting(config) -> dict:
    parts = {section: getattr(config, section) for section in config.sections()}
    return {field.name: getattr(part, field.name) for part in parts.values() for field in fields(part)}


def assert_told(config, name, value, told):
    section = next(key for key, kind in config.sections().items() if name in {field.name for field in fields(kind)})
    config = replace(config, **{section: replace(getattr(config, section), **{name: value})})
    private = {"root_dir": None, "output_dir": None, "resume": ""}  # a stream needs a pack, and is tested below
    assert every_setting(without_paths(config)) == every_setting(config) | private | {name: told}


def test_no_file_of_a_run_on_clips_tells_of_the_machine(clip_run, configure, tmp_path):
    """Every setting that can hold a path holds one."""
    home = "/home/alice/secret"
    config = configure()
    for section, kind in config.sections().items():
        part = getattr(config, section)
        paths = {field.name: Path(home, field.name) for field in fields(kind) if "Path" in str(field.type)}
        paths |= {name: f"{home}/{name}.pt" for name in ("clip_pretrained", "resume", "stream") if hasattr(part, name)}
        config = replace(config, **{section: replace(part, **paths)})
    assert str(config).count("alice") >= 9
    folder = shutil.copytree(clip_run, tmp_path / "alice")
    save_config(config, folder / "config.yaml")
    PublishedRun(open_run(folder)).save_pretrained(tmp_path / "out")
    for name, text in texts(tmp_path / "out").items():
        assert not [word for word in ("alice", "secret", "home/", str(tmp_path)) if word in text], name
    assert "clip_pretrained.pt" in (tmp_path / "out" / "config.yaml").read_text()
    assert load_run(tmp_path / "out", "cpu").classes == open_run(clip_run).labels.classes


def test_no_file_of_a_run_on_reviews_tells_where_its_encoder_lay(tmp_path):
    encoder = tmp_path / "alice" / "small-encoder"
    train_tokenizer([text for text, _ in ROWS], 200).save_pretrained(encoder)
    XLMRobertaModel(XLMRobertaConfig(vocab_size=200, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                                     intermediate_size=16, max_position_embeddings=258)).save_pretrained(encoder)
    recipe = write_recipe(tmp_path / "alice")
    assert main(["train", str(recipe), "--encoder", str(encoder), "--epochs", "1", "--output-dir",
                 str(tmp_path / "alice" / "run"), "--train-annotation", str(tmp_path / "alice" / "train.csv"),
                 "--force"]) == 0
    run = open_run(tmp_path / "alice" / "run")
    assert run.config.model.encoder == str(encoder)
    PublishedRun(run).save_pretrained(tmp_path / "out")
    for name, text in texts(tmp_path / "out").items():
        assert "alice" not in text and str(tmp_path) not in text, name
    assert "started from small-encoder" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert load_run(tmp_path / "out", "cpu").predict(REVIEWS) == load_run(run.folder, "cpu").predict(REVIEWS)


def test_a_run_trained_before_that_was_left_out_tells_neither(review_run, tmp_path):
    folder = shutil.copytree(review_run, tmp_path / "run")
    run = open_run(folder)
    run.network.encoder.config._name_or_path = "/home/alice/visobert"
    about = dict(run.network.about(), encoder=run.network.encoder.config.to_dict())
    run.network.about = lambda: about
    inference.hub.save_run_model(run.network, run.labels, folder)
    assert read_about(folder)["encoder"]["_name_or_path"] == "/home/alice/visobert"
    PublishedRun(open_run(folder)).save_pretrained(tmp_path / "out")
    assert "alice" not in texts(tmp_path / "out")["model.safetensors"]
