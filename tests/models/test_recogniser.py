import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.clip import load_clip
from models.recogniser import VideoRecogniser
from utils.averaging import frozen_copy
from utils.config import VideoModelConfig
from utils.structures import Batch

TEXTS = [["angry"], ["very happy"], ["sad"]]
SETTINGS = dict(contexts_number=3, contexts_init="a photo of", temporal_heads=4, temperature=0.05)


@pytest.fixture
def make(micro):
    def make(clip: nn.Module | str = "micro", seed: int = 0, texts=TEXTS, **options) -> VideoRecogniser:
        torch.manual_seed(seed)
        clip = load_clip(clip, "none", 32) if isinstance(clip, str) else clip
        settings = SETTINGS | {key: options.pop(key) for key in ("dropout", "mirror", "chunk_size") if key in options}
        return VideoRecogniser(clip, texts, VideoModelConfig(**settings), **options)

    return make


def clips(number: int = 2, frames: int = 3, two: bool = True, seed: int = 0) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    colours = torch.randint(200, (2, number, frames, 3, 1, 1), generator=stream)  # noise alone would look all the same
    face, context = (colours + torch.randint(56, (2, number, frames, 3, 32, 32), generator=stream)).byte()
    return Batch(torch.arange(number) % 3, list(map(str, range(number))), face, context if two else None)


def wake(model: VideoRecogniser) -> VideoRecogniser:
    """As after training: no branch is silent."""
    torch.manual_seed(1)
    for layer in (model.video.adapter.layers[-1], model.video.temporal.out, model.video.fusion.correction):
        nn.init.normal_(layer.weight, std=0.3)
    return model


@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.parametrize("two", [True, False])
@pytest.mark.parametrize("name", ["micro", "micro_bn"])
def test_untrained_it_is_clips_zero_shot_classifier(make, frames, two, name):
    """By open_clip's own encoders: mean of the face's frame features against `a photo of CLASS`."""
    torch.manual_seed(3)
    clip = load_clip(name, "none", 32).eval()
    model, batch = make(clip, two_streams=two).eval(), clips(2, frames, two)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (clip.visual.image_mean, clip.visual.image_std))
    with torch.no_grad():
        images = clip.encode_image((batch.face.flatten(0, 1) / 255 - mean) / std, normalize=True)
        video = F.normalize(images.unflatten(0, (2, frames)).mean(1), dim=-1)
        import open_clip
        text = clip.encode_text(open_clip.tokenize([f"a photo of {group[0]}" for group in TEXTS]), normalize=True)
        output = model(batch)
    expected = (video @ text.T / 0.05).softmax(-1)
    assert torch.allclose(output.logits.softmax(-1), expected, atol=1e-4)
    assert torch.allclose(output.embedding, video, atol=1e-5)


def test_output(make):
    output = make(texts=[["angry", "cross"], ["happy", "glad"]])(clips())
    assert output.logits.shape == (2, 2) and output.key is None
    for features in (output.embedding, output.text_features, output.handcrafted):
        assert features.shape == (2, 32)
        assert torch.allclose(features.norm(dim=-1), torch.ones(2), atol=1e-5)
    assert torch.allclose(output.logits, output.embedding @ output.text_features.T / 0.05, atol=1e-5)


def test_handcrafted_features_are_those_of_the_texts_alone(make):
    model = make(texts=[["angry", "cross"], ["happy", "glad"]])
    encoded = model.text_tower.encode(["angry", "cross", "happy", "glad"])
    expected = F.normalize(torch.stack([encoded[:2].mean(0), encoded[2:].mean(0)]), dim=-1)
    assert torch.allclose(model.handcrafted, expected, atol=1e-6)
    features = model.class_features()
    assert torch.equal(features["handcrafted"], model.handcrafted)
    assert torch.equal(features["learned"], model.prompts(model.text_tower))


def test_uint8_and_float_frames_are_the_same(make):
    model, batch = wake(make()).eval(), clips()
    as_float = Batch(batch.targets, batch.ids, batch.face.float(), batch.context.float())
    assert torch.equal(model(batch).logits, model(as_float).logits)


