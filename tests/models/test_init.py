"""Settings on their way into the network: each case names what is read, and its value without and with the flags."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from models import build_model, load_run_model, save_run_model
from models.weights import read_about
from tests.models.test_clip import old_layout, openai_state
from utils.config import Config, TextConfig
from utils.errors import UserError
from utils.recipe import load_config
from utils.structures import Batch, Labels

LABELS = Labels(["Anger", "Happy", "Sad"])


def batch() -> Batch:
    face, context = torch.randint(256, (2, 2, 2, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    return Batch(torch.tensor([0, 1]), ["0", "1"], face.byte(), context.byte())


def followed(model: nn.Module) -> float:
    """Where a key side at 1 stands after a step beside contexts at 2."""
    with torch.no_grad():
        model.prompts.context.fill_(2)
        model.key_side.context.fill_(1)
    model.after_step()
    return round(float(model.key_side.context.mean()), 4)


def keys(model: nn.Module) -> tuple | None:
    key = model.train()(batch()).key
    return None if key is None else tuple(key.shape)


def image_tower_learns(model: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in model.video.visual.parameters())


def divided_by(model: nn.Module) -> float:
    output = model.eval()(batch())
    return round((output.embedding @ output.text_features.T / output.logits).mean().item(), 4)


def agrees_with_its_mirror_image(model: nn.Module) -> bool:
    model, one = model.eval(), batch()
    other = Batch(one.targets, one.ids, one.face.flip(-1), one.context.flip(-1))
    return torch.allclose(model(one).embedding, model(other).embedding, atol=1e-6)


def pool(model: nn.Module) -> str:
    """Only a class token makes the transformer's input longer than the clip's two frames."""
    lengths = []
    model.video.temporal.transformer.register_forward_hook(lambda module, x, y: lengths.append(y.shape[1]))
    model.eval()(batch())
    return {2: "attention", 3: "cls"}[lengths[0]]


def dropouts(module: nn.Module) -> set[float]:
    """Of its layers, and of its attention, which keeps the number alone."""
    return ({part.p for part in module.modules() if isinstance(part, nn.Dropout)}
            | {part.dropout for part in module.modules() if isinstance(part, nn.MultiheadAttention)})


def first_prompt(model: nn.Module) -> str:
    """What stands in the first six places of a one-word class's prompt; v0, v1... are the context vectors."""
    length = model.prompts.order.shape[1]
    names = {0: "start", 1: "word", 2: "end", 3: "pad"}
    return " ".join(names.get(i, f"v{i - length}") for i in model.prompts.order[0, :6].tolist())


CASES = {
    "clip": ("--clip-model micro_bn", lambda m: any(isinstance(p, nn.BatchNorm2d) for p in m.modules()), False, True),
    "size": ("--image-size 48", lambda m: len(m.video.visual.positional_embedding), 5, 10),  # 1 + (size / 16) ** 2
    "streams": ("--streams face", lambda m: m.video.fusion is None, False, True),
    "texts": ("--text-type prompt_ensemble", lambda m: m.prompts.per_class, 1, 5),
    "frozen": ("--lr-image-encoder 0", image_tower_learns, True, False),
    "moco": ("--no-use-moco", keys, (3, 32), None),
    "moco keys": ("--moco-keys video", keys, (3, 32), (2, 32)),
    "moco m": ("--moco-m 0.25", followed, 1.001, 1.75),  # m * 1 + (1 - m) * 2
    "contexts": ("--contexts-number 4", first_prompt, "start v0 v1 word end pad", "start v0 v1 v2 v3 word"),
    "front": ("--class-token-position front", first_prompt, "start v0 v1 word end pad", "start word v0 v1 end pad"),
    "middle": ("--class-token-position middle", first_prompt, "start v0 v1 word end pad", "start v0 word v1 end pad"),
    "shared": ("--no-class-specific-contexts", lambda m: tuple(m.prompts.context.shape), (3, 2, 32), (1, 2, 32)),
    "adapter": ("--adapter-ratio 16", lambda m: m.video.adapter.layers[1].out_features, 8, 2),  # 32 / ratio
    "dropout in the adapter": ("--dropout 0.3", lambda m: dropouts(m.video.adapter), {0.1}, {0.3}),
    "dropout over time": ("--dropout 0.3", lambda m: dropouts(m.video.temporal), {0.1}, {0.3}),
    "layers": ("--temporal-layers 3", lambda m: len(m.video.temporal.transformer.layers), 1, 3),
    "heads": ("--temporal-heads 2", lambda m: m.video.temporal.transformer.layers[0].self_attn.num_heads, 8, 2),
    "pool": ("--temporal-pool attention", pool, "cls", "attention"),
    "temperature": ("--temperature 0.5", divided_by, 0.01, 0.5),
    "mirror": ("--mirror", agrees_with_its_mirror_image, False, True),
}


