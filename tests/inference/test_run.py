import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import models
from dataloaders.datasets import CAER
from inference import load_run
from inference.clips import ClipPredictor
from inference.reviews import ReviewPredictor
from inference.run import open_run
from tests.inference.runs import Bomb
from utils.config import WindowSettings
from utils.errors import UserError
from utils.recipe import load_config, save_config


def test_a_run_is_its_settings_its_classes_and_its_weights(clip_run):
    run = open_run(clip_run)
    assert run.labels.classes == CAER and run.config.data.num_segments == 2 and run.config.recipe == "small"
    saved, network = load_file(clip_run / "model.safetensors"), run.network
    assert not network.training and run.network is network
    state = network.state_dict()
    assert state.keys() == saved.keys() and all(torch.equal(state[name], value) for name, value in saved.items())


@pytest.mark.parametrize("door", [load_run, models.load_run])
def test_a_run_is_opened_by_what_it_was_trained_on(clip_run, review_run, door):
    windows = WindowSettings(window=1.5)
    clips, reviews = door(str(clip_run), "cpu", windows=windows, classes=["bored", "tired"]), door(review_run, "cpu")
    assert isinstance(clips, ClipPredictor) and isinstance(reviews, ReviewPredictor)
    assert clips.windows is windows and clips.classes == ["bored", "tired"] and clips.device.type == "cpu"
    assert reviews.device.type == "cpu"


def test_settings_and_weights_are_all_that_it_takes(clip_run, three_seconds, tmp_path):
    for name in ("config.yaml", "model.safetensors"):
        shutil.copy(clip_run / name, tmp_path / name)
    assert load_run(tmp_path, "cpu").predict(three_seconds) == load_run(clip_run, "cpu").predict(three_seconds)


def without_weights(folder, _):
    (folder / "model.safetensors").unlink()


def garbage(folder, _):
    (folder / "model.safetensors").write_bytes(b"no weights at all")


def cut_short(folder, _):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def a_pickle(folder, mark):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb(mark)))


def a_checkpoint(folder, mark):
    torch.save({"weights": Bomb(mark)}, folder / "model.safetensors")


def of_nobody(folder, _):
    save_file({"weight": torch.ones(1)}, folder / "model.safetensors")


def without_settings(folder, _):
    (folder / "config.yaml").unlink()


def a_hostile_recipe(folder, mark):
    (folder / "config.yaml").write_text(f"dataset: !!python/object/apply:pathlib.Path.touch ['{mark}']\n")


def pretrained(folder, _):
    save_config(load_config("simclr_demo"), folder / "config.yaml")


def another_network(folder, _):
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("adapter_ratio: 4", "adapter_ratio: 2"))


@pytest.mark.parametrize("damage, said", [
    (without_weights, "model.safetensors: no such file; give the folder of a finished run"),
    (garbage, "model.safetensors: not the weights of a run: "), (cut_short, "not the weights of a run: "),
    (a_pickle, "not the weights of a run: "), (a_checkpoint, "not the weights of a run: "),
    (of_nobody, "not the weights of a run: does not say its classes"),
    (without_settings, "no run; give the folder of a finished one, with its config.yaml"),
    (a_hostile_recipe, "config.yaml"),
    (pretrained, "was pretrained without labels and knows no classes; train a recogniser from it with --init-from"),
    (another_network, "does not fit the run's config.yaml"),
])
def test_what_is_no_finished_run_is_refused_and_nothing_in_it_executed(clip_run, tmp_path, damage, said):
    folder, mark = shutil.copytree(clip_run, tmp_path / "run"), tmp_path / "mark"
    damage(folder, mark)
    with pytest.raises(UserError) as error:
        load_run(folder, "cpu")
    assert said in str(error.value) and str(folder) in str(error.value) and "\n" not in str(error.value)
    assert not mark.exists()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="nowhere: no run"):
        load_run(tmp_path / "nowhere")
