import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.config import VideoConfig, VideoDataConfig, VideoLossConfig, VideoModelConfig, VideoTrainConfig
from utils.errors import UserError
from utils.recipe import RECIPES, load_config, save_config


@pytest.fixture
def recipe(tmp_path):
    """Write YAML to a file, and return its path as a string."""

    def write(text: str) -> str:
        (tmp_path / "mine.yaml").write_text(text)
        return str(tmp_path / "mine.yaml")

    return write


def test_flags_win_over_yaml_and_yaml_over_defaults(recipe):
    config = load_config(recipe("epochs: 7\nlr: 1e-2\nuse_moco: false\n"), ["--epochs", "9", "--seed=4"])
    assert config == VideoConfig("mine", loss=VideoLossConfig(use_moco=False), train=VideoTrainConfig(epochs=9, lr=0.01, seed=4))


def test_an_empty_recipe_is_all_defaults(recipe):
    assert load_config(recipe("# nothing\n")) == VideoConfig(recipe="mine")


def test_booleans_have_both_forms(recipe):
    path = recipe("use_amp: false\nuse_weighted_sampler: true\n")
    config = load_config(path)
    assert (config.train.use_amp, config.data.use_weighted_sampler) == (False, True)
    config = load_config(path, ["--use-amp", "--no-use-weighted-sampler"])
    assert (config.train.use_amp, config.data.use_weighted_sampler) == (True, False)


def test_types(recipe):
    text = "milestones: [3, 5]\nroot_dir: /a b/c\nldl_temperature: 0.25\ncontexts_init: a photo of\n"
    config = load_config(recipe(text))
    assert (config.train.milestones, config.data.root_dir) == ((3, 5), Path("/a b/c"))
    assert (config.loss.ldl_temperature, config.model.contexts_init) == (0.25, "a photo of")
    assert load_config(recipe(""), ["--ldl-temperature", "auto"]).loss.ldl_temperature == "auto"


texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f"), max_size=12)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(root=texts.filter(lambda text: text not in ("", "None") and not text.startswith("-")).map(Path),
       milestones=st.lists(st.integers(0, 99), max_size=3).map(sorted).map(tuple), lr=st.floats(0, 10),
       init=texts.filter(lambda text: not text.startswith("-")), temperature=st.just("auto") | st.floats(1e-3, 1e3),
       use_ldl=st.booleans(), seed=st.integers(0, 2**40))
def test_a_saved_config_is_itself_a_recipe(tmp_path, root, milestones, lr, init, temperature, use_ldl, seed):
    config = VideoConfig("config", VideoDataConfig(root_dir=root), VideoModelConfig(contexts_init=init),
                    VideoLossConfig(use_ldl=use_ldl, ldl_temperature=temperature),
                    VideoTrainConfig(lr=lr, milestones=milestones, seed=seed))
    save_config(config, tmp_path / "config.yaml")
    assert load_config(str(tmp_path / "config.yaml")) == config


def test_every_recipe_in_configs_loads_and_is_named_after_its_file():
    names = [path.stem for path in RECIPES.glob("*.yaml")]
    assert {"caer", "caer_s", "daisee", "raer"} <= set(names)
    assert [load_config(name).recipe for name in names] == names


@pytest.mark.parametrize("text, said", [
    ("epocs: 3", "unknown key 'epocs'; did you mean epochs?"),
    ("use_amp: 1", "use_amp: 1 must be true or false"),
    ("use_amp: 'yes'", "use_amp: 'yes' must be true or false"),
    ("epochs: many", "many"),
    ("epochs: 1.5", "1.5"),
    ("epochs: null", "--epochs"),
    ("epochs: true", "--epochs"),
    ("dataset: cear", "--dataset"),
    ("milestones: [a]", "--milestones"),
    ("epochs: {a: 1}", "--epochs"),
    ("epochs: 0", "--epochs 0: must be at least 1"),
    ("- epochs", "must hold `key: value` lines, not a list"),
    ("a: [", "not a YAML file"),
    ("1: 2", "unknown key 1"),
])
def test_a_wrong_recipe_is_one_line(recipe, text, said):
    with pytest.raises(UserError) as error:
        load_config(recipe(text))
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("flags, said", [
    (["--epoch", "3"], "unknown flag --epoch; did you mean --epochs?"),
    (["--leraning-rate=3"], "unknown flag --leraning-rate"),
    (["--lr", "fast"], "fast"),
    (["--lr"], "--lr"),
    (["--clip-model"], "--clip-model"),
    (["extra"], "extra"),
    (["--dataset", "x"], "--dataset"),
    (["--batch-size", "0"], "--batch-size 0: must be at least 1"),
])
def test_a_wrong_flag_is_one_line(recipe, flags, said):
    with pytest.raises(UserError) as error:
        load_config(recipe(""), flags)
    assert said in str(error.value) and "\n" not in str(error.value) and "│" not in str(error.value)


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(UserError, match=r"recipe 'cear'.*known recipes: .*raer.*did you mean caer"):
        load_config("cear")


def test_the_recipe_name_is_no_flag(recipe):
    with pytest.raises(UserError, match="unknown flag --recipe"):
        load_config(recipe(""), ["--recipe", "x"])


def test_help_is_printed_with_the_recipes_values(recipe, capsys):
    with pytest.raises(SystemExit) as end:
        load_config(recipe("epochs: 77"), ["--help"])
    said = capsys.readouterr().out
    assert end.value.code in (0, None)
    for section in (VideoDataConfig, VideoModelConfig, VideoLossConfig, VideoTrainConfig):
        for field in dataclasses.fields(section):
            assert "--" + field.name.replace("_", "-") in said
    assert "77" in said