@pytest.mark.parametrize("flags, read, without, with_them", CASES.values(), ids=CASES)
def test_a_setting_reaches_the_network(configure, flags, read, without, with_them):
    assert read(build_model(configure(), LABELS)) == without
    assert read(build_model(configure(flags), LABELS)) == with_them


def test_contexts_start_from_the_words_given(configure):
    model = build_model(configure("--contexts-init angry"), LABELS)
    word = model.text_tower.embed(model.text_tower.tokenize(["angry"]))[0, 1]
    assert (model.prompts.context == word).all()


def test_random_weights_depend_on_the_seed_alone(configure):
    one, same, other = (build_model(configure(f"--seed {seed}"), LABELS).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    for name in ("prompts.context", "video.temporal.query", "video.visual.proj"):
        assert not torch.equal(one[name], other[name])


# ---------------------------------------------------------------- SimCLR

@pytest.fixture
def pretrain(micro, tmp_path):
    """The Config of a SimCLR run of `micro` with flags, given as one string."""
    (tmp_path / "simclr.yaml").write_text("model: simclr\nclip_model: micro\nclip_pretrained: none\nimage_size: 32\n")
    return lambda flags="": load_config(str(tmp_path / "simclr.yaml"), flags.split())


def linears(head: nn.Module) -> list[tuple[int, int]]:
    return [(layer.in_features, layer.out_features) for layer in head if isinstance(layer, nn.Linear)]


SIMCLR_CASES = {
    "clip": ("--clip-model micro_bn", lambda m: any(isinstance(p, nn.BatchNorm2d) for p in m.modules()), False, True),
    "size": ("--image-size 48", lambda m: len(m.video.visual.positional_embedding), 5, 10),
    "streams": ("--streams face", lambda m: m.video.fusion is None, False, True),
    "objective": ("--ssl moco", lambda m: m.momentum, None, 0.999),
    "momentum": ("--ssl moco --moco-m 0.9", lambda m: m.momentum, None, 0.9),
    "depth": ("--head-layers 3", lambda m: linears(m.head), [(32, 512), (512, 128)],
              [(32, 512), (512, 512), (512, 128)]),
    "hidden": ("--head-width 24", lambda m: linears(m.head), [(32, 512), (512, 128)], [(32, 24), (24, 128)]),
    "projection": ("--projection-width 16", lambda m: linears(m.head)[-1], (512, 128), (512, 16)),
    "chunks": ("--chunk-size 6", lambda m: m.chunk_size, 0, 6),
    "layers": ("--temporal-layers 3", lambda m: len(m.video.temporal.transformer.layers), 1, 3),
    "adapter": ("--adapter-ratio 16", lambda m: m.video.adapter.layers[1].out_features, 8, 2),
    "dropout": ("--dropout 0.3", lambda m: dropouts(m.video.adapter), {0.1}, {0.3}),
}


@pytest.mark.parametrize("flags, read, without, with_them", SIMCLR_CASES.values(), ids=SIMCLR_CASES)
def test_a_setting_reaches_simclr(pretrain, flags, read, without, with_them):
    assert read(build_model(pretrain(), LABELS)) == without
    assert read(build_model(pretrain(flags), LABELS)) == with_them


# ---------------------------------------------------------------- the encoder of another run

def finished(config: Config, folder: Path) -> Path:
    """A run folder with weights that no fresh network has."""
    folder.mkdir()
    model = build_model(config, LABELS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    save_run_model(model, LABELS, folder)
    return folder


def same(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.parametrize("source", ["simclr", "video"])
@pytest.mark.parametrize("start", ["simclr", "simclr moco", "video text", "video video", "video none"])
def test_init_from_takes_the_encoder_and_leaves_the_rest(configure, pretrain, tmp_path, source, start):
    run = finished(pretrain() if source == "simclr" else configure(), tmp_path / "run")
    flags = {"simclr": "", "simclr moco": "--ssl moco", "video text": "--moco-keys text",
             "video video": "--moco-keys video", "video none": "--no-use-moco"}[start]
    make = pretrain if start.startswith("simclr") else configure
    fresh, model = (build_model(make(f"{flags} {more}"), LABELS) for more in ("", f"--init-from {run} --seed 0"))
    trained, _ = load_run_model(run, pretrain() if source == "simclr" else configure())
    assert same(model.video, trained.video) and not same(model.video, fresh.video)
    for name, part in model.named_children():
        if name not in ("video", "key_side"):
            assert same(part, getattr(fresh, name)), name
    if start == "simclr moco":
        assert same(model.key_side[0], trained.video) and same(model.key_side[1], fresh.head)
    if start == "video video":
        assert same(model.key_side, trained.video)


def test_a_runs_own_weights_need_no_other_run(configure, pretrain, tmp_path):
    gone = tmp_path / "gone"
    for number, config in enumerate((configure(f"--init-from {gone}"), pretrain(f"--init-from {gone}"))):
        plain = configure() if number == 0 else pretrain()
        run = finished(plain, tmp_path / str(number))
        assert same(load_run_model(run, config)[0], load_run_model(run, plain)[0])


@pytest.mark.parametrize("flags, said", [
    ("--streams face", 'Unexpected key.*"fusion'), ("--image-size 48", "size mismatch for visual.positional"),
    ("--temporal-layers 2", "Missing key.*temporal"), ("--adapter-ratio 8", "size mismatch for adapter"),
    ("--clip-model micro_bn", "Missing key.*visual"),
])
def test_an_encoder_of_other_settings_is_refused(configure, pretrain, tmp_path, flags, said):
    run = finished(pretrain(), tmp_path / "run")
    for make in (configure, pretrain):
        with pytest.raises(UserError, match=rf"^--init-from {run}: its encoder has other settings .*"
                                            rf"{re.escape(flags.split()[0])}.*: {said}"):
            build_model(make(f"{flags} --init-from {run}"), LABELS)


def test_no_run_to_start_from(configure, tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path}/gone/model.safetensors: no such file; give the folder of a"):
        build_model(configure(f"--init-from {tmp_path}/gone"), LABELS)


def test_a_run_that_reads_reviews_has_no_such_encoder(configure, tmp_path):
    model = nn.Module()
    model.encoder, model.about = nn.Linear(2, 2), lambda: {"encoder": {}}
    save_run_model(model, LABELS, tmp_path)
    with pytest.raises(UserError, match=f"^--init-from {tmp_path}: that run has no encoder of clips$"):
        build_model(configure(f"--init-from {tmp_path}"), LABELS)


@pytest.mark.parametrize("about", [{}, {"encoder": 3}, {"encoder": {"model_type": "of-next-year"}}])
def test_weights_that_do_not_say_what_encoder_of_reviews_they_are_of(about):
    with pytest.raises(UserError, match="^model.safetensors does not say what encoder its weights are of, or one "):
        build_model(TextConfig(), LABELS, about | {"x": 1})


def test_the_text_tower_keeps_its_pretrained_weights_beside_an_encoder_of_a_run(configure, pretrain, tmp_path):
    torch.save(openai_state(old_layout("micro")), tmp_path / "openai.pt")
    pretrained = f"--clip-pretrained {tmp_path}/openai.pt"
    run = finished(pretrain(pretrained), tmp_path / "run")
    plain, model = (build_model(configure(f"{pretrained} {more}"), LABELS) for more in ("", f"--init-from {run}"))
    assert same(model.text_tower, plain.text_tower) and torch.equal(model.handcrafted, plain.handcrafted)
    assert model.quick_gelu and not same(model.video, plain.video)
    untrained = build_model(configure(f"--init-from {run}"), LABELS)  # --clip-pretrained none
    assert untrained.quick_gelu and same(untrained.video, model.video)


def test_an_encoder_of_another_activation_is_refused(configure, pretrain, tmp_path):
    torch.save(openai_state(old_layout("micro")), tmp_path / "openai.pt")
    run = finished(pretrain(), tmp_path / "run")
    assert read_about(run)["quick_gelu"] is False
    with pytest.raises(UserError, match=f"^--init-from {run}: its encoder has another activation; give --clip-pret"):
        build_model(configure(f"--clip-pretrained {tmp_path}/openai.pt --init-from {run}"), LABELS)


@pytest.mark.parametrize("start, warnings", [(True, 0), (False, 1)])
def test_an_encoder_of_a_run_may_learn_slowly(configure, pretrain, tmp_path, caplog, start, warnings):
    more = f"--init-from {finished(pretrain(), tmp_path / 'run')}" if start else ""
    build_model(configure(f"--lr-image-encoder 1e-6 {more}"), LABELS)
    assert sum("hardly learns" in message for message in caplog.messages) == warnings
