from dataclasses import fields

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.config import (
    SimclrConfig,
    SimclrDataConfig,
    SimclrLossConfig,
    SimclrModelConfig,
    SimclrTrainConfig,
    flag,
)
from utils.errors import UserError
from utils.recipe import load_config, save_config

NAN = float("nan")
WRONG = [
    (SimclrDataConfig, [
        dict(load_size=-1), dict(load_size=1), dict(load_size=223), dict(load_size=63, image_size=64), dict(window=0),
        dict(window=1.1), dict(window=NAN), dict(crop_scale=0), dict(crop_scale=1.1), dict(flip=-0.1), dict(flip=1.1),
        dict(grey=-0.1), dict(grey=1.1), dict(blur=-0.1), dict(blur=1.1), dict(blur=NAN), dict(colour=-0.1),
        dict(colour=1.3)]),
    (SimclrModelConfig, [dict(head_width=0), dict(chunk_size=-1)]),
    (SimclrLossConfig, [
        dict(moco_m=1.1), dict(moco_m=-0.1), dict(moco_k=0), dict(projection_width=0), dict(temperature=0),
        dict(temperature=NAN), dict(moco_t=0), dict(moco_t=-1)]),
    (SimclrTrainConfig, [dict(neighbours=0), dict(lr=-0.1), dict(lr=NAN), dict(epochs=0)]),
]
RIGHT = [
    (SimclrDataConfig, dict(load_size=0, window=1, crop_scale=1, flip=0, grey=0, blur=0, colour=0)),
    (SimclrDataConfig, dict(load_size=64, image_size=64, window=1e-6, crop_scale=1e-6, flip=1, grey=1, blur=1,
                            colour=1.25)),
    (SimclrModelConfig, dict(head_width=1, chunk_size=0, head_layers=3)),
    (SimclrLossConfig, dict(moco_m=0, moco_k=1, projection_width=1, temperature=1e-6, moco_t=1e-6)),
    (SimclrLossConfig, dict(moco_m=1)),
    (SimclrTrainConfig, dict(neighbours=1, lr=0, warmup_epochs=0)),
    (SimclrTrainConfig, dict(lr="auto", optimizer="auto")),
]


@pytest.mark.parametrize("section, settings", [(s, case) for s, cases in WRONG for case in cases], ids=str)
def test_a_value_out_of_range_is_named_by_its_flag(section, settings):
    with pytest.raises(UserError, match=f"^{flag(next(iter(settings)))} "):
        section(**settings)


@pytest.mark.parametrize("section, settings", RIGHT, ids=str)
def test_values_on_the_edge_are_taken(section, settings):
    taken = section(**settings)
    assert {name: getattr(taken, name) for name in settings} == settings


# ---------------------------------------------------------------- settings that do nothing beside the others

QUEUE = {"moco_k", "moco_m", "moco_t"}
OF_QUEUE, OF_BATCH = "used with --ssl moco only", "used with --ssl simclr only; MoCo's is moco_t"


@pytest.mark.parametrize("ssl, unused", [
    ("simclr", dict.fromkeys(QUEUE, OF_QUEUE)), ("moco", {"temperature": OF_BATCH})])
def test_each_objective_has_settings_of_its_own(ssl, unused):
    config = SimclrConfig(loss=SimclrLossConfig(ssl))
    assert config.unused() == unused | dict.fromkeys(("stream_lanes", "shuffle_buffer"), "used with --stream only")
    names = {field.name for field in fields(SimclrLossConfig)}
    assert names & set(config.flat()) == names - set(unused)


@pytest.fixture
def recipe(tmp_path):
    """Write YAML of a SimCLR run to a file, and return its path as a string."""

    def write(text: str = "") -> str:
        (tmp_path / "mine.yaml").write_text(f"model: simclr\n{text}")
        return str(tmp_path / "mine.yaml")

    return write


@pytest.mark.parametrize("text, said", [
    ("temperature: 0.1\nssl: moco", f"temperature: {OF_BATCH}"),
    ("moco_t: 0.1", f"moco_t: {OF_QUEUE}"),
    ("ssl: simclr\nmoco_k: 64\nmoco_m: 0.9", f"moco_k: {OF_QUEUE}; moco_m: {OF_QUEUE}"),
])
def test_a_key_out_of_use_is_an_error(recipe, text, said):
    path = recipe(text)
    with pytest.raises(UserError) as error:
        load_config(path)
    assert str(error.value) == f"{path}: {said}"


