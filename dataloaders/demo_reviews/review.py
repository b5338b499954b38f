"""Composes one review: which aspects it judges and how, in which frames, with which stars and date."""

import re
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from dataloaders.demo_reviews.frames import SLOTS, Frames
from dataloaders.demo_reviews.typing_habits import draw_habits, typed
from dataloaders.demo_reviews.words import (
    ANY,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    TOPICS,
    Topic,
    choose,
    common,
    opinion,
    weighted,
)

OTHERS = "OTHERS"

_SHARES = {"GENERAL": 19, "BATTERY": 17, "PERFORMANCE": 16, "FEATURES": 14, "CAMERA": 12, "SER&ACC": 11, "PRICE": 9,
           "DESIGN": 8, "SCREEN": 7, "STORAGE": 4}  # fmt: skip
_COUNTS = {1: 44, 2: 34, 3: 14, 4: 5, 5: 3}  # of the aspects that a review judges
_MOODS = {(86, 7, 7): 44, (43, 39, 18): 32, (9, 79, 12): 24}  # shares of praise, blame and neither in a mood: how often
_ONLY_OTHERS, _ALSO_OTHERS = 0.07, 0.1
_NOT_USED = ("PRICE", "SER&ACC")

EMOJI = {
    POSITIVE: ("😍", "🥰", "👍", "😁", "❤️", "💯", "😘", "🤩"),
    NEGATIVE: ("😡", "😤", "😭", "👎", "😞", "🤬", "💔", "😠"),
    NEUTRAL: ("😅", "🙏", "📱", "🤔", "😂", "🙂"),  # go with any mood
}

FIRST_DAY, LAST_DAY = date(2019, 1, 1), date(2020, 12, 31)


@dataclass
class Draft:
    """A review while it is composed."""

    sentences: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)  # polarity by aspect
    others: bool = False
    frames: list[str] = field(default_factory=list)  # with their slots open
    fillers: list[str] = field(default_factory=list)  # what the slots were filled with
    story: dict[str, str] = field(default_factory=dict)  # SLOTS' fillers, the same in the whole review

    def add(self, rng: np.random.Generator, frame: str, **filled: str) -> None:
        """Adds a sentence: slots that are not given take a word of SLOTS."""
        for slot in re.findall(r"\{(\w)\}", frame):
            if slot not in filled:
                filled[slot] = self.story.setdefault(slot, choose(rng, SLOTS[slot]))
            self.fillers.append(filled[slot])
        self.frames.append(frame)
        self.sentences.append(frame.format(**filled))

    @property
    def mood(self) -> str:
        """The polarity that outweighs its opposite."""
        votes = list(self.labels.values())
        lead = votes.count(POSITIVE) - votes.count(NEGATIVE)
        return POSITIVE if lead > 0 else NEGATIVE if lead < 0 else NEUTRAL


def compose(rng: np.random.Generator, frames: Frames) -> Draft:
    draft = Draft()
    if rng.random() < 0.3:
        draft.add(rng, choose(rng, frames.opening))
    only_others = rng.random() < _ONLY_OTHERS
    if not only_others:
        _judge(rng, frames, draft)
    if only_others or rng.random() < _ALSO_OTHERS:
        draft.add(rng, choose(rng, frames.other))
        draft.others = True
    if rng.random() < 0.15:
        draft.add(rng, choose(rng, frames.closing))
    return draft


def _judge(rng: np.random.Generator, frames: Frames, draft: Draft) -> None:
    """Adds a clause for each aspect; two aspects may share a sentence."""
    topics = _draw_topics(rng)
    mood = weighted(rng, _MOODS)
    rest = [(topic, weighted(rng, dict(zip((POSITIVE, NEGATIVE, NEUTRAL), mood)))) for topic in topics]
    draft.labels = {topic.aspect: polarity for topic, polarity in rest}
    while rest:
        first, *others = rest
        partner = next((other for other in others if {first[1], other[1]} == {POSITIVE, NEGATIVE}), None)
        if partner and rng.random() < 0.6:
            _contrast(rng, frames, draft, first, partner)
        elif (partner := next((other for other in others if other[1] == first[1]), None)) and rng.random() < 0.12:
            shared = common(rng, ANY[first[1]])
            draft.add(rng, choose(rng, frames.both), t=_term(rng, first[0]), u=_term(rng, partner[0]), o=shared)
        else:
            partner = None
            _clause(rng, frames, draft, *first)
        rest = [other for other in others if other is not partner]


def _draw_topics(rng: np.random.Generator) -> list[Topic]:
    shares, topics = dict(_SHARES), []
    for _ in range(weighted(rng, _COUNTS)):
        aspect = weighted(rng, shares)
        del shares[aspect]
        topics.append(choose(rng, [topic for topic in TOPICS if topic.aspect == aspect]))
    return topics


def _term(rng: np.random.Generator, topic: Topic) -> str:
    return common(rng, topic.list("terms"))


def _contrast(rng: np.random.Generator, frames: Frames, draft: Draft, *pair: tuple[Topic, str]) -> None:
    (term, said), (second, replied) = ((_term(rng, topic), opinion(rng, topic, polarity)) for topic, polarity in pair)
    draft.add(rng, choose(rng, frames.contrast), t=term, o=said, u=second, v=replied)


def _clause(rng: np.random.Generator, frames: Frames, draft: Draft, topic: Topic, polarity: str) -> None:
    pointed = {POSITIVE: frames.praise, NEGATIVE: frames.blame}
    longer = frames.clause if topic.aspect in _NOT_USED else frames.clause + frames.use
    kind = weighted(rng, {frames.plain: 50, longer: 42, pointed.get(polarity, longer): 8})
    frame = choose(rng, [frame for frame in kind if frame in frames.plain or frame not in draft.frames])
    opposite = common(rng, topic.list("bad" if polarity == POSITIVE else "good"))
    draft.add(rng, frame, t=_term(rng, topic), o=opinion(rng, topic, polarity), x=opposite)


def review_row(rng: np.random.Generator, draft: Draft) -> tuple[str, int, str, str]:
    """Comment, stars, date and label of a draft, as one writer types it."""
    text = typed(rng, draw_habits(rng), draft.sentences)
    if rng.random() < 0.25:
        mood = draft.mood if rng.random() < 0.8 else NEUTRAL
        text += choose(rng, (" ", "")) + choose(rng, EMOJI[mood]) * int(rng.integers(1, 4))
    return text, _stars(rng, draft), _date(rng), label(draft)


def label(draft: Draft) -> str:
    parts = [f"{{{aspect}#{polarity}}};" for aspect, polarity in sorted(draft.labels.items())]
    return "".join(parts) + ("{OTHERS};" if draft.others else "")


def _stars(rng: np.random.Generator, draft: Draft) -> int:
    """1 or 2 where nothing but blame is said, 4 or 5 where nothing but praise is."""
    votes = list(draft.labels.values())
    if not votes:
        return int(rng.integers(3, 6))
    lead = (votes.count(POSITIVE) - votes.count(NEGATIVE)) / len(votes)
    low, high = {1.0: (4, 5), -1.0: (1, 2)}.get(lead, (2, 4))
    return int(np.clip(round(3 + 2 * lead + rng.normal(0, 0.6)), low, high))


def _date(rng: np.random.Generator) -> str:
    if rng.random() < 0.12:
        count, unit = (rng.integers(1, 5), "tuần") if rng.random() < 0.7 else (rng.integers(1, 8), "ngày")
        return f"{count} {unit} trước"
    return f"{FIRST_DAY + timedelta(int(rng.integers((LAST_DAY - FIRST_DAY).days + 1))):%d/%m/%Y}"
