import pytest
import torch

from models.classifier import ClipClassifier, learned_classes, unseen_classes
from models.clip import load_clip
from models.explain.clips import reasons
from models.recogniser import VideoRecogniser
from tests.inference.runs import awake
from tests.models.test_recogniser import TEXTS, clips
from utils.config import VideoModelConfig
from utils.errors import UserError
from utils.prediction import predict
from utils.tally import Tally

NAMES = [group[0] for group in TEXTS]


def recogniser(two: bool = True, **settings) -> VideoRecogniser:
    torch.manual_seed(0)
    settings = VideoModelConfig(**dict(contexts_number=4, temporal_heads=4, temperature=0.05) | settings)
    return awake(VideoRecogniser(load_clip("micro", "none", 32), TEXTS, settings, two_streams=two))


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("two", [True, False])
def test_it_gives_what_the_recogniser_gives_in_evaluation(micro, two, mirror):
    model, batch = recogniser(two, mirror=mirror).train(), clips(3, 4, two)
    classifier = ClipClassifier(model, learned_classes(model))
    assert not model.training
    ours, theirs = classifier(batch), model(batch)
    assert torch.equal(ours.logits, theirs.logits) and torch.equal(ours.embedding, theirs.embedding)
    assert ours.logits.shape == (3, 3) and ours.logits.std() > 0.01


def test_its_text_features_are_made_once_and_go_with_it(micro):
    """Without the text tower: what it is given is what is compared, in any order and number."""
    model, batch = recogniser(), clips()
    text = learned_classes(model)
    assert not text.requires_grad and torch.allclose(text.norm(dim=-1), torch.ones(3), atol=1e-6)
    turned = ClipClassifier(model, text[[2, 0]])
    assert torch.allclose(turned(batch).logits, model(batch).logits[:, [2, 0]], atol=1e-5)
    assert turned.to(torch.float64).text.dtype == torch.float64
    model.text_tower.forward = None
    assert turned.float()(batch).logits.shape == (2, 2)


def test_it_stays_in_evaluation_when_it_is_used(micro):
    """Else batch norms would learn from what is looked at, and answers depend on those before."""
    torch.manual_seed(0)
    settings = VideoModelConfig(contexts_number=4, temporal_heads=4, temperature=0.05)
    model = VideoRecogniser(load_clip("micro_bn", "none", 32), TEXTS, settings).train()
    classifier, batch = ClipClassifier(model, learned_classes(model)), clips()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    first, _ = (predict(classifier, [batch], torch.device("cpu"), Tally("input", 2, 1)) for _ in range(2))
    reasons(classifier, batch.row(0), 0)
    assert torch.equal(predict(classifier, [batch], torch.device("cpu"), Tally("input", 2, 1)).logits, first.logits)
    assert not any(module.training for module in classifier.modules())
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())


@pytest.mark.parametrize("position", ["end", "middle", "front"])
def test_with_one_context_for_all_the_classes_of_training_keep_their_features(micro, position):
    model = recogniser(class_specific_contexts=False, class_token_position=position)
    learned = learned_classes(model)
    assert torch.allclose(unseen_classes(model, NAMES, position), learned, atol=1e-6)
    turned = unseen_classes(model, [NAMES[1], "a person of a very long class", NAMES[0]], position)
    assert torch.allclose(turned[[0, 2]], learned[[1, 0]], atol=1e-6)
    assert (turned[1] - learned).abs().max(dim=1).values.min() > 1e-3


def test_with_contexts_of_their_own_a_new_class_gets_their_mean(micro):
    """By the text tower itself: start token, the mean of three contexts, `bored`, end token."""
    model = recogniser()
    with torch.no_grad():
        model.prompts.context.normal_()
        context = (model.prompts.context[0] + model.prompts.context[1] + model.prompts.context[2]) / 3  # (4, W)
        tower = model.text_tower
        words = tower.embed(tower.tokenize(["bored"]))[0]  # start, bored, end, then padding
        prompt = torch.cat([words[:1], context, words[1:3]])[None]
        expected = tower(prompt, torch.tensor([6]), 7)
    found = unseen_classes(model, ["bored", "angry"], "end")
    assert torch.allclose(found[:1], expected, atol=1e-6) and not found.requires_grad
    assert not torch.allclose(found[1], learned_classes(model)[0], atol=1e-3)


def test_new_classes_leave_the_recogniser_as_it_was(micro):
    model = recogniser()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    unseen_classes(model, ["bored", "very tired indeed"], "end")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("words, said", [(72, "the longest class text leaves room for 3"),
                                         (76, "prompt of 76 tokens, CLIP's text tower takes 75")])
def test_a_name_that_does_not_fit_is_refused(micro, words, said):
    assert unseen_classes(recogniser(), ["bored", "bored " * 71], "end").shape == (2, 32)
    with pytest.raises(UserError, match=said):
        unseen_classes(recogniser(), ["happy", "bored " * words], "end")