@pytest.mark.parametrize("text, flags, said", [
    ("", "--moco-m 0.9", f"moco_m: {OF_QUEUE}"), ("ssl: moco", "--temperature=0.2", f"temperature: {OF_BATCH}"),
    ("ssl: moco\nmoco_k: 9", "--ssl simclr --moco-k 8", f"moco_k: {OF_QUEUE}"),
    ("", "--ssl moco --temperature 0.2", f"temperature: {OF_BATCH}"),
])
def test_a_flag_out_of_use_is_an_error(recipe, text, flags, said):
    with pytest.raises(UserError) as error:
        load_config(recipe(text), flags.split())
    assert str(error.value) == f"command line: {said}"


@pytest.mark.parametrize("text, ssl, told", [
    ("temperature: 0.1", "moco", [f"no longer used: temperature: {OF_BATCH}"]),
    ("ssl: moco\nmoco_k: 9", "simclr", [f"no longer used: moco_k: {OF_QUEUE}"]),
    ("", "moco", []), ("ssl: moco", "simclr", []), ("temperature: 0.1", "simclr", []),
])
def test_a_key_put_out_of_use_by_a_flag_is_told(recipe, caplog, text, ssl, told):
    assert load_config(recipe(text), ["--ssl", ssl]).loss.ssl == ssl
    assert caplog.messages == told


# ---------------------------------------------------------------- what `auto` stands for

def settled(batch_size: int, **train) -> tuple[str, float]:
    config = SimclrConfig(data=SimclrDataConfig(batch_size=batch_size), train=SimclrTrainConfig(**train)).settled()
    return config.train.optimizer, config.train.lr


@pytest.mark.parametrize("batch, train, optimizer, lr", [
    (256, {}, "sgd", 0.3), (512, {}, "sgd", 0.6), (8, {}, "sgd", 0.009375), (1023, {}, "sgd", 1.198828125),
    (1024, {}, "lars", 1.2), (4096, {}, "lars", 4.8),
    (256, dict(optimizer="adamw"), "adamw", 0.001), (1024, dict(optimizer="adamw"), "adamw", 0.004),
    (64, dict(optimizer="lars"), "lars", 0.075), (4096, dict(optimizer="sgd"), "sgd", 4.8),
    (4096, dict(lr=0.5), "lars", 0.5), (64, dict(lr=0.0), "sgd", 0.0),
    (512, dict(lr=2e-3, optimizer="adamw"), "adamw", 2e-3),
])
def test_auto_is_settled_by_the_batch_and_what_is_said_stays(batch, train, optimizer, lr):
    assert settled(batch, **train) == (optimizer, pytest.approx(lr))


def test_a_batch_of_one_clip_has_no_negatives_but_those_of_a_queue():
    with pytest.raises(UserError, match="^--batch-size 1: a clip by itself has nothing to be told from$"):
        SimclrConfig(data=SimclrDataConfig(batch_size=1))
    SimclrConfig(data=SimclrDataConfig(batch_size=1), loss=SimclrLossConfig(ssl="moco"))


def test_settling_changes_nothing_else():
    config = SimclrConfig("mine", SimclrDataConfig(batch_size=2048), train=SimclrTrainConfig(seed=3, epochs=7))
    expected = SimclrConfig("mine", SimclrDataConfig(batch_size=2048), train=SimclrTrainConfig(
        seed=3, epochs=7, optimizer="lars", lr=2.4))
    assert config.settled().settled() == config.settled() == expected


def test_flags_have_their_part_in_what_auto_stands_for(recipe):
    path = recipe("batch_size: 128\n")
    assert load_config(path).train == SimclrTrainConfig(optimizer="sgd", lr=0.15)
    assert load_config(path, ["--batch-size", "1024"]).train == SimclrTrainConfig(optimizer="lars", lr=1.2)
    assert load_config(path, ["--optimizer", "adamw"]).train.lr == 0.0005
    assert load_config(recipe("lr: 0.7\n"), ["--lr", "auto"]).train.lr == 0.3 * 8 / 256


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.integers(2, 5000), optimizer=st.sampled_from(["auto", "lars", "adamw", "sgd"]),
       lr=st.just("auto") | st.floats(0, 9), ssl=st.sampled_from(["simclr", "moco"]), window=st.floats(0.01, 1))
def test_the_saved_config_holds_numbers_and_is_itself_a_recipe(tmp_path, batch, optimizer, lr, ssl, window):
    config = SimclrConfig("config", SimclrDataConfig(batch_size=batch, window=window), loss=SimclrLossConfig(ssl),
                          train=SimclrTrainConfig(optimizer=optimizer, lr=lr)).settled()
    path = tmp_path / "config.yaml"
    save_config(config, path)
    saved = yaml.safe_load(path.read_text())
    assert isinstance(saved["lr"], float) and saved["optimizer"] in ("lars", "adamw", "sgd")
    assert load_config(str(path)) == config
    assert load_config(str(path), ["--batch-size", "4096"]).train == config.train  # another batch to evaluate with
