import pytest

from utils.config import TextConfig, TextDataConfig, TextLossConfig, TextModelConfig, TextTrainConfig, flag
from utils.errors import UserError

WRONG = [
    (TextDataConfig, [
        dict(max_tokens=7), dict(oversample=-0.1), dict(oversample=1.1), dict(aspects=("a", "b", "a")),
        dict(sentiments=("x", "x"))]),
    (TextModelConfig, [
        dict(vocab_size=99), dict(head_width=0), dict(projection_width=0), dict(dropout=1.0), dict(dropout=-0.1),
        dict(mention_threshold=0), dict(mention_threshold=1), dict(mention_threshold=float("nan"))]),
    (TextLossConfig, [
        dict(classification_weight=-1), dict(focal_gamma=-1), dict(contrastive_weight=-1), dict(mention_weight=-1),
        dict(focal_alpha=(1.0, -0.5)), dict(ghm_bins=0), dict(ghm_momentum=1.0), dict(ghm_momentum=-0.1),
        dict(unified_weight=-0.1), dict(unified_weight=1.1), dict(unified_delta=-0.1), dict(unified_delta=1.1),
        dict(unified_gamma=-0.1), dict(unified_gamma=1.1), dict(contrastive_base_weight=-0.1),
        dict(contrastive_base_weight=1.1), dict(contrastive_temperature=0),
        dict(mention_weight=0),
        dict(classification_weight=0, contrastive_weight=0, unmentioned="neutral")]),
    (TextTrainConfig, [dict(lr_encoder=-1), dict(lr_encoder=float("nan")), dict(layer_decay=0), dict(layer_decay=1.1),
                       dict(token_dropout=1), dict(token_dropout=-0.1)]),
]
RIGHT = [
    (TextDataConfig, dict(max_tokens=8, oversample=0, aspects=("a", "b"), sentiments=("a", "b"), num_workers=0)),
    (TextDataConfig, dict(oversample=1)),
    (TextModelConfig, dict(vocab_size=100, head_width=1, projection_width=1, dropout=0, mention_threshold=0.001)),
    (TextModelConfig, dict(mention_threshold=0.999)),
    (TextLossConfig, dict(unmentioned="class", mention_weight=0)),
    (TextLossConfig, dict(classification_weight=0, focal_gamma=0, ghm_bins=1, ghm_momentum=0,
                          focal_alpha=(0.0, 3.0), contrastive_temperature=1e-6)),
    *((TextLossConfig, dict(unified_weight=edge, unified_delta=edge, unified_gamma=edge, contrastive_base_weight=edge))
      for edge in (0, 1)),
    (TextLossConfig, dict(classification_weight=0, contrastive_weight=0)),
    (TextLossConfig, dict(focal_alpha=None, contrastive_weight=0)),
    (TextTrainConfig, dict(lr_encoder=0, layer_decay=1, token_dropout=0)),
]


@pytest.mark.parametrize("section, settings", [(s, case) for s, cases in WRONG for case in cases], ids=str)
def test_a_value_out_of_range_is_named_by_its_flag(section, settings):
    with pytest.raises(UserError, match=f"^{flag(next(iter(settings)))} "):
        section(**settings)


@pytest.mark.parametrize("section, settings", RIGHT, ids=str)
def test_values_on_the_edge_are_taken(section, settings):
    taken = section(**settings)
    assert {name: getattr(taken, name) for name in settings} == settings


FOCAL = {"focal_weight", "focal_gamma", "focal_alpha"}
GHM = {"ghm_bins", "ghm_momentum"}
UNIFIED = {"unified_weight", "unified_delta", "unified_gamma", "unified_rare"}
CONTRAST = {"contrastive_temperature", "contrastive_base_weight", "projection_width"}
MENTION = {"mention_weight", "mention_threshold"}
TINY = {"vocab_size"}


def unused(encoder: str = "tiny", lr_encoder: float = 1e-5, **loss) -> dict[str, str]:
    return TextConfig(model=TextModelConfig(encoder=encoder), loss=TextLossConfig(**loss),
                      train=TextTrainConfig(lr_encoder=lr_encoder)).unused()


def _named(value) -> str:
    """The order of a set differs from process to process."""
    return str(sorted(value) if isinstance(value, set) else value)


@pytest.mark.parametrize("settings, keys", [
    (dict(), GHM | UNIFIED),
    (dict(loss_type="ghm"), FOCAL | UNIFIED),
    (dict(loss_type="unified"), FOCAL | GHM),
    (dict(loss_type="ce"), FOCAL | GHM | UNIFIED),
    (dict(classification_weight=0), (FOCAL | GHM | UNIFIED | {"loss_type"}) - {"focal_weight"}),
    (dict(contrastive_weight=0), GHM | UNIFIED | CONTRAST),
    (dict(unmentioned="neutral"), GHM | UNIFIED | MENTION),
    (dict(unmentioned="class"), GHM | UNIFIED | MENTION),
    (dict(encoder="uitnlp/visobert"), GHM | UNIFIED | TINY),
    (dict(lr_encoder=0), GHM | UNIFIED | {"freeze_embeddings", "layer_decay"}),
    (dict(loss_type="ce", contrastive_weight=0, unmentioned="class", encoder="x", lr_encoder=0),
     FOCAL | GHM | UNIFIED | CONTRAST | MENTION | TINY | {"freeze_embeddings", "layer_decay"}),
], ids=_named)
def test_what_is_out_of_use(settings, keys):
    assert set(unused(**settings)) == keys


@pytest.mark.parametrize("settings, keys, why", [
    (dict(loss_type="ghm"), FOCAL, "goes with --loss-type focal, and it is ghm"),
    (dict(loss_type="ce"), GHM, "goes with --loss-type ghm, and it is ce"),
    (dict(loss_type="focal"), UNIFIED, "goes with --loss-type unified, and it is focal"),
    (dict(contrastive_weight=0), CONTRAST, "there is no contrastive loss at --contrastive-weight 0"),
    (dict(unmentioned="neutral"), MENTION, "there is no mention head with --unmentioned neutral"),
    (dict(unmentioned="class"), MENTION, "there is no mention head with --unmentioned class"),
    (dict(encoder="x"), TINY, "goes with --encoder tiny; other encoders have their own tokenizer"),
    (dict(lr_encoder=0), {"freeze_embeddings", "layer_decay"}, "the encoder is frozen by --lr-encoder 0"),
], ids=_named)
def test_and_why(settings, keys, why):
    found = unused(**settings)
    assert {found[key] for key in keys} == {why}


def test_every_key_out_of_use_is_a_setting_or_another_name_of_one():
    found = unused(loss_type="ce", contrastive_weight=0, unmentioned="class", encoder="x", lr_encoder=0)
    assert set(found) <= {*TextConfig.settings(), *TextConfig.SYNONYMS}
    assert {TextConfig.SYNONYMS[key] for key in TextConfig.SYNONYMS} <= set(TextConfig.settings())


def test_flat_leaves_out_what_is_out_of_use_and_other_names():
    flat = TextConfig(loss=TextLossConfig(loss_type="ghm", focal_alpha=(1.0, 2.0), unmentioned="neutral")).flat()
    assert not set(flat) & (FOCAL | UNIFIED | MENTION | TINY) and set(flat) >= GHM | CONTRAST
    assert flat["classification_weight"] == 0.95
    assert TextConfig(loss=TextLossConfig(focal_alpha=(1.0, 2.0))).flat()["focal_alpha"] == [1.0, 2.0]


def test_tokens_need_no_worker_processes():
    assert TextConfig().data.num_workers == 0
