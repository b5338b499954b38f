"""What the audit sees of a split that is streamed, sound and spoilt."""

from dataclasses import replace

import pytest

from dataloaders.audit import audit
from dataloaders.clip_loaders import clip_loaders, simclr_loaders
from dataloaders.lanes import Lanes
from tests.dataloaders.packs import DATA, write_pack
from utils.config import SimclrConfig, VideoConfig, VideoTrainConfig

SOUND = ["packed-not-audited", "stream-audited-in-part"]


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return write_pack(tmp_path_factory.mktemp("pack") / "p", clips=120, largest=60_000)


def config(pack, **changes) -> VideoConfig:
    data = replace(DATA, packed=pack.folder, stream=str(pack.folder), num_workers=0, shuffle_buffer=24, **changes)
    return VideoConfig(data=data, train=VideoTrainConfig(seed=3))


def found(config, change=lambda loader: None, full=False):
    loaders, labels = clip_loaders(config, None, None)
    change(loaders["train"])
    return audit(config, loaders, labels, full)


def names(config, change=lambda loader: None) -> list[str]:
    return [finding.name for finding in found(config, change)]


def test_a_sound_stream_has_notes_alone_that_say_how_far_was_looked(pack, monkeypatch):
    monkeypatch.setattr("dataloaders.audit.clips.streaming.FIRST", 50)
    assert names(config(pack)) == SOUND
    texts = [found(config(pack), full=full)[1].text for full in (False, True)]
    assert texts == [f"train: is streamed; only its first {n} of 120 clips are looked at" for n in (50, 120)]


def test_a_sound_stream_of_pairs(pack):
    data = config(pack).data
    pairs = SimclrConfig()
    pairs = replace(pairs, data=replace(pairs.data, **{name: getattr(data, name) for name in (
        "packed", "stream", "image_size", "num_segments", "batch_size", "num_workers", "shuffle_buffer")}))
    loaders, labels = simclr_loaders(pairs, None, None)
    assert [finding.name for finding in audit(pairs, loaders, labels)] == SOUND
    loaders["train"].clips.numbered = False
    assert "settings-not-used" in [finding.name for finding in audit(pairs, loaders, labels)]


@pytest.mark.parametrize("change", [
    lambda loader: setattr(loader, "order", replace(loader.order, seed=4)),
    lambda loader: setattr(loader, "order", replace(loader.order, lanes=3)),
    lambda loader: setattr(loader, "order", replace(loader.order, shuffle_buffer=12)),
    lambda loader: setattr(loader.dataset, "seed", 4), lambda loader: setattr(loader.dataset, "side", 16),
    lambda loader: setattr(loader.clips.place, "address", f"{loader.clips.place.address}/"),
    lambda loader: setattr(loader, "timeout", 1), lambda loader: setattr(loader.clips, "numbered", True),
])
def test_settings_that_are_not_used(pack, change):
    assert "settings-not-used" in names(config(pack), change)


def test_an_order_that_never_changes_or_cannot_be_had_again(pack, monkeypatch):
    visits, stretches = Lanes.visits, Lanes.stretches
    with monkeypatch.context() as patch:
        patch.setattr(Lanes, "visits", lambda self, epoch, *rest: visits(self, 0, *rest))
        patch.setattr(Lanes, "stretches", lambda self, epoch, *rest: stretches(self, 0, *rest))
        assert names(config(pack)) == [SOUND[0], "order-never-changes", SOUND[1]]
    asked = []
    monkeypatch.setattr(Lanes, "visits", lambda self, epoch, *rest: visits(self, asked.append(0) or len(asked), *rest))
    assert "order-not-repeatable" in names(config(pack))


def test_clips_that_come_twice(pack, monkeypatch):
    real = Lanes.stretches
    monkeypatch.setattr(Lanes, "stretches", lambda self, epoch, lane, start: real(self, 0, 0, start))
    assert "clips-not-visited-once" in names(config(pack))


def test_clips_that_lie_by_class(pack, monkeypatch, tmp_path):
    monkeypatch.setattr("tests.dataloaders.packs._stored",
                        lambda split, size: sorted(range(size), key=lambda index: index % 3))
    by_class = write_pack(tmp_path / "p", clips=120, largest=60_000)
    assert "order-not-shuffled" in names(config(by_class))


def test_labels_of_no_class(pack):
    def fewer(loader):
        loader.held = replace(loader.held, counts=loader.held.counts[:2])

    assert "strange-labels" in names(config(pack), fewer)
