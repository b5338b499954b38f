import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from models.clip import load_clip
from models.text_tower import TextTower
from utils.errors import UserError


@pytest.fixture(scope="module", params=["micro", "micro_linear"])
def clip(micro, request):
    torch.manual_seed(0)
    clip = load_clip(micro, "none", 32).eval()
    if request.param == "micro_linear":  # some text towers project by a Linear
        del clip.text.text_projection
        clip.text.text_projection = torch.nn.Linear(32, 32)
    return clip


def reference(clip, texts: list[str]) -> torch.Tensor:
    with torch.no_grad():
        return F.normalize(clip.encode_text(open_clip.tokenize(texts)), dim=-1)


words = st.text("abc xyz,.", min_size=1, max_size=60).filter(str.strip)


@settings(deadline=None, max_examples=20)
@given(st.lists(words, min_size=1, max_size=4))
def test_equals_open_clip_on_texts_of_any_lengths(clip, texts):
    assert torch.allclose(TextTower(clip.text).encode(texts), reference(clip, texts), atol=1e-5)


def test_runs_no_further_than_the_longest_text(clip):
    tower, lengths = TextTower(clip.text), []
    hook = clip.text.transformer.register_forward_pre_hook(lambda _, inputs: lengths.append(inputs[0].shape[1]))
    tower.encode(["happy", "a very happy face"])  # start, four words, end
    hook.remove()
    assert lengths == [6]


def test_a_text_that_just_fits_and_one_that_does_not(clip):
    tower, fits = TextTower(clip.text), "dog " * 75
    assert torch.allclose(tower.encode([fits]), reference(clip, [fits]), atol=1e-5)
    with pytest.raises(UserError, match=r"prompt of 76 tokens, CLIP's text tower takes 75: 'dog dog"):
        tower.encode(["dog", fits + "dog"])


def test_frozen_yet_a_gradient_passes_through(clip):
    tower = TextTower(clip.text)
    assert not any(p.requires_grad for p in tower.parameters())
    embeddings = tower.embed(tower.tokenize(["happy"])).requires_grad_()
    tower(embeddings, torch.tensor([2]), 3)[0, 0].backward()
    gradient = embeddings.grad[0].abs().sum(-1)
    assert (gradient[:3] > 0).all() and (gradient[3:] == 0).all()


@pytest.mark.parametrize("name", ["micro_siglip", "micro_coca"])
def test_towers_that_are_not_clips_own(micro, name):
    with pytest.raises(UserError, match="its text tower is not CLIP's own"):
        TextTower(load_clip(name, "none", 32).text)
