"""What a text recipe's network must beat: TF-IDF of words and characters, and linear support vector machines.

    python -m scripts.absa_baseline visfd --root-dir FOLDER [--splits val test] [flags of the recipe]

One machine for each aspect says whether it is mentioned, another, trained on the reviews that mention it, which
sentiment it has. Reads the recipe's tables and prints the scores that `main.py eval` would.
"""

import argparse

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from dataloaders.reviews import encode_labels
from dataloaders.text_dataloader import load_reviews
from utils.errors import UserError
from utils.recipe import load_config
from utils.structures import NO_POLARITY, NOT_MENTIONED, Labels
from utils.tasks import build_task
from utils.tasks.review_metrics import baselines, score_cells


def features() -> FeatureUnion:
    """Words 1 to 2, and characters 2 to 5 within words."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    characters = TfidfVectorizer(ngram_range=(2, 5), sublinear_tf=True, analyzer="char_wb")
    return FeatureUnion([("words", words), ("characters", characters)])


def machine(labels: np.ndarray) -> LinearSVC | DummyClassifier:
    """A linear SVM; where there is one label only, what always says it."""
    return LinearSVC() if len(set(labels)) > 1 else DummyClassifier(strategy="most_frequent")


class Baseline:
    """Fitted to features (N, F) and targets (N, A)."""

    def __init__(self, x: csr_matrix, targets: np.ndarray):
        self.mention = [machine(column != NOT_MENTIONED).fit(x, column != NOT_MENTIONED) for column in targets.T]
        self.polarity = [self._polarity(x, column) for column in targets.T]

    def _polarity(self, x: csr_matrix, column: np.ndarray) -> LinearSVC | DummyClassifier | None:
        """None for an aspect that never has one."""
        rated = column >= 0
        return machine(column[rated]).fit(x[rated], column[rated]) if rated.any() else None

    def predict(self, x: csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        """What is said of each cell (N, A), and the sentiment that would be said, were it known to be mentioned."""
        polarity = np.stack([machine.predict(x) if machine else np.full(x.shape[0], NO_POLARITY)
                             for machine in self.polarity], axis=1)
        mentioned = np.stack([machine.predict(x) for machine in self.mention], axis=1).astype(bool)
        return np.where(mentioned, polarity, NOT_MENTIONED), polarity


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("--splits", nargs="+", default=["val"], choices=("val", "test"))
    args, flags = parser.parse_known_args()
    config = load_config(args.recipe, flags)
    splits, files, (aspects, sentiments) = load_reviews(config)
    targets = {split: encode_labels(reviews, aspects, sentiments, files[split]) for split, reviews in splits.items()}
    texts = {split: [review.text for review in reviews] for split, reviews in splits.items()}
    vectors = features().fit(texts["train"])
    baseline = Baseline(vectors.transform(texts["train"]), targets["train"])
    task = build_task(config, Labels(sentiments, aspects))
    for split in args.splits:
        if split not in splits:
            raise UserError(f"--splits {split}: the recipe has no {split} split")
        said, polarity = map(torch.from_numpy, baseline.predict(vectors.transform(texts[split])))
        truth = torch.from_numpy(targets[split])
        scores = score_cells(said, polarity.clamp(min=0), truth, aspects, sentiments)
        print(task.describe(split, scores | {"baselines": baselines(truth, sentiments)}))


if __name__ == "__main__":
    main()
