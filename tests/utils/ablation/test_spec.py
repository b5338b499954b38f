import pytest
import yaml

from utils.ablation.spec import STUDIES, read_spec
from utils.errors import UserError

STUDY = dict(recipe="demo", seeds=[3, 1], baseline="full", variants={"full": {}, "no LDL": {"use_ldl": False}})


@pytest.fixture
def read(tmp_path):
    def from_settings(**changed):
        settings = {key: value for key, value in (STUDY | changed).items() if value is not None}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
        return read_spec(str(tmp_path / "study.yaml"))

    return from_settings


def test_what_is_not_said(read):
    spec = read()
    assert (spec.name, spec.recipe, spec.seeds, spec.split, spec.metric, spec.also) == (
        "study", "demo", (3, 1), "test", "uar", ())
    assert read(recipe="absa_demo", variants={"full": {}}).metric == "pair_micro_f1"


def test_variants_then_the_grid_by_its_values(read):
    spec = read(settings={"epochs": 2, "lr": 0.1},
                grid={"ldl_warmup": [0, 1.5], "use_moco": [True, False], "milestones": [[1, 2]]})
    assert list(spec.variants) == [
        "full", "no LDL", "ldl_warmup 0, use_moco true, milestones 1 2",
        "ldl_warmup 0, use_moco false, milestones 1 2", "ldl_warmup 1.5, use_moco true, milestones 1 2",
        "ldl_warmup 1.5, use_moco false, milestones 1 2"]
    last = spec.variants["ldl_warmup 1.5, use_moco false, milestones 1 2"]
    assert last.flags == ("--epochs", "2", "--lr", "0.1", "--ldl-warmup", "1.5", "--no-use-moco", "--milestones", "1",
                          "2", "--score-test")
    assert last.folder == "ldl_warmup-1.5-use_moco-false-milestones-1-2"
    assert last.config.loss.ldl_warmup == 1.5 and last.config.train.milestones == (1, 2)
    assert spec.changed("ldl_warmup 1.5, use_moco false, milestones 1 2") == [
        "--ldl-warmup 1.5", "--no-use-moco", "--milestones 1 2"]


def test_a_variants_own_setting_wins(read):
    spec = read(settings={"lr": 0.1}, variants={"full": {}, "slow": {"lr": 0.01}})
    assert [of.config.train.lr for of in spec.variants.values()] == [0.1, 0.01]


def test_what_changed_is_told_against_the_baseline(read):
    spec = read(baseline="no LDL", variants=STUDY["variants"] | {"words": {"contexts_init": "a photo of"}})
    assert [spec.changed(name) for name in spec.variants] == [["--use-ldl"], [],
                                                              ["--contexts-init 'a photo of'", "--use-ldl"]]


def test_only_what_is_set_is_told_and_not_what_comes_with_it(read):
    """GHM has bins, which focal has not; nobody set them."""
    spec = read(recipe="absa_demo", variants={"full": {}, "ghm": {"loss_type": "ghm"}})
    assert spec.changed("ghm") == ["--loss-type ghm"]


@pytest.mark.parametrize("split, scored", [("val", False), ("test", True)])
def test_test_is_read_where_it_is_asked_for(read, split, scored):
    spec = read(split=split)
    assert {of.config.train.score_test for of in spec.variants.values()} == {scored}
    assert spec.variants["full"].settings(7)["score_test"] is scored


def test_settings_are_those_that_decide_the_result(read):
    settings = read(settings={"num_workers": 0}).variants["full"].settings(7)
    assert settings["seed"] == 7 and settings["epochs"] == 26 and settings["use_ldl"] is True
    assert not settings.keys() & {"num_workers", "output_dir", "resume", "root_dir", "device"}


@pytest.mark.parametrize("name, folder", [
    ("no LDL", "no-LDL"), ("../../etc", "etc"), ("a/b: c?*", "a-b-c"), ("lr 0.5", "lr-0.5"), ("table.md", "table-md"),
    ("lr 1e-05", "lr-1e-05"), ("-x-", "x"), ("Đủ", "Đủ")])
def test_folders_have_safe_names(read, name, folder):
    assert read(variants={name: {}}, baseline=name).variants[name].folder == folder


