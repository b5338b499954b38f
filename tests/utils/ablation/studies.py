"""Small made-up studies."""

import numpy as np

from utils.ablation.counts import Counts
from utils.ablation.spec import Spec
from utils.ablation.study import Study, compare
from utils.ablation.variants import Variant


def clips(true: str, said: str, ids: str | None = None) -> Counts:
    """One clip a letter, of the classes a, b and c."""
    is_true, is_said = (np.eye(3)[["abc".index(letter) for letter in letters]] for letters in (true, said))
    return Counts(list(ids or map(str, range(len(true)))),
                  {"class": np.stack([is_true * is_said, is_said, is_true], axis=1)})


def spec(configure, variants: dict[str, str], **changed) -> Spec:
    """Of variants with these flags; the first is the baseline."""
    made = {name: Variant(name.replace(" ", "-"), tuple(flags.split()), configure(flags))
            for name, flags in variants.items()}
    settings = dict(name="small", recipe="caer", seeds=(0, 1), split="test", metric="uar", also=("war",),
                    baseline=next(iter(made)), variants=made)
    return Spec(**settings | changed)


def small(configure, **changed) -> Study:
    """Three variants with two seeds, of which one run of the last is missing."""
    names = {"full": "", "no LDL": "--no-use-ldl", "a|b_[%]*": "--contexts-init <a|b>~ --lr 0.5"}
    true = "aaaabbcc"
    return compare(spec(configure, names, **changed), {
        ("full", 0): clips(true, "aaaabbcb"), ("full", 1): clips(true, "aaacbbcc"),
        ("no LDL", 0): clips(true, "aaaabacb"), ("no LDL", 1): clips(true, "aaacbbcc"),
        ("a|b_[%]*", 1): clips(true, "bbbbccaa"),
    })
