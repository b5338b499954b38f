"""What the prompts say about each class."""

from utils.errors import UserError

TEMPLATE = "a photo of a person who looks {}"
ENSEMBLE = (TEMPLATE, "a video frame of a {} face", "the expression of someone {}", "a {} person in a scene")

# class name: (the word that fits the templates, what the face and body show)
CLASSES = {
    # CAER, CAER-S, FER2013
    "Anger": ("angry", "lowered and knitted brows, glaring eyes, tightened lips and a clenched jaw"),
    "Disgust": ("disgusted", "a wrinkled nose, a raised upper lip, narrowed eyes and the head turned away"),
    "Fear": ("afraid", "raised and drawn brows, wide open eyes, lips stretched back and a tense body"),
    "Happy": ("happy", "raised cheeks, lip corners pulled up in a smile and crinkled eyes"),
    "Neutral": ("neutral", "relaxed brows, calm eyes, closed lips and no strong expression"),
    "Sad": ("sad", "raised inner brows, drooping eyelids, lip corners turned down and a lowered gaze"),
    "Surprise": ("surprised", "high arched brows, wide open eyes and a dropped jaw with an open mouth"),
    # RAER
    "Neutrality": ("neutral", "a calm face, steady eyes on the lesson and an upright, still posture"),
    "Enjoyment": ("amused and interested", "a smile, bright eyes and a body leaning towards the lesson"),
    "Confusion": ("confused", "knitted brows, narrowed eyes, pursed lips and a tilted or scratched head"),
    "Fatigue": ("tired", "drooping eyelids, a yawning mouth, a slack face and a head resting on a hand"),
    "Distraction": ("distracted", "eyes and head turned away from the lesson and hands busy with other things"),
    # DAiSEE: four levels of each of four states
    "Very Low Engagement": ("not engaged at all", "eyes closed or away from the screen and a slumped, idle body"),
    "Low Engagement": ("barely engaged", "a wandering gaze, a blank face and a body leaning back"),
    "High Engagement": ("engaged", "eyes on the screen, an attentive face and an upright body"),
    "Very High Engagement": ("very engaged", "eyes fixed on the screen, raised brows and a body leaning forward"),
    "Very Low Boredom": ("not bored at all", "lively eyes, a mobile face and quick reactions"),
    "Low Boredom": ("slightly bored", "an even face and a gaze that now and then drifts off"),
    "High Boredom": ("bored", "half-closed lids, a flat face and a head propped on a hand"),
    "Very High Boredom": ("very bored", "yawning, closed eyes, a slack jaw and a body sunk in the chair"),
    "Very Low Confusion": ("not confused at all", "smooth brows, relaxed lips and steady eyes"),
    "Low Confusion": ("slightly confused", "a faint frown and a short pause of the eyes"),
    "High Confusion": ("confused", "knitted brows, narrowed eyes and pressed lips"),
    "Very High Confusion": ("very confused", "deeply knitted brows, a tilted head and an open, puzzled mouth"),
    "Very Low Frustration": ("not frustrated at all", "a relaxed jaw, soft eyes and loose shoulders"),
    "Low Frustration": ("slightly frustrated", "slightly pressed lips and a short sigh"),
    "High Frustration": ("frustrated", "lowered brows, tightened lips and a hand on the forehead"),
    "Very High Frustration": ("very frustrated", "clenched teeth, a hard frown, a shaken head and raised hands"),
}


def class_texts(classes: list[str], text_type: str) -> list[list[str]]:
    """K texts for each class, C lists of equal length.

    Raises:
        UserError: a class that is in no table, where the text type needs more than its name.
    """
    if text_type == "class_names":
        return [[name.lower()] for name in classes]
    unknown = [name for name in classes if name not in CLASSES]
    if unknown:
        raise UserError(f"--text-type {text_type}: models/texts.py says nothing about {', '.join(unknown)}; "
                        "add it there, or take --text-type class_names")
    if text_type == "class_names_with_context":
        return [[TEMPLATE.format(CLASSES[name][0])] for name in classes]
    if text_type == "class_descriptor":
        return [[f"{CLASSES[name][0]}: {CLASSES[name][1]}"] for name in classes]
    return [
        [*(template.format(CLASSES[name][0]) for template in ENSEMBLE), f"a person with {CLASSES[name][1]}"]
        for name in classes
    ]
