"""Whether the labels go with the texts: naive Bayes on words must find them again, in every part of every split.

On UIT-ViSFD its area under the ROC curve (AUC) is 0.87 for mentions and 0.91 for sentiments, within 0.02 in each
eighth of the table; on labels shuffled against the texts it is 0.5.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import rankdata
from sklearn.feature_extraction.text import CountVectorizer

from dataloaders.audit.reviews.words import folded
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding, of_some
from utils.structures import NOT_MENTIONED

LEAST = 300  # reviews in a block, and in a training split that can tell anything
EACH = 15  # cases and counter-cases that an AUC is computed from
BLOCKS = 20
CHANCE, LEARNED = 0.6, 0.68  # a mean AUC below is no better than chance; one above is
DROP = 0.03  # of a mean AUC, against the rest of the same data
GIVEAWAY = 0.97  # of the cases that one word tells, and of its occurrences that are cases


@dataclass
class Questions:
    """What is asked about each review, a column each: is the aspect mentioned; if rated, is it this sentiment?"""

    names: list[str]
    mention: np.ndarray  # (Q,) bool
    yes: np.ndarray  # (N, Q) bool
    no: np.ndarray  # (N, Q) bool; neither where the question does not arise


def questions(targets: np.ndarray, aspects: list[str], sentiments: list[str]) -> Questions:
    mentioned = targets != NOT_MENTIONED
    yes, no, names = [mentioned], [~mentioned], list(aspects)
    for number, word in enumerate(sentiments):
        yes.append(targets == number)
        no.append((targets >= 0) & (targets != number))
        names += [f"{aspect} {word}" for aspect in aspects]
    mention = np.arange(len(names)) < len(aspects)
    return Questions(names, mention, np.hstack(yes), np.hstack(no))


def aucs(scores: np.ndarray, asked: Questions, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
    """(Q,) area under the ROC curve of each question in these rows; nan where cases are too few."""
    areas = np.full(len(asked.names), np.nan)
    for column in range(len(areas)):
        yes, no = asked.yes[rows, column], asked.no[rows, column]
        cases, others = yes.sum(), no.sum()
        if min(cases, others) >= EACH:
            ranks = rankdata(scores[rows, column][yes | no])[yes[yes | no]]
            areas[column] = (ranks.sum() - cases * (cases + 1) / 2) / (cases * others)
    return areas


def deviation(asked: Questions) -> np.ndarray:
    """(Q,) of an AUC at chance."""
    cases, others = asked.yes.sum(axis=0).clip(1), asked.no.sum(axis=0).clip(1)
    return np.sqrt((cases + others + 1) / (12 * cases * others))


class Reader:
    """Naive Bayes on the words of the training reviews, with counts kept by block, so that any can be left out."""

    def __init__(self, texts: list[str], asked: Questions):
        self.words = CountVectorizer(binary=True, min_df=3, token_pattern=r"\w+", dtype=np.float64)
        self.seen = self.words.fit_transform(texts)  # (N, V)
        count = min(BLOCKS, len(texts) // LEAST)
        self.blocks = np.arange(len(texts)) * max(count, 2) // len(texts)
        parts = [self.blocks == block for block in range(max(count, 2))]
        # (blocks, V + 1, Q); the last row counts the reviews themselves
        self.yes = np.stack([_counts(self.seen[part], asked.yes[part]) for part in parts])
        self.no = np.stack([_counts(self.seen[part], asked.no[part]) for part in parts])

    def weights(self, without: int | None = None) -> np.ndarray:
        """(V, Q) log of how much likelier a word is in a case than in a counter-case."""
        kept = np.arange(len(self.yes)) != (-1 if without is None else without)
        yes, no = self.yes[kept].sum(axis=0), self.no[kept].sum(axis=0)
        return np.log((yes[:-1] + 0.5) / (yes[-1] + 1)) - np.log((no[:-1] + 0.5) / (no[-1] + 1))

    def crossed(self) -> np.ndarray:
        """(N, Q) scores of the training reviews, each by the other blocks."""
        scores = np.zeros((self.seen.shape[0], self.yes.shape[2]))
        for block in range(len(self.yes)):
            scores[self.blocks == block] = self.seen[self.blocks == block] @ self.weights(block)
        return scores


def _counts(seen: csr_matrix, chosen: np.ndarray) -> np.ndarray:
    return np.vstack([seen.T @ chosen.astype(np.float64), chosen.sum(axis=0)])


def audit_fit(datasets: dict[str, ReviewDataset], aspects: list[str], sentiments: list[str]) -> list[Finding]:
    train = datasets["train"]
    asked = questions(train.targets, aspects, sentiments)
    try:
        reader = Reader([folded(review.text) for review in train.reviews], asked) if len(train) >= LEAST else None
    except ValueError:  # not three reviews share a word: audit_words says so
        reader = None
    if reader is None:
        return []
    scores = reader.crossed()
    own = aucs(scores, asked)
    findings = _giveaways(reader, asked)
    if wrong := _at_chance("train", own, asked):
        return findings + wrong
    findings += _blocks(reader, train, scores, asked)
    findings += _columns("train", own, _usual(own, asked, len(aspects)), asked, "")
    for split, dataset in datasets.items():
        if split != "train" and len(dataset) >= 60:
            findings += _split(split, dataset, reader, own, questions(dataset.targets, aspects, sentiments))
    return findings


def _split(split: str, dataset: ReviewDataset, reader: Reader, own: np.ndarray, asked: Questions) -> list[Finding]:
    scores = reader.words.transform([folded(review.text) for review in dataset.reviews]) @ reader.weights()
    areas = aucs(scores, asked)
    if wrong := _at_chance(split, areas, asked, own):
        return wrong
    findings = _columns(split, areas, own, asked, "; train's own are found again")
    for kind, which in (("mentions", asked.mention), ("sentiments", ~asked.mention)):
        both = which & ~np.isnan(areas) & ~np.isnan(own)
        if not both.any():
            continue
        ours, theirs = own[both].mean(), areas[both].mean()
        noise = np.sqrt((deviation(asked)[both] ** 2).sum()) / both.sum()
        if abs(ours - theirs) > DROP + 3 * noise:
            worse, better = (split, "train") if ours > theirs else ("train", split)
            findings.append(Finding("warning", "labels-noisier",
                                    f"{worse}: a simple reader finds its {kind} again less "
                                    f"often than those of {better} (AUC {min(ours, theirs):.2f} against "
                                    f"{max(ours, theirs):.2f})", f"look whether labels of {worse} were mixed up"))
    return findings


def _usual(own: np.ndarray, asked: Questions, aspects: int) -> np.ndarray:
    """(Q,) the middle over the aspects, of mentions and of each sentiment."""
    return np.repeat([_median(areas) for areas in own.reshape(-1, aspects)], aspects)


def _median(areas: np.ndarray) -> float:
    areas = areas[~np.isnan(areas)]
    return float(np.median(areas)) if len(areas) else np.nan


def _at_chance(split: str, areas: np.ndarray, asked: Questions, own: np.ndarray | None = None) -> list[Finding]:
    """All mentions, or all sentiments, no better than guessed."""
    for kind, which in (("mentions", asked.mention), ("sentiments", ~asked.mention)):
        found = which & ~np.isnan(areas)
        noise = np.sqrt((deviation(asked)[found] ** 2).sum()) / max(found.sum(), 1)
        unable = own is not None and not _median(own[which]) > LEARNED
        if found.any() and areas[found].mean() < CHANCE - noise and asked.yes[:, found].sum() >= 100 and not unable:
            return [Finding("error", "labels-not-of-texts", f"{split}: the {kind} do not go with the texts: a simple "
                            f"reader of words finds them again no better than chance (AUC {areas[found].mean():.2f}, "
                            "0.5 is a guess)", "look whether labels were shifted or shuffled against the texts, or the "
                            "wrong column is read", int(found.sum()), ", ".join(np.array(asked.names)[found][:3]))]
    return []


def _columns(split: str, areas: np.ndarray, usual: np.ndarray, asked: Questions, more: str) -> list[Finding]:
    """Single aspects or sentiments at chance, where the same question can be answered elsewhere."""
    lost = (usual - areas > 0.5 * (usual - 0.5)) & (usual - areas > 5 * deviation(asked)) & (usual > LEARNED)
    if split == "train":  # one aspect may be harder than the others
        lost &= areas < 0.5 + 3 * deviation(asked)
    if not lost.any():
        return []
    said = [f"{asked.names[i]} (AUC {areas[i]:.2f}, {usual[i]:.2f} expected)" for i in np.flatnonzero(lost)]
    return [Finding("error" if split != "train" else "warning", "column-not-of-texts", f"{split}: {lost.sum()} columns "
                    f"of labels do not go with the texts{more}",
                    "look whether columns or codes are swapped or shuffled",
                    **of_some(said))]


def _blocks(reader: Reader, dataset: ReviewDataset, scores: np.ndarray, asked: Questions) -> list[Finding]:
    """Parts of the table whose labels are off, as after a row too many."""
    count = len(reader.yes)
    if count < 3:
        return []
    areas = np.array([aucs(scores, asked, reader.blocks == block) for block in range(count)])  # (blocks, Q)
    findings = []
    for kind, which in (("mentions", asked.mention), ("sentiments", ~asked.mention)):
        known = which & ~np.isnan(areas).any(axis=0)
        means = areas[:, known].mean(axis=1) if known.any() else np.ones(count)
        best = np.sort(means)[-max(count // 4, 1)]
        off = np.flatnonzero(means < min(best - 0.12, best - 0.4 * (best - 0.5)))
        if len(off):
            ids = [place for place in np.flatnonzero(np.isin(reader.blocks, off))]
            findings.append(Finding("error", "part-not-of-texts", f"train: in {len(ids)} of {len(dataset)} rows the "
                                    f"{kind} go with the texts far less than in the others (AUC "
                                    f"{means[off].mean():.2f}, {best:.2f} in the best part)",
                                    "look whether labels were shifted from some row on",
                                    len(ids), f"rows {dataset.ids[ids[0]]} to {dataset.ids[ids[-1]]}"))
    return findings


def _giveaways(reader: Reader, asked: Questions) -> list[Finding]:
    """A word that tells a label as if it were the label."""
    yes, no = reader.yes.sum(axis=0), reader.no.sum(axis=0)
    recall, precision = yes[:-1] / yes[-1].clip(1), yes[:-1] / (yes[:-1] + no[:-1]).clip(1)
    sure = np.minimum(recall, precision)  # (V, Q)
    enough = (yes[-1] >= 50) & (no[-1] >= 0.2 * yes[-1])
    words = reader.words.get_feature_names_out()
    said = [f"{words[sure[:, i].argmax()]!r} tells {asked.names[i]}" for i in np.flatnonzero(enough)
            if sure[:, i].max() > GIVEAWAY]
    return [Finding("warning", "giveaway", f"train: {len(said)} labels can be read off a single word", "take the word "
                    "out, if it was put there with the label", **of_some(said))] if said else []
