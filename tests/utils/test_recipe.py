import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.config import (
    TextConfig,
    TextDataConfig,
    TextLossConfig,
    TextModelConfig,
    TextTrainConfig,
    VideoConfig,
    VideoDataConfig,
    VideoLossConfig,
    VideoModelConfig,
    VideoTrainConfig,
)
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
    assert config == VideoConfig("mine", loss=VideoLossConfig(use_moco=False),
                                 train=VideoTrainConfig(epochs=9, lr=0.01, seed=4))


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
    ("epochs: !!int ''", "not a YAML file: string index out of range"),
    ("!!int x: 1", "not a YAML file: invalid literal"),
    ("epochs: !!timestamp x", "not a YAML file"),
    ("epochs: 2020-99-99", "not a YAML file: month must be in 1..12"),
    ("milestones: " + "[" * 5000, "not a YAML file: nested too deeply"),
    ("a: &a [1]\nb: *a", "not a YAML file: alias *a: write out what it stands for"),
    ("root_dir: --help", "root_dir: '--help' cannot be a value"),
    ("milestones: [1, -h]", "milestones: '-h' cannot be a value"),
    ("root_dir: " + "x" * 70_000, "70,010 bytes are no settings; 65,536 are read at most"),
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


# ---------------------------------------------------------------- tasks

def test_model_selects_the_settings(recipe):
    assert load_config(recipe("model: text\nencoder: tiny\n")) == TextConfig(
        "mine", model=TextModelConfig(encoder="tiny"))
    assert load_config(recipe("model: video\n")) == load_config(recipe("")) == VideoConfig("mine")


@pytest.mark.parametrize("model", ["txet", "null", "[text]", "{a: 1}", "1"])
def test_no_such_model(recipe, model):
    with pytest.raises(UserError, match=r"mine\.yaml: model: .* must be one of video, text, simclr$"):
        load_config(recipe(f"model: {model}"))


def test_a_flag_does_not_change_the_task(recipe):
    for text, other in (("", "text"), ("model: text", "video"), ("", "simclr"), ("model: simclr", "video")):
        with pytest.raises(UserError, match=f"--model.*{other}|{other}.*--model"):
            load_config(recipe(text), ["--model", other])


@pytest.mark.parametrize("model", ["video", "text"])
def test_only_simclr_finds_a_learning_rate_and_an_optimizer(recipe, model):
    path = recipe(f"model: {model}")
    for words, said in (("--lr auto", "auto"), ("--optimizer auto", "auto"), ("--optimizer lars", "lars")):
        with pytest.raises(UserError, match=f"^command line: .*{said}"):
            load_config(path, words.split())
    with pytest.raises(UserError, match="auto"):
        load_config(recipe(f"model: {model}\nlr: auto"))


@pytest.mark.parametrize("text, said", [
    ("mention_treshold: 0.3", "unknown key 'mention_treshold'"),
    ("model: text\nmention_treshold: 0.3", "unknown key 'mention_treshold'; did you mean mention_threshold?"),
    ("use_moc: true", "unknown key 'use_moc'; did you mean use_moco?"),
    ("model: simclr\nload_sze: 64", "unknown key 'load_sze'; did you mean load_size?"),
    ("load_size: 64", "unknown key 'load_size'; did you mean image_size?"),
    ("model: text\nuse_moco: true", "unknown key 'use_moco'; did you mean use_amp?"),
])
def test_the_nearest_name_is_one_of_the_tasks_own(recipe, text, said):
    with pytest.raises(UserError) as error:
        load_config(recipe(text))
    assert str(error.value).endswith(said)


def test_the_nearest_flag_is_one_of_the_tasks_own(recipe):
    with pytest.raises(UserError, match="unknown flag --lr-adapter; did you mean --"):
        load_config(recipe("model: text"), ["--lr-adapter", "1"])
    with pytest.raises(UserError, match="unknown flag --lr-encodr; did you mean --lr-encoder?"):
        load_config(recipe("model: text"), ["--lr-encodr", "1"])


# ---------------------------------------------------------------- settings that do nothing beside the others

IDLE = [
    ("ghm_bins: 5", "ghm_bins: goes with --loss-type ghm, and it is focal"),
    ("loss_type: ghm\nfocal_gamma: 1", "focal_gamma: goes with --loss-type focal, and it is ghm"),
    ("loss_type: ce\nfocal_weight: 1", "focal_weight: goes with --loss-type focal, and it is ce"),
    ("vocab_size: 500", "vocab_size: goes with --encoder tiny; other encoders have their own tokenizer"),
    ("contrastive_weight: 0\nprojection_width: 9",
     "projection_width: there is no contrastive loss at --contrastive-weight 0"),
    ("unmentioned: class\nmention_threshold: 0.4",
     "mention_threshold: there is no mention head with --unmentioned class"),
    ("lr_encoder: 0\nfreeze_embeddings: true", "freeze_embeddings: the encoder is frozen by --lr-encoder 0"),
    ("loss_type: ce\nghm_bins: 3\nfocal_gamma: 1", "focal_gamma: goes with --loss-type focal, and it is ce; "
                                                  "ghm_bins: goes with --loss-type ghm, and it is ce"),
]


@pytest.mark.parametrize("text, said", IDLE)
def test_a_key_out_of_use_is_an_error(recipe, text, said):
    path = recipe(f"model: text\n{text}")
    with pytest.raises(UserError) as error:
        load_config(path)
    assert str(error.value) == f"{path}: {said}"