MISTAKES = {
    "key": (dict(varients={}), "unknown key 'varients'; did you mean variants?"),
    "kind": (dict(seeds=3), "seeds: 3 must be a list"),
    "kind of a word": (dict(metric=3), "metric: 3 must be a word"),
    "lacking": (dict(baseline=None), "baseline is missing"),
    "recipe": (dict(recipe="demos"), "recipe 'demos': no such file"),
    "seeds": (dict(seeds=[0, 0]), "seeds: [0, 0] must be different whole numbers, 0 or more"),
    "negative seed": (dict(seeds=[-1]), "must be different whole numbers"),
    "true seed": (dict(seeds=[True]), "must be different whole numbers"),
    "no seeds": (dict(seeds=[]), "must be different whole numbers"),
    "split": (dict(split="tset"), "split: 'tset' must be one of val, test; did you mean test?"),
    "metric": (dict(metric="uarr"), "metric: 'uarr' must be one of uar, war, macro_f1; did you mean uar?"),
    "metric of the other task": (dict(also=["pair_micro_f1"]), "also: 'pair_micro_f1' must be one of uar"),
    "baseline": (dict(baseline="no LDLs"),
                 "baseline: 'no LDLs' must be one of full, no LDL; did you mean no LDL?"),
    "setting": (dict(variants={"full": {}, "x": {"use_ldll": False}}),
                "variant 'x': unknown key 'use_ldll'; did you mean use_ldl?"),
    "shared setting": (dict(settings={"epoch": 3}), "variant 'full': unknown key 'epoch'; did you mean epochs?"),
    "switch": (dict(variants={"full": {}, "x": {"use_ldl": 0}}), "variant 'x': use_ldl: 0 must be true or false"),
    "value": (dict(variants={"full": {}, "x": {"epochs": "many"}}), "variant 'x': "),
    "range": (dict(variants={"full": {}, "x": {"lr": -1}}), "variant 'x': --lr -1.0: must not be negative"),
    "seed as a setting": (dict(settings={"seed": 3}), "variant 'full': seed is set by seeds"),
    "split as a setting": (dict(grid={"score_test": [True]}), "variant 'score_test true': score_test is set by split"),
    "unused": (dict(recipe="absa_demo", variants={"full": {}, "x": {"loss_type": "ce", "focal_gamma": 3}}),
               "variant 'x': focal_gamma: goes with --loss-type focal, and it is ce"),
    "same settings": (dict(variants={"full": {}, "also full": {"ldl_warmup": 5}}),
                      "the variants 'full' and 'also full' have the same settings"),
    "same settings but for workers": (dict(variants={"full": {}, "x": {"num_workers": 1}}), "have the same settings"),
    "same in the grid": (dict(grid={"ldl_warmup": [5]}), "'full' and 'ldl_warmup 5' have the same settings"),
    "same folder": (dict(variants={"full": {}, "Full": {"lr": 1}}), "'full' and 'Full' have the same folder"),
    "twice": (dict(variants={"lr 1": {}}, grid={"lr": [1]}), "the variant 'lr 1' stands there twice"),
    "no mapping": (dict(variants={"full": "use_ldl"}), "variants: 'full': 'use_ldl' must be a name"),
    "no name": (dict(variants={False: {}}), "variants: False: {} must be a name (in quotes"),
    "no letters": (dict(variants={"?": {}}), "variant '?': must have a letter or a digit"),
    "grid": (dict(grid={"lr": 1}), "grid: lr: 1 must be a list of values"),
    "empty grid": (dict(grid={"lr": []}), "grid: lr: [] must be a list of values"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(read, mistake):
    changed, said = MISTAKES[mistake]
    with pytest.raises(UserError) as error:
        read(**changed)
    assert said in str(error.value) and "\n" not in str(error.value)
    assert mistake == "recipe" or "study.yaml" in str(error.value)


def test_no_such_study(tmp_path):
    with pytest.raises(UserError, match="study 'ldl_warmups': no such file; known studies: .*; did you mean ldl_w"):
        read_spec("ldl_warmups")
    with pytest.raises(UserError, match="no such file"):
        read_spec(str(tmp_path / "ldl_warmup.yaml"))


# ---------------------------------------------------------------- the studies that come along

WEIGHTS = {"label smoothing": "label_smoothing", "MI": "lambda_mi", "DC": "lambda_dc", "mixup": "mixup_alpha"}


def off(config) -> set[str]:
    """The terms that a recipe with everything on lacks."""
    loss = config.loss
    on = {name: getattr(loss, key) > 0 for name, key in WEIGHTS.items()} | {"LDL": loss.use_ldl, "MoCo": loss.use_moco}
    return {name for name, is_on in on.items() if not is_on}


def test_each_loss_variant_lacks_what_its_name_says():
    variants = dict(read_spec("losses").variants)
    assert off(variants.pop("everything on").config) == set()
    assert off(variants.pop("cross entropy alone").config) == {*WEIGHTS, "LDL", "MoCo"}
    assert {name: off(of.config) for name, of in variants.items()} == {f"no {term}": {term} for term in
                                                                      [*WEIGHTS, "LDL", "MoCo"]}


def test_the_latest_start_of_ldl_leaves_it_epochs():
    spec = read_spec("ldl_warmup")
    of_grid = [of.config for of in spec.variants.values() if of.config.loss.use_ldl]
    assert [config.loss.ldl_warmup for config in of_grid] == [0, 5, 10] and off(spec.variants["no LDL"].config) == {
        "LDL"}
    assert all(config.train.epochs - config.loss.ldl_warmup >= 6 for config in of_grid)


def test_every_study_names_its_command_and_has_three_seeds():
    assert {path.stem for path in STUDIES.glob("*")} == {"ldl_warmup", "losses", "sentiment_losses"}
    for path in STUDIES.glob("*"):
        assert f"python main.py ablate {path.stem}\n" in path.read_text()
        assert read_spec(path.stem).seeds == (0, 1, 2)
    losses = [of.config.loss.loss_type for of in read_spec("sentiment_losses").variants.values()]
    assert losses == ["ce", "focal", "ghm", "unified"]
