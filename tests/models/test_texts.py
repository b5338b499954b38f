import pytest

from dataloaders.datasets import CAER, LEVELS, RAER
from models.text_tower import TextTower
from models.texts import CLASSES, class_texts
from utils.errors import UserError

STATES = ("Engagement", "Boredom", "Confusion", "Frustration")
SETS = [CAER, RAER, *([f"{level} {state}" for level in LEVELS] for state in STATES)]
TYPES = ["class_names", "class_names_with_context", "class_descriptor", "prompt_ensemble"]


@pytest.mark.parametrize("text_type", TYPES)
@pytest.mark.parametrize("classes", SETS, ids=lambda classes: classes[0])
def test_every_data_set_has_distinct_texts_for_each_class(classes, text_type):
    texts = class_texts(classes, text_type)
    assert len(texts) == len(classes)
    assert {len(group) for group in texts} == {5 if text_type == "prompt_ensemble" else 1}
    flat = [text for group in texts for text in group]
    assert len(set(flat)) == len(flat)


def test_what_each_type_says():
    assert class_texts(["Sad", "Fear"], "class_names") == [["sad"], ["fear"]]
    assert class_texts(["Fear"], "class_names_with_context") == [["a photo of a person who looks afraid"]]
    assert class_texts(["Happy"], "class_descriptor")[0][0].startswith("happy: raised cheeks, ")
    ensemble = class_texts(["Anger"], "prompt_ensemble")[0]
    assert ensemble[0] == "a photo of a person who looks angry"
    assert ensemble[-1].startswith("a person with lowered and knitted brows")


def test_every_text_fits_beside_sixteen_contexts(micro):
    from models.clip import load_clip

    tower = TextTower(load_clip(micro, "none", 32).text)
    for text_type in TYPES:
        for group in class_texts(list(CLASSES), text_type):
            assert all(len(tower.tokenizer.encode(text)) <= 75 - 16 for text in group)


@pytest.mark.parametrize("text_type", TYPES[1:])
def test_an_unknown_class_is_named(text_type):
    with pytest.raises(UserError, match=rf"--text-type {text_type}: models/texts.py says nothing about Glee, Awe;"):
        class_texts(["Happy", "Glee", "Awe"], text_type)
    assert class_texts(["Glee"], "class_names") == [["glee"]]