@pytest.mark.parametrize("text, flags, said", [
    ("", "--ghm-bins 5", "ghm_bins: goes with --loss-type ghm, and it is focal"),
    ("", "--ghm_bins=5", "ghm_bins: goes with --loss-type ghm, and it is focal"),
    ("loss_type: ghm\nghm_bins: 5", "--loss-type focal --ghm-bins 5", "ghm_bins: goes with --loss-type ghm, and it "
                                                                      "is focal"),
    ("lr_encoder: 0", "--no-freeze-embeddings", "freeze_embeddings: the encoder is frozen by --lr-encoder 0"),
    ("lr_encoder: 0", "--freeze-embeddings", "freeze_embeddings: the encoder is frozen by --lr-encoder 0"),
])
def test_a_flag_out_of_use_is_an_error(recipe, text, flags, said):
    with pytest.raises(UserError) as error:
        load_config(recipe(f"model: text\n{text}"), flags.split())
    assert str(error.value) == f"command line: {said}"


def test_a_flag_that_brings_another_into_use(recipe):
    assert load_config(recipe("model: text"), ["--loss-type", "ghm", "--ghm-bins", "5"]).loss.ghm_bins == 5


def test_a_key_put_out_of_use_by_a_flag_is_told(recipe, caplog):
    path = recipe("model: text\nencoder: tiny\nloss_type: ghm\nghm_bins: 5\nghm_momentum: 0.5\nvocab_size: 300\n")
    config = load_config(path, ["--loss-type", "ce"])
    assert caplog.messages == ["no longer used: ghm_bins: goes with --loss-type ghm, and it is ce; "
                               "ghm_momentum: goes with --loss-type ghm, and it is ce"]
    assert caplog.records[0].levelname == "WARNING" and config.loss.loss_type == "ce"
    caplog.clear()
    load_config(path, ["--ghm-bins", "7"])
    assert caplog.messages == []


def test_a_key_that_stands_twice_is_an_error(recipe):
    with pytest.raises(UserError, match="key 'epochs' stands there twice"):
        load_config(recipe("epochs: 3\nlr: 0.1\nepochs: 4\n"))


def test_another_name_stays_in_use_whatever_the_loss(recipe, caplog):
    config = load_config(recipe("model: text\nencoder: x\nfocal_weight: 0.5\n"), ["--loss-type", "ghm"])
    assert config.loss.classification_weight == 0.5 and caplog.messages == []


# ---------------------------------------------------------------- values of the text task

@pytest.mark.parametrize("text, value", [("0.5", 0.5), ("1", 1.0), ("0", 0.0)])
def test_focal_weight_is_another_name(recipe, text, value):
    assert load_config(recipe(f"model: text\nfocal_weight: {text}\n")).loss == TextLossConfig(
        classification_weight=value)


def test_both_names_at_once(recipe):
    with pytest.raises(UserError, match="focal_weight is another name of classification_weight; keep one of them"):
        load_config(recipe("model: text\nclassification_weight: 0.5\nfocal_weight: 0.5"))


@pytest.mark.parametrize("text, words, alpha", [
    ("auto", ["auto"], "auto"), ("null", ["None"], None), ("[1, 2.5]", ["1", "2.5"], (1.0, 2.5)),
    ("0.25", ["0.25"], (0.25,)),
])
def test_focal_alpha_through_yaml_and_flags(recipe, text, words, alpha):
    assert load_config(recipe(f"model: text\nfocal_alpha: {text}")).loss.focal_alpha == alpha
    for other in ("auto", "null", "[3, 4]"):
        config = load_config(recipe(f"model: text\nfocal_alpha: {other}"), ["--focal-alpha", *words])
        assert config.loss.focal_alpha == alpha


@pytest.mark.parametrize("alpha", ["[a]", "some", "[1, -2]"])
def test_no_focal_alpha(recipe, alpha):
    with pytest.raises(UserError, match="--focal-alpha"):
        load_config(recipe(f"model: text\nfocal_alpha: {alpha}"))


names = st.lists(texts.filter(lambda text: text.strip() and not text.startswith("-")), max_size=3, unique=True)
NAMES = names.map(tuple)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(aspects=NAMES, sentiments=NAMES, loss_type=st.sampled_from(["focal", "ghm", "unified", "ce"]),
       unmentioned=st.sampled_from(["ignore", "neutral", "class"]), contrast=st.sampled_from([0.0, 0.05]),
       alpha=st.sampled_from(["auto", None]) | st.lists(st.floats(0, 9), min_size=1, max_size=4).map(tuple),
       encoder=st.sampled_from(["tiny", "uitnlp/visobert"]), rate=st.sampled_from([0.0, 1e-5]))
def test_the_saved_config_of_a_text_run_is_itself_a_recipe(
        tmp_path, aspects, sentiments, loss_type, unmentioned, contrast, alpha, encoder, rate):
    alpha = alpha if loss_type == "focal" else "auto"
    rare = sentiments[:1] if loss_type == "unified" else ()
    loss = TextLossConfig(loss_type, unmentioned, focal_alpha=alpha, unified_rare=rare, contrastive_weight=contrast)
    config = TextConfig("config", TextDataConfig(aspects=aspects, sentiments=sentiments),
                        TextModelConfig(encoder=encoder), loss, TextTrainConfig(lr_encoder=rate))
    save_config(config, tmp_path / "config.yaml")
    assert load_config(str(tmp_path / "config.yaml")) == config