def test_order_of_frames_and_roles_of_streams_matter_once_trained(make):
    model, batch = wake(make()).eval(), clips(2, 4)
    turned = Batch(batch.targets, batch.ids, batch.face.flip(1), batch.context.flip(1))
    swapped = Batch(batch.targets, batch.ids, batch.context, batch.face)
    plain = model(batch).embedding
    assert (plain - model(turned).embedding).abs().max() > 1e-3
    assert (plain - model(swapped).embedding).abs().max() > 1e-3


@pytest.mark.parametrize("two", [True, False])
def test_mirror_averages_a_clip_with_its_mirror_image_at_evaluation(make, two):
    plain, both = make(two_streams=two).eval(), make(two_streams=two, mirror=True).eval()
    batch = clips(two=two)
    turned = Batch(batch.targets, batch.ids, batch.face.flip(-1), batch.context.flip(-1) if two else None)
    one, other = plain(batch).embedding, plain(turned).embedding
    assert (one - other).abs().max() > 1e-3
    assert torch.allclose(both(batch).embedding, F.normalize(one + other, dim=-1), atol=1e-6)
    both, plain = (make(two_streams=two, mirror=on, dropout=0).train() for on in (True, False))
    assert torch.equal(both(batch).embedding, plain(batch).embedding)


def test_clips_do_not_touch_each_other(make):
    model, batch = wake(make()).eval(), clips(3)
    alone = Batch(batch.targets[1:2], ["1"], batch.face[1:2], batch.context[1:2])
    assert torch.allclose(model(batch).embedding[1:2], model(alone).embedding, atol=1e-5)


def test_logits_are_as_exact_under_autocast_as_their_features(make):
    model = make().eval()
    with torch.autocast("cpu", torch.bfloat16):
        output = model(clips())
    assert output.logits.dtype == torch.float32
    assert torch.allclose(output.logits, output.embedding @ output.text_features.T / 0.05, atol=1e-5)


@pytest.mark.parametrize("keys", ["none", "video"])
def test_a_frozen_image_encoder_has_no_gradient_and_its_statistics_stand_still(make, keys):
    model = make("micro_bn", trainable_image=False, keys=keys, momentum=1.0).train()
    assert model.training and model.video.adapter.training and not model.video.visual.training
    before = {k: v.clone() for k, v in model.state_dict().items()}
    wake(model)(clips()).logits.sum().backward()
    model.after_step()
    assert all(p.grad is None for p in model.video.visual.parameters())
    assert model.prompts.context.grad is not None and model.video.adapter.layers[-1].weight.grad is not None
    after = model.state_dict()
    statistics = [name for name in before if "running_" in name]
    assert statistics and all(torch.equal(before[name], after[name]) for name in statistics)


def test_a_trainable_image_encoder_moves_its_statistics_in_training_only(make):
    model = make("micro_bn")
    name = next(name for name in model.state_dict() if "running_mean" in name)
    before = model.state_dict()[name].clone()
    model.eval()(clips())
    assert torch.equal(model.state_dict()[name], before)
    model.train()(clips())
    assert not torch.equal(model.state_dict()[name], before)


def test_the_text_tower_stays_in_eval_mode(make):
    assert not make().train().text_tower.text.training


def test_text_keys_come_from_a_copy_of_the_contexts_alone(make):
    model = make(keys="text", momentum=0.9).train()
    parameters = [p for p in model.key_side.parameters()]
    assert [p.shape for p in parameters] == [(3, 3, 32)] and not parameters[0].requires_grad
    output = model(clips())
    assert output.key.shape == (3, 32) and not output.key.requires_grad
    assert torch.allclose(output.key, output.text_features, atol=1e-6)
    with torch.no_grad():
        model.prompts.context.fill_(2)
        model.key_side.context.fill_(1)
    model.after_step()
    assert torch.allclose(model.key_side.context, torch.tensor(1.1))
    assert torch.allclose(model.prompts.context, torch.tensor(2.0))
    assert not torch.allclose(model(clips()).key, output.key, atol=1e-4)


