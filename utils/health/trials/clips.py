"""Trials of the encoder of clips: pixels, streams, frames, and the momentum side."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from utils.findings import Finding
from utils.health.trials.bench import ROUNDING, Bench, close, fault, restore, same
from utils.structures import Batch

ENCODER = "models/video_encoder.py"


def heard(module: nn.Module, inputs: list[tuple]) -> torch.utils.hooks.RemovableHandle:
    """Notes what a module is given."""
    return module.register_forward_pre_hook(lambda _, given: inputs.append(given))


def streams_and_frames(bench: Bench) -> Iterator[Finding]:
    """By the gradient of one clip's feature: what of its batch it depends on."""
    batch, pixels, features = bench.clips(), [], []
    streams = {name: frames.requires_grad_() for name in ("face", "context")
               if (frames := getattr(batch, name)) is not None}
    if bench.config.data.streams == "both" and "context" not in streams:
        yield fault("context-ignored", "the batch has no context stream, with --streams both", "dataloaders/video.py")
    hooks = [heard(bench.model.video.visual, pixels), heard(bench.model.video.adapter, features)]
    bench.model.eval()
    with bench.awake():
        feature = bench.model(batch).embedding
        yield from _unit(feature)
        direction = bench.noise(*feature[0].shape) - 0.5
        gradients = torch.autograd.grad(feature[0] @ direction, list(streams.values()), allow_unused=True)
    for hook in hooks:
        hook.remove()
    for name, gradient in zip(streams, gradients):
        yield from _reached(name, gradient)
    yield from _normalised(bench, [frames.detach() for frames in streams.values()], pixels)
    size = features[0][0].detach().norm(dim=-1)
    if not close(size, torch.full_like(size, features[0][0].shape[-1] ** 0.5)):
        yield fault("feature-scale", f"the adapter gets features of length {float(size.mean()):.3g}, not of "
                    f"{features[0][0].shape[-1] ** 0.5:.3g}, the root of their width", ENCODER)


def _unit(feature: Tensor) -> Iterator[Finding]:
    length = feature.detach().float().norm(dim=-1)
    if not close(length, torch.ones_like(length)):
        yield fault("unit-length", f"a clip's feature has length {float(length[0]):.3g}, not 1", ENCODER)


def _reached(name: str, gradient: Tensor | None) -> Iterator[Finding]:
    """gradient: (B, T, 3, H, W), of the first clip's feature."""
    sizes = torch.zeros(2, 1) if gradient is None else gradient.abs().amax(dim=(2, 3, 4))  # (B, T)
    if not sizes[0].any():
        yield fault(f"{name}-ignored", f"a clip's feature does not depend on its {name} stream",
                    f"{ENCODER} and models/fusion.py")
        return
    if float(sizes[1:].max()) > ROUNDING * float(sizes[0].max()):
        yield fault("batch-leak", f"a clip's feature depends on another clip's {name} stream", f"{ENCODER}: rearrange")
    silent = (sizes[0] <= 1e-9 * sizes[0].max()).nonzero().flatten().tolist()
    if silent:
        yield fault("frame-ignored", f"a clip's feature does not depend on frame {silent[0]} of its {name} stream",
                    f"{ENCODER} and models/temporal.py")


def _normalised(bench: Bench, streams: list[Tensor], given: list[tuple]) -> Iterator[Finding]:
    """What reaches the image tower is (x / 255 - mean) / std, of CLIP's mean and deviation."""
    if len(bench.batch.face) and (bench.batch.face.dtype != torch.uint8 or int(bench.batch.face.max()) <= 1):
        yield fault("pixels", f"the loader gives frames as {bench.batch.face.dtype} up to "
                    f"{float(bench.batch.face.max()):.3g}, not as bytes up to 255", "dataloaders/video.py")
    visual = bench.model.video.visual
    mean, std = (torch.tensor(value, device=bench.device).view(3, 1, 1) for value in
                 (visual.image_mean, visual.image_std))
    expected = (torch.cat([frames.flatten(0, 1) for frames in streams]) / 255 - mean) / std  # (S*B*T, 3, H, W)
    seen = given[0][0].detach()
    if seen.shape != expected.shape or not close(*(x.mean(dim=(2, 3)).sort(dim=0).values for x in (seen, expected))):
        yield fault("pixels", "the image tower does not get (x / 255 - mean) / std of the frames", ENCODER)


