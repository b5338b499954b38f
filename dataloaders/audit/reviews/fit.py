"""Whether the labels go with the texts: naive Bayes on words must find them again, in every part of every split.

On UIT-ViSFD its area under the ROC curve (AUC) is 0.87 for mentions and 0.91 for sentiments, within 0.02 in each
eighth of the table; on labels shuffled against the texts it is 0.5.
"""

import numpy as np

from dataloaders.audit.reviews.reader import LEAST, Questions, Reader, aucs, deviation, questions
from dataloaders.audit.reviews.words import folded
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding, of_some

CHANCE, LEARNED = 0.6, 0.68  # a mean AUC below is no better than chance; one above is
DROP = 0.03  # of a mean AUC, against the rest of the same data
GIVEAWAY = 0.97  # of the cases that one word tells, and of its occurrences that are cases


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