def test_video_keys_are_features_of_the_clips_by_the_copy(make):
    model, batch = make(keys="video", momentum=0.5, dropout=0.0).train(), clips()
    output = model(batch)
    assert output.key.shape == (2, 32) and not output.key.requires_grad
    assert torch.allclose(output.key, output.embedding, atol=1e-5)
    wake(model)
    assert torch.allclose(model(batch).key, output.key, atol=1e-5)
    bias, theirs = (side.temporal.out.weight for side in (model.key_side, model.video))
    model.after_step()
    assert torch.allclose(bias, theirs / 2) and theirs.abs().sum() > 0


@pytest.mark.parametrize("keys", ["none", "text", "video"])
def test_no_keys_in_eval_mode(make, keys):
    model = make(keys=keys)
    assert model.eval()(clips()).key is None
    assert (model.train()(clips()).key is None) == (keys == "none")


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("keys", ["none", "text", "video"])
def test_groups_hold_every_trainable_parameter_once(make, trainable, keys):
    model = make("micro_bn", trainable_image=trainable, keys=keys)
    groups = model.parameter_groups()
    assert set(groups) == {"image_encoder", "prompt_learner", "adapter", ""}
    listed = [name for group in groups.values() for name, _ in group]
    assert sorted(listed) == sorted(name for name, p in model.named_parameters() if p.requires_grad)
    assert all(dict(model.named_parameters())[name] is p for group in groups.values() for name, p in group)
    assert [name for name, _ in groups["prompt_learner"]] == ["prompts.context"]
    assert all(name.startswith("video.adapter.") for name, _ in groups["adapter"]) and groups["adapter"]
    assert all(name.startswith("video.visual.") for name, _ in groups["image_encoder"])
    assert bool(groups["image_encoder"]) is trainable
    assert all(name.startswith(("video.fusion.", "video.temporal.")) for name, _ in groups[""]) and groups[""]


def test_every_trainable_parameter_gets_a_gradient(make):
    model = wake(make(keys="text")).train()
    model(clips(3)).logits.square().sum().backward()
    missing = [n for group in model.parameter_groups().values() for n, p in group if p.grad is None or not p.grad.any()]
    assert missing == []


def test_a_copy_shares_nothing_and_gives_the_same(make):
    model = wake(make(keys="text")).eval()
    copy = frozen_copy(model)
    assert torch.allclose(model(clips()).logits, copy(clips()).logits, atol=1e-4)
    assert not {p.data_ptr() for p in model.parameters()} & {p.data_ptr() for p in copy.parameters()}


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("two", [True, False])
def test_chunks_have_the_gradient_of_the_whole_batch(make, chunk, two):
    found = []
    for size in (0, chunk):
        model = wake(make(two_streams=two, dropout=0.0, chunk_size=size)) if two else make(dropout=0.0, chunk_size=size,
                                                                                        two_streams=False)
        model.train()
        output = model(clips(3, two=two))
        (output.logits.log_softmax(-1)[:, 0].sum() + output.embedding.square().mean()).backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys() and found[0]
    for name, gradient in found[0].items():
        assert torch.allclose(found[1][name], gradient, atol=1e-4 * float(gradient.abs().max()) + 1e-7), name


def test_chunks_hold_the_activations_of_one_at_a_time(make):
    """Of the image tower, whose first maps are the largest."""
    batch, seen = clips(4), []
    for size in (0, 1):
        model = make(chunk_size=size).train()
        model.video.visual.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
        model(batch).logits.sum().backward()
    assert seen == [4 * 3 * 2, *[3 * 2] * 4, *[3 * 2] * 4]  # forward, and once more on the way back


def test_features_may_stand_in_the_place_of_frames(make):
    model, batch = wake(make()).eval(), clips(2)
    with torch.no_grad():
        seen = Batch(batch.targets, batch.ids, model.video.see(batch.face), model.video.see(batch.context))
        assert seen.face.shape == (2, 3, 32)
        assert torch.allclose(model(seen).logits, model(batch).logits, atol=1e-4)


def test_a_momentum_side_with_nothing_to_follow_stands_still(make):
    model = make(keys="text").train()
    model.prompts.requires_grad_(False)
    with torch.no_grad():
        model.key_side.context.add_(1)
        before = model.key_side.context.clone()
    model.after_step()
    assert torch.equal(model.key_side.context, before)
