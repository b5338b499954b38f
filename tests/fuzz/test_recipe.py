"""Any recipe: settings that can be saved and read back, or one line that says why."""

import pytest

from tests.fuzz.cases import NUMBERS, damaged, fuzzed, refused
from utils.config import Config
from utils.recipe import load_config, save_config

RECIPES = ["dataset: caer\nroot_dir: clips\nclip_model: ViT-B-32\nepochs: 3\nmilestones: [2, 4]\nlr: 1.0e-3\n"
           "use_amp: false\nval_fraction: 0.1\n",
           "model: text\nencoder: tiny\naspects: [A, 'B#C']\nsentiments:\n  - positive\n  - negative\nseed: 1\n",
           "model: simclr\ndataset: demo\nroot_dir: 'a b'\nbatch_size: 8\nlr: auto\n"]
WORDS = ["!!python/object/apply:os.system ['touch made']", "!!python/name:os.system", "!!binary x", "!!timestamp x",
         "!!int ''", "!!int x", "!!float x", "!!bool x", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a]", "!!null x",
         "2020-99-99", "1:99:99", "0b", "0x", "<<: {a: 1}", "? [a]\n: b", "&a [*a]", "---", "...", "%YAML 9.9",
         "--help", "-h", "--epochs", "=", "null", "~", "1_000", "{}", "[]", "[[1]]", '"\\0"', '"a\\nb"', "epochs",
         "- 1", "model", "&a [x, x]", "[*a, *a]", "0o17", ".inf", ".nan", "1e400", "root_dir", "use_ldl: true",
         "lambda_dc: 1"]


@pytest.mark.parametrize("number", NUMBERS)
def test_recipes(number, tmp_path, monkeypatch):
    path, saved = tmp_path / "recipe.yaml", tmp_path / "saved.yaml"
    monkeypatch.chdir(tmp_path)

    @fuzzed(number, damaged(RECIPES, WORDS))
    def check(content):
        path.write_bytes(content)
        config = refused(lambda: load_config(str(path)))
        if config:
            assert isinstance(config, Config) and config.recipe == "recipe"
            save_config(config, saved)
            assert load_config(str(saved)).flat() == config.flat() | {"recipe": "saved"}
    assert {file.name for file in tmp_path.iterdir()} <= {"recipe.yaml", "saved.yaml"}