def order_of_frames(bench: Bench) -> Iterator[Finding]:
    """The temporal transformer knows which frame came first; at evaluation a mirrored clip counts as the clip."""
    batch = bench.clips(count=1)
    settings = bench.config.model

    def turned(axis: int) -> Batch:
        return replace(batch, **{name: frames.flip(axis) for name in ("face", "context")
                                 if (frames := getattr(batch, name)) is not None})

    with bench.awake():
        feature = bench.say(batch).embedding
        if getattr(settings, "mirror", False):
            bench.model.eval()
            bench.model.training = True  # of the outermost module alone: nothing is dropped
            with torch.no_grad():
                if same(bench.model(batch).embedding, bench.model(turned(-1)).embedding):
                    yield fault("mirror", "in training, too, a clip counts as the mean of itself and its mirror image",
                                "models/recogniser.py")
        if batch.face.shape[1] > 1 and same(feature, bench.say(turned(1)).embedding):
            yield fault("frame-order", "a clip's feature does not depend on the order of its frames",
                        "models/temporal.py: positions")
        if (same(feature, bench.say(turned(-1)).embedding)) != getattr(settings, "mirror", False):
            yield fault("mirror", f"--mirror {getattr(settings, 'mirror', False)}: a clip and its mirror image give "
                        f"{'different' if settings.mirror else 'the same'} features", "models/recogniser.py")


def starts_as_the_mean(bench: Bench) -> Iterator[Finding]:
    """Adapter, fusion and temporal transformer start silent: a feature is the mean of the face frames' features."""
    batch, video = bench.clips(), bench.model.video.eval()
    if getattr(bench.config.model, "mirror", False):
        return
    feature, face = bench.say(batch).embedding, batch.face
    mean, std = (torch.tensor(value, device=bench.device).view(3, 1, 1) for value in
                 (video.visual.image_mean, video.visual.image_std))
    with torch.no_grad():
        frames = video.visual((face.flatten(0, 1) / 255 - mean) / std).float().unflatten(0, face.shape[:2])  # (B, T, D)
    mean = nn.functional.normalize(nn.functional.normalize(frames, dim=-1).mean(dim=1), dim=-1)
    if not close(feature, mean, 1e-4):
        yield fault("start", "an untrained clip feature is not the mean of its face frames' features: what is put onto "
                    "the image tower would drown it", "models/adapter.py, models/fusion.py, models/temporal.py")


def moments_are_paired(bench: Bench) -> Iterator[Finding]:
    """The fusion gets a face with the context of its own clip and moment: of equal streams, equal features."""
    fusion, batch, given = bench.model.video.fusion, bench.clips(), []
    if fusion is None or batch.context is None:
        return
    hook = heard(fusion, given)
    try:
        bench.say(replace(batch, context=batch.face))
    finally:
        hook.remove()
    face, context = given[0]
    if not same(face.flatten(0, 1), context.flatten(0, 1)):
        yield fault("streams-apart", "a face is not put together with the context of its own clip and moment", ENCODER)


def keys_have_met(bench: Bench) -> Iterator[Finding]:
    """Before the first step the momentum side is what it follows."""
    if bench.model.key_side is None:
        return
    state = bench.model.key_side.state_dict()
    start = {name: value.clone() for name, value in state.items()}
    with bench.changed(*state.values()):
        bench.model.meet_keys()
        apart = [name for name, value in state.items() if not torch.equal(value, start[name])]
    if apart:
        yield fault("keys-unmet", f"{len(apart)} of {len(state)} weights of the momentum side are not those of the "
                    f"network that it follows, e.g. {apart[0]}", "models/__init__.py: meet_keys")


def momentum_side(bench: Bench) -> Iterator[Finding]:
    """It starts as what it follows, encodes what that encodes, and follows by 1 - momentum a step."""
    model = bench.model
    if model.key_side is None:
        return
    keyed = {name: value for name, value in model.key_side.named_parameters()}
    if any(parameter.requires_grad for parameter in keyed.values()):
        yield fault("momentum", "the momentum side takes a gradient", "utils/averaging.py: frozen_copy")
    if not any(parameter.requires_grad for parameter in model.followed().parameters()):
        return  # it has nothing to follow
    kept = [(value, value.clone()) for value in model.key_side.state_dict().values()]
    try:
        with torch.no_grad():
            model.meet_keys()
            met = [value.clone() for value in keyed.values()]
            for value in keyed.values():
                value.add_(1.0)
            away = [value.clone() for value in keyed.values()]
            model.after_step()
        share = 1 - model.momentum
        told = all(close(value, start + (goal - start) * share, 1e-4)
                   for value, start, goal in zip(keyed.values(), away, met))
        if not told:
            yield fault("momentum", f"a step does not bring the momentum side nearer by {share:.3g} of the way",
                        "after_step of the network and utils/averaging.py")
    finally:
        restore(kept)
