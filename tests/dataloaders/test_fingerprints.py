import shutil

import pytest

from dataloaders import build_loaders
from dataloaders.fingerprints import data_files, fingerprints
from tests import small_reviews, small_simclr
from utils.provenance.samples import Changes, changes
from utils.recipe import load_config


@pytest.fixture
def data(caer, tmp_path):
    return shutil.copytree(caer, tmp_path / "data")


def of(config, folder, trained=False, labels=None):
    loaders, found = build_loaders(config, folder, labels)
    return fingerprints(config, loaders, training=labels is None), found


def both(config, folder):
    """Of the loaders that train, and of those that evaluate."""
    training, labels = of(config, folder)
    return training, of(config, folder, labels=labels)[0]


def test_clips_have_ids_labels_and_sizes(configure, caer, tmp_path):
    found, _ = of(configure(), tmp_path)
    test = found["test"]
    assert test.ids == [f"CAER/test/{name}/0000.png" for name in (
        "Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")]
    assert test.labels == list(range(7)) and test.of == "sizes of files"
    assert test.contents == [(caer / name).stat().st_size for name in test.ids]
    assert {split: len(samples.ids) for split, samples in found.items()} == {"train": 14, "val": 7, "test": 7}


def test_a_change_on_disk_is_found(configure, data, tmp_path):
    config = configure(f"--root-dir {data}")
    before, _ = of(config, tmp_path)
    assert of(configure(), tmp_path)[0] == before  # elsewhere, but the same
    (data / "CAER/test/Happy/0000.png").write_bytes(b"other")
    (data / "CAER/test/Anger/0000.png").rename(data / "CAER/test/Fear/0001.png")
    after, _ = of(config, tmp_path)
    assert changes(before["test"].summary(), after["test"].summary()) == Changes(1, 1, 0, 1, False)
    assert after["train"] == before["train"] and after["val"] == before["val"]


def test_a_folder_of_frames_and_a_clip_that_is_gone_have_no_size(configure, data, tmp_path):
    (data / "CAER/test/Happy/0000.png").unlink()
    (data / "CAER/test/Happy/frames").mkdir()
    rows = "".join(f"CAER/train/{name}/0000.png 1 {label}\n" for label, name in enumerate(
        ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")))
    (data / "train.txt").write_text(rows)
    (data / "test.txt").write_text("CAER/test/Happy/0000.png 1 3\nCAER/test/Happy/frames 9 3\n"
                                   "CAER/test/Fear/0000.png 1 2\n")
    words = f"--root-dir {data} --train-annotation train.txt --val-annotation train.txt --test-annotation test.txt"
    config = configure(words)
    found, _ = of(config, tmp_path)
    assert found["test"].contents[:2] == ["absent", "folder"] and found["test"].contents[2] > 0
    assert data_files(config) == {"train_annotation": data / "train.txt", "val_annotation": data / "train.txt",
                                  "test_annotation": data / "test.txt"}


@pytest.mark.parametrize("flags", ["", "--label-fraction 0.5", "--use-weighted-sampler", "--streams face"])
def test_evaluation_finds_the_clips_of_training(configure, tmp_path, flags):
    training, evaluating = both(configure(flags), tmp_path)
    assert training == evaluating
    assert len(training["train"].ids) == (7 if "fraction" in flags else 14)


def test_no_label_is_learned_from_without_labels(simclr_recipe, tmp_path):
    training, evaluating = both(small_simclr.configure(simclr_recipe), tmp_path)
    assert training == evaluating
    assert set(training["train"].labels) == {None} and training["test"].labels == list(range(7))


def test_of_a_folder_without_labels_training_alone_tells(simclr_recipe, caer, tmp_path):
    config = small_simclr.configure(simclr_recipe, f"--unlabelled {caer / 'CAER/train/Fear'}")
    training, evaluating = both(config, tmp_path)
    assert training["train"].ids == ["0000.png", "0001.png"]
    assert evaluating == {split: training[split] for split in ("val", "test")}


def test_reviews_have_targets_and_texts(tmp_path):
    config = small_reviews.configure(tmp_path)
    training, evaluating = both(config, tmp_path / "run")
    assert training == evaluating
    train = training["train"]
    assert (train.ids[0], train.contents[0], train.of) == ("1", "Pin rất trâu", "texts")
    assert train.labels[0] == [0, -1, -1, -1] and len(train.labels) == 8
    assert data_files(config) == {f"{of}_annotation": tmp_path / f"{of}.csv" for of in ("train", "val", "test")}
    small_reviews.write_table(tmp_path / "test.csv", [("Pin rất tốt", "{BATTERY#Positive};"), *small_reviews.ROWS[3:]])
    after = fingerprints(config, build_loaders(config, tmp_path / "run")[0], training=True)
    assert changes(training["test"].summary(), after["test"].summary()) == Changes(0, 0, 1, 1, False)


def test_boxes_are_among_the_files(recipe, caer, tmp_path):
    (tmp_path / "face.json").write_text("{}")
    config = load_config(str(recipe), ["--bounding-box-face", str(tmp_path / "face.json")])
    assert data_files(config) == {"bounding_box_face": tmp_path / "face.json"}
