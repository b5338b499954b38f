import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.clip import load_clip
from models.prompts import PromptLearner, mean_per_class
from models.text_tower import TextTower
from utils.averaging import move_towards
from utils.errors import UserError
from utils.skips import Skips


@pytest.fixture(scope="module")
def tower(micro) -> TextTower:
    torch.manual_seed(0)
    return TextTower(load_clip(micro, "none", 32).text.eval())


class Recorder:
    """Stands in for the tower in a forward pass, and keeps what it is called with."""

    def __call__(self, embeddings, end, length):
        self.embeddings, self.end, self.length = embeddings, end, length
        return torch.eye(len(embeddings))


def spelled(tower, learner) -> list[list[str]]:
    """The prompts that `learner` makes, token by token; `c1.2` is context vector 2 of class 1."""
    with torch.no_grad():
        for row, vectors in enumerate(learner.context):
            for number, vector in enumerate(vectors):
                vector.fill_(1000 * (row + 1) + number)
    recorder = Recorder()
    learner.encode(recorder)
    table = tower.text.token_embedding.weight
    prompts = []
    for prompt, end in zip(recorder.embeddings, recorder.end):
        spelling = []
        for vector in prompt[: end + 1]:
            if vector[0] >= 1000:
                spelling.append(f"c{int(vector[0]) // 1000 - 1}.{int(vector[0]) % 1000}")
            else:
                token = int((table == vector).all(dim=1).nonzero()[0])
                spelling.append({49406: "<", 49407: ">"}.get(token) or tower.tokenizer.decode([token]).strip())
        assert (prompt[end + 1 :] == table[0]).all()
        prompts.append(spelling)
    assert recorder.length == max(map(len, prompts))
    return prompts


TEXTS = [["angry"], ["very happy face"]]


@pytest.mark.parametrize("position, expected", [
    ("end", ["< c0.0 c0.1 c0.2 angry >", "< c1.0 c1.1 c1.2 very happy face >"]),
    ("middle", ["< c0.0 angry c0.1 c0.2 >", "< c1.0 very happy face c1.1 c1.2 >"]),
    ("front", ["< angry c0.0 c0.1 c0.2 >", "< very happy face c1.0 c1.1 c1.2 >"]),
])
@pytest.mark.parametrize("class_specific", [True, False])
def test_where_context_and_class_text_stand(tower, position, expected, class_specific):
    learner = PromptLearner(tower, TEXTS, 3, position, class_specific)
    assert learner.context.shape == (2 if class_specific else 1, 3, 32)
    if not class_specific:
        expected = [prompt.replace("c1.", "c0.") for prompt in expected]
    assert spelled(tower, learner) == [prompt.split() for prompt in expected]


def test_the_texts_of_a_class_share_its_context(tower):
    learner = PromptLearner(tower, [["angry", "a cross face"], ["happy", "glad"]], 1, "end", True)
    assert [" ".join(prompt) for prompt in spelled(tower, learner)] == [
        "< c0.0 angry >", "< c0.0 a cross face >", "< c1.0 happy >", "< c1.0 glad >"]


@pytest.mark.parametrize("class_specific", [True, False])
def test_context_from_words_gives_the_plain_texts_features(tower, class_specific):
    learner = PromptLearner(tower, TEXTS, 4, "end", class_specific, init="a photo of the")
    plain = tower.encode(["a photo of the angry", "a photo of the very happy face"])
    assert torch.allclose(learner(tower), plain, atol=1e-5)


def test_at_the_front_the_words_follow(tower):
    learner = PromptLearner(tower, TEXTS, 2, "front", True, init="in class")
    assert torch.allclose(learner(tower), tower.encode(["angry in class", "very happy face in class"]), atol=1e-5)


@pytest.mark.parametrize("number, words", [(2, "a photo"), (5, "a photo of a photo")])
def test_words_are_cut_or_repeated_to_the_number_of_contexts(tower, number, words):
    learner = PromptLearner(tower, [["angry"]], number, "end", True, init="a photo of")
    assert torch.allclose(learner(tower), tower.encode([f"{words} angry"]), atol=1e-5)


def test_without_words_the_context_is_small_and_random(tower):
    learner = PromptLearner(tower, TEXTS * 20, 16, "end", False)
    assert 0.015 < learner.context.std() < 0.025


def test_texts_of_a_class_are_averaged_and_normalised(tower):
    groups = [["angry", "a cross face"], ["happy", "glad and merry"]]
    learner = PromptLearner(tower, groups, 1, "end", True, init="so")
    each = [tower.encode([f"so {text}" for text in group]) for group in groups]
    expected = F.normalize(torch.stack([features.mean(0) for features in each]), dim=-1)
    assert torch.allclose(learner(tower), expected, atol=1e-5)


def test_mean_per_class_by_hand():
    features = torch.tensor([[1.0, 0], [0, 1], [1, 0], [1, 0]])
    assert torch.allclose(mean_per_class(features, 2), torch.tensor([[0.5**0.5, 0.5**0.5], [1, 0]]))


