"""Settings on their way into the network: each case names what is read, and its value without and with the flags."""

import pytest
import torch
from torch import nn

from models import build_model
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