def test_the_context_alone_learns_while_the_tower_stands_still(tower):
    learner = PromptLearner(tower, TEXTS, 2, "middle", True)
    assert [name for name, _ in learner.named_parameters()] == ["context"]
    learner(tower).sum().backward()
    assert (learner.context.grad.abs().sum(dim=-1) > 0).all()
    assert all(p.grad is None for p in tower.parameters())


def test_state_brings_the_word_embeddings_into_a_learner_built_with_random_ones(tower):
    learner = PromptLearner(tower, TEXTS, 2, "end", True)
    before = learner(tower)
    with torch.no_grad():
        weight = tower.text.token_embedding.weight.clone()
        tower.text.token_embedding.weight.normal_()
        other = PromptLearner(tower, TEXTS, 2, "end", True)
        tower.text.token_embedding.weight.copy_(weight)
    other.load_state_dict(learner.state_dict())
    assert torch.equal(other(tower), before)


def test_as_many_contexts_as_fit_and_one_more(tower):
    PromptLearner(tower, TEXTS, 72, "end", True)(tower)
    with pytest.raises(UserError, match="--contexts-number 73: the longest class text leaves room for 72"):
        PromptLearner(tower, TEXTS, 73, "end", True)


def test_init_without_words(tower):
    with pytest.raises(UserError, match="--contexts-init ' ': has no words"):
        PromptLearner(tower, TEXTS, 2, "end", True, init=" ")


class Heard:
    """Stands before the tower and counts how often it is asked."""

    def __init__(self, tower):
        self.tower, self.times = tower, 0

    def parameters(self):
        return self.tower.parameters()

    def buffers(self):
        return self.tower.buffers()

    def __call__(self, *parts):
        self.times += 1
        return self.tower(*parts)


def test_features_are_made_once_where_no_gradient_is_asked_for(tower):
    learner, heard = PromptLearner(tower, TEXTS, 2, "end", True), Heard(tower)
    with torch.no_grad():
        first, second = learner(heard), learner(heard)
    assert heard.times == 1 and torch.equal(first, second) and torch.equal(first, learner.encode(tower))
    assert learner(heard).requires_grad and learner(heard).requires_grad and heard.times == 3


def test_a_learner_that_does_not_learn_keeps_them_while_training(tower):
    learner, heard = PromptLearner(tower, TEXTS, 2, "end", True).requires_grad_(False), Heard(tower)
    assert torch.equal(learner(heard), learner(heard)) and heard.times == 1


@pytest.mark.parametrize("change", [
    lambda learner, tower: learner.context.add_(1),
    lambda learner, tower: learner.load_state_dict({**learner.state_dict(), "context": learner.context + 1}),
    lambda learner, tower: learner.embedded.mul_(2),
    lambda learner, tower: tower.text.ln_final.weight.mul_(torch.arange(32.0)),
    lambda learner, tower: move_towards(learner, PromptLearner(tower, TEXTS, 2, "end", True), 0.5),
    lambda learner, tower: setattr(learner, "context", torch.nn.Parameter(learner.context + 1)),
    lambda learner, tower: learner.order.copy_(learner.order.flip(1)),
    lambda learner, tower: tower.text.attn_mask.zero_(),
], ids=["in place", "loaded", "words", "tower", "momentum", "another", "order", "mask"])
def test_they_are_made_anew_when_anything_was_written_to(micro, change):
    torch.manual_seed(0)
    tower = TextTower(load_clip(micro, "none", 32).text.eval())
    learner = PromptLearner(tower, TEXTS, 2, "end", True)
    with torch.no_grad():
        before = learner(tower)
        change(learner, tower)
        assert torch.equal(learner(tower), learner.encode(tower)) and not torch.allclose(learner(tower), before)


def test_they_are_made_anew_after_a_step_and_in_another_precision(tower):
    learner = PromptLearner(tower, TEXTS, 2, "end", True)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=0.1, fused=True)
    skips = Skips(optimizer, torch.amp.GradScaler("cpu", enabled=False), nn.Module(), nn.Module())
    with torch.no_grad():
        before = learner(tower)
        with torch.autocast("cpu", torch.bfloat16):
            assert not torch.equal(learner(tower), before)
    learner.context.grad = torch.randn_like(learner.context)
    skips.step(torch.ones(()), [])
    with torch.no_grad():
        assert torch.equal(learner(tower), learner.encode(tower)) and not torch.allclose(learner(tower), before)


def test_another_context_at_the_place_of_the_first_is_not_taken_for_it(tower):
    learner = PromptLearner(tower, TEXTS, 2, "end", True)
    with torch.no_grad():
        for _ in range(20):
            before = learner(tower)
            shape, learner.context = learner.context.shape, None
            learner.context = torch.nn.Parameter(torch.randn(shape))
            assert not torch.allclose(learner(tower), before)


def test_features_of_inference_mode_are_not_kept(tower):
    learner = PromptLearner(tower, TEXTS, 2, "end", True).requires_grad_(False)
    with torch.inference_mode():
        learner(tower)
    assert not learner(tower).is_inference()
