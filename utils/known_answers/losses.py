"""Known answers of the loss core.

Logits are logarithms of simple probabilities, and temperatures 1 / ln 2 make exp(cosine / t) of a cosine of 1 a 2,
of 0 a 1, so that a softmax can be done in the head. Units of ln 2: -log 1/2 is 1, -log 1/4 is 2.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from utils.known_answers.answer import Answer, logs, reached, rows
from utils.losses import (
    LSR2,
    DecorrelationLoss,
    FocalLoss,
    GHMCLoss,
    MoCoLoss,
    MutualInformationLoss,
    NTXentLoss,
    SemanticLDLLoss,
    SupConLoss,
    UnifiedFocalLoss,
    class_counts,
    gradient_norm_stats,
    inverse_frequency_alpha,
    solve_target_temperature,
    true_class_mass,
)
from utils.losses.ghm import count_per_bin
from utils.losses.numerics import l2_normalize, masked_mean
from utils.losses.supcon import label_agreement

LN2, LN3, LN5 = math.log(2), math.log(3), math.log(5)
HALF, THIRD = 1 / LN2, 1 / LN3  # temperatures: a cosine of 1 counts 2, or 3, times as much as one of 0

P = [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.1, 0.1, 0.8]]  # the last cell is ignored
E1, E2 = [3.0, 0.0], [0.0, 0.5]  # at right angles, and not of unit length


def labels(*values) -> Tensor:
    return torch.tensor(values)


def gradient(loss: Tensor, *inputs: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, inputs))


def perfect_focal() -> list:
    """At p = 1 a power below 1 has an infinite slope: the loss and its gradient must be 0 all the same."""
    logits = rows([200.0, 0.0])
    loss = FocalLoss(gamma=0.5)(logits, labels(0))
    return [loss, *gradient(loss, logits)]


def ghm() -> dict:
    """Two steps of bins of width 1/4.

    1: true probabilities 1/2, 1/4, 1/4 have norms 1/2, 3/4, 3/4: bins 2, 3, 3, counts 0 0 1 2, N = 3, 2 bins filled.
       Weights 3 / (1 x 2) = 1.5 and 3 / (2 x 2) = 0.75: (1.5 x 1 + 0.75 x 2 + 0.75 x 2) / 3 = 1.5 ln 2.
       Gradient of the first cell, the weight being a constant: 1.5 x (1/2 - 1) / 3 = -0.25 in the true logit.
       Density 0.25 x counts = 0 0 0.25 0.5.
    2: 0.9, 1/2, 1/4: bins 0, 2, 3. Density 0.25, 0, 0.75 x 0.25 + 0.25 = 0.4375, 0.75 x 0.5 + 0.25 = 0.625; by
       1 - 0.75^updates: 1, -, 1, 1.42857. Weights 3 / (3 x density) = 1, 1, 0.7:
       (0.105361 + ln 2 + 0.7 x 2 ln 2) / 3 = 0.589638.
    Evaluation: 0.8 twice, bin 0, whose density stays 1: 2 / (1 x 1) x 0.223144 = 0.446287.
    """
    loss, said = GHMCLoss(bins=4, momentum=0.75), logs([0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25], P[2])
    first = loss(said, labels(0, 0, 1, -1))
    after_one = loss.density.clone()
    later, known = logs([0.9, 0.05, 0.05], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]), labels(0, 1, 2)
    second, in_evaluation = loss(later, known), loss.eval()(logs(P[2], P[2]), labels(2, 2))
    return {"first": first, "gradient": gradient(first, said)[0][0, 0], "density": after_one, "second": second,
            "evaluation": in_evaluation, "updates": loss.updates}


def ldl() -> dict:
    """Texts at right angles and t = 1 / ln 3: targets 3/4 and 1/4. Logits are halved by temperature 2.

    p = 1/2 1/2 of class 0: 0.75 ln 1.5 + 0.25 ln 0.5 = 0.130812. p = 1/5 4/5 of class 1: 0.25 ln 1.25 +
    0.75 ln 0.9375 = 0.007382. Mean 0.069097; a label of -1 counts for nothing. Gradient (p - q) / 2 rows / temperature
    2 = (0.5 - 0.75) / 4 = -0.0625.
    """
    texts, said = rows([*E1, 0.0], [*E2, 0.0]), logs([0.5, 0.5], [0.04, 0.64], [0.3, 0.7])
    loss = SemanticLDLLoss(THIRD, temperature=2.0)(said, labels(0, 1, -1), texts)
    return {"value": loss, "reaches": reached(loss, said, texts), "gradient": gradient(loss, said)[0][0, 0]}


def decorrelation_memory() -> dict:
    """One row has no correlation; with the row before it, detached, two channels of three correlate: 1 of 3 pairs."""
    loss, first, second = DecorrelationLoss(rows=2), rows([0.6, 0.8, 0.0]), rows([-0.6, -0.8, 0.0])
    values = [loss(first), loss(second)]
    loss(rows([1.0, 0, 0], [0.0, 1, 0], [0.0, 0, 1]))
    seen = loss.memory.clone()
    loss.eval()(rows([0.5, 0.5, 0.0]))
    return {"values": values, "reaches": reached(values[1], first, second), "memory": seen,
            "evaluation": torch.equal(seen, loss.memory), "count": loss.count}


def moco_queue() -> MoCoLoss:
    queue = MoCoLoss(dim=2, queue_size=3, temperature=HALF)
    queue.enqueue(rows(E1, E2), labels(0, 1))
    return queue


def moco() -> dict:
    """Queue e1 of class 0, e2 of class 1. Query e1 of class 2 with key -e1: 0.5 / (0.5 + 2 + 1), ln 7. Query e1 of
    class 0 with key e1, where e1 in the queue is no negative: 2 / (2 + 1), ln 1.5. Mean 1.175688; -1 counts for
    nothing."""
    queue, query, key = moco_queue(), rows(E1, E1, E2), rows([-1.0, 0.0], E1, E1)
    loss = queue(query, key, labels(2, 0, -1))
    return {"value": loss, "reaches": reached(loss, query, key), "count": queue.count}


def moco_order() -> list:
    """First in, first out, over the end of 3 slots: 0 1, then 2 3, then 4 5 6 7, of which the newest 3 stay."""
    queue, seen = moco_queue(), []
    for step in (labels(2, 3), labels(4, 5, 6, 7)):
        keys = torch.stack([step + 1.0, torch.zeros(len(step))], dim=1)
        queue.enqueue(keys, step)
        seen.append([queue.queue_labels.tolist(), int(queue.pointer), int(queue.count)])
    return [seen, queue.queue]


def supcon(said: list, of: Tensor, **settings) -> Tensor:
    return SupConLoss(HALF, **settings)(rows(*said), of)


FOUR, ASPECTS = labels(0, 0, 0, 1), labels([1, -1], [1, 2], [0, 2])
TP = logs([0.75, 0.25], [0.5, 0.5], [0.9, 0.1]), labels(0, 1, -1)
CORRELATED = [[0.6, 0.8], [-1.2, -1.6], [0.3, 0.4], [0.6, -0.8]]
PAIRS = rows([*E1, 0.0], [*E2, 0.0]), rows([*E1, 0.0], [*E1, 0.0])  # more channels than rows

ANSWERS = [
    # CE 1 and 2 ln 2; mean of -log p 5/3 ln 2 in both: 0.9 x 1.5 + 0.1 x 5/3 = 1.516667 ln 2
    Answer("LSR2", "utils/losses/lsr2.py", lambda: LSR2(0.1)(logs(*P), labels(0, 0, -1)), 1.516667 * LN2),
    Answer("LSR2 without smoothing", "utils/losses/lsr2.py", lambda: LSR2(0.0)(logs(*P), labels(0, 0, -1)), 1.5 * LN2),
    Answer("LSR2 of (B, A, S)", "utils/losses/lsr2.py",
           lambda: [LSR2(0.1)(logs(*P).unsqueeze(0), labels([0, 0, -1])), LSR2()(logs(*P), labels(-1, -1, -1)),
                    LSR2(0.0)(logs(P[0]), labels(0))], [1.516667 * LN2, 0.0, LN2]),
    Answer("the default smoothing of LSR2", "utils/losses/lsr2.py", lambda: LSR2().smoothing, 0.05),
    # 1 x 0.5^2 x 1 and 4 x 0.75^2 x 2 = 4.5 ln 2, over 2 cells
    Answer("FocalLoss", "utils/losses/focal.py",
           lambda: FocalLoss([4.0, 2.0, 1.0])(logs([0.25, 0.5, 0.25], P[1], P[2]), labels(0, 2, -1)),
           (4.5 + 0.25) / 2 * LN2),
    Answer("FocalLoss, summed", "utils/losses/focal.py",
           lambda: FocalLoss(reduction="sum")(logs(*P), labels(0, 2, -1)), 0.5 * LN2),
    Answer("FocalLoss of (B, A, S), cell by cell", "utils/losses/focal.py",
           lambda: FocalLoss(reduction="none")(logs(*P).unsqueeze(0), labels([0, 1, -1])),
           [[0.25 * LN2, 1.125 * LN2, 0]]),
    Answer("FocalLoss without a label", "utils/losses/numerics.py",
           lambda: FocalLoss()(logs(*P), labels(-1, -1, -1)), 0.0),
    Answer("FocalLoss where all is right", "utils/losses/numerics.py", perfect_focal, [0.0, [[0.0, 0.0]]]),
    Answer("GHMCLoss", "utils/losses/ghm.py", ghm,
           {"first": 1.5 * LN2, "gradient": -0.25, "density": [0.0, 0.0, 0.25, 0.5], "second": 0.589638,
            "evaluation": 0.446287, "updates": [1, 0, 2, 2]}),
    # A norm of 1 is in the last bin; in evaluation an unseen bin has the batch's density, so weights 2 / (1 x 2)
    Answer("GHM-C's last bin", "utils/losses/ghm.py",
           lambda: count_per_bin(rows([0.0, 200.0]), labels(0), 4), [0.0, 0.0, 0.0, 1.0]),
    Answer("GHMCLoss before training", "utils/losses/ghm.py",
           lambda: GHMCLoss().eval()(logs(P[0], P[1]), labels(0, 0)), 1.5 * LN2),
    # 1/2 and 1/4 of two aspects, in two bins: 1 and 2 ln 2 as they are
    Answer("GHMCLoss of (B, A, S)", "utils/losses/ghm.py",
           lambda: GHMCLoss(4)(logs([0.5, 0.25, 0.25], [0.25, 0.5, 0.25]).unsqueeze(0), labels([0, 0])), 1.5 * LN2),
    Answer("gradient_norm_stats", "utils/losses/ghm.py",
           lambda: gradient_norm_stats(logs(*P), labels(0, 0, -1), 2),
           {"min": 0.5, "mean": 0.625, "max": 0.75, "bin_00": 0.0, "bin_01": 1.0}),
    Answer("SemanticLDLLoss", "utils/losses/ldl.py", ldl, {"value": 0.069097, "gradient": -0.0625,
                                                          "reaches": [True, False]}),
    # Three texts at right angles: e^(1/t) / (e^(1/t) + 2) = 0.6 at t = 1 / ln 3
    Answer("solve_target_temperature", "utils/losses/ldl.py",
           lambda: solve_target_temperature(torch.eye(3), 0.6), 0.910239),
    Answer("true_class_mass", "utils/losses/ldl.py", lambda: true_class_mass(torch.eye(3) * 2, THIRD), 0.6),
    # Classes 0 0 0 1 at e1 e1 e2 e2: (1 + 2) / 2 twice, 2, and no positive, over 3 anchors
    Answer("SupConLoss", "utils/losses/supcon.py", lambda: supcon([E1, E1, E2, E2], FOUR), 5 / 3 * LN2),
    # Pairs in common / in either: 1/2, 0, 1/3. ln 1.5; 0.6 ln 1.5 + 0.4 ln 3; ln 2
    Answer("SupConLoss of aspects", "utils/losses/supcon.py", lambda: supcon([E1, E1, E2], ASPECTS), 0.593779),
    # Weights 0.25 + 0.75 x that: 0.625, 0.25, 0.5. 0.603508, 0.713531, ln 2
    Answer("SupConLoss with a base weight", "utils/losses/supcon.py",
           lambda: supcon([E1, E1, E2], ASPECTS, base_weight=0.25), 0.670062),
    Answer("SupConLoss of one row", "utils/losses/supcon.py", lambda: supcon([E1], labels(0)), 0.0),
    Answer("label_agreement", "utils/losses/supcon.py",
           lambda: label_agreement(labels([-2, -1], [-2, 2], [-1, -1], [-1, -1])),
           [[0.0, 0.5, 0, 0], [0.5, 0.0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]),
    # Views e1 e2 and e1 e1: 2 / 5 twice, 1 / 3, 1 / 5
    Answer("NTXentLoss", "utils/losses/ntxent.py", lambda: NTXentLoss(HALF)(*PAIRS),
           (2 * math.log(2.5) + LN3 + LN5) / 4),
    # e1 e2 twice: 2 / (2 + 1 + 1); of other pairs it would be 1 / 4
    Answer("NTXentLoss of views that agree", "utils/losses/ntxent.py",
           lambda: NTXentLoss(HALF)(rows(E1, E2), rows(E1, E2)), LN2),
    Answer("NTXentLoss, reaching both views", "utils/losses/ntxent.py",
           lambda: reached(NTXentLoss(HALF)(*PAIRS), *PAIRS), [True, True]),
    # Rows 1/2, 1/2; columns 2/3, 1/3
    Answer("MutualInformationLoss", "utils/losses/mutual_information.py",
           lambda: MutualInformationLoss(HALF)(*PAIRS), (LN2 + (math.log(1.5) + LN3) / 2) / 2),
    Answer("the default temperature of MutualInformationLoss", "utils/losses/mutual_information.py",
           lambda: MutualInformationLoss().temperature, 0.07),
    # At unit length x deviates by 0.3 -0.9 0.3 0.3 and y by 0.8 -0.8 0.8 -0.8: 0.24^2 / (0.27 x 0.64) = 1/3, the one
    # pair of channels
    Answer("DecorrelationLoss", "utils/losses/decorrelation.py", lambda: DecorrelationLoss()(rows(*CORRELATED)), 1 / 3),
    # With a third channel that is constant, 1 of 3 pairs
    Answer("DecorrelationLoss of three channels", "utils/losses/decorrelation.py",
           lambda: DecorrelationLoss()(rows(*([*row, 0.0] for row in CORRELATED))), 1 / 9),
    Answer("DecorrelationLoss with a constant channel", "utils/losses/decorrelation.py",
           lambda: DecorrelationLoss()(rows([0.6, 0.8], [-0.6, 0.8])), 0.0),
    Answer("DecorrelationLoss with past rows", "utils/losses/decorrelation.py", decorrelation_memory,
           {"values": [0.0, 1 / 3], "reaches": [False, True], "memory": [[0, 1.0, 0], [0, 0, 1.0]], "evaluation": True,
            "count": 2}),
    Answer("MoCoLoss", "utils/losses/moco.py", moco, {"value": 1.175688, "reaches": [True, False], "count": 3}),
    Answer("MoCoLoss's queue", "utils/losses/moco.py", moco_order,
           [[[[3, 1, 2], 1, 3], [[7, 5, 6], 1, 3]], [[1.0, 0.0]] * 3]),
    Answer("MoCoLoss before its queue has a key", "utils/losses/moco.py",
           lambda: MoCoLoss(2, 3)(rows(E1), rows(E2), labels(0)), 0.0),
    # CE part 0.6 (1 - p)^0.25 CE: 0.122053, 0.349718. 1 - TI: (0.6 x 0.25 + 0.4 x 0.5) / (0.75 + 0.35) = 0.318182,
    # (0.6 x 0.5 + 0.4 x 0.25) / 0.9 = 0.444444; to the power 0.75: 0.423649, 0.544331. 0.25 and 0.75 of the means
    Answer("UnifiedFocalLoss", "utils/losses/unified_focal.py",
           lambda: UnifiedFocalLoss(0.25, 0.6, 0.75)(*TP), 0.421964),
    # Class 1 rare: 0.4 (1 - p)^0.25 CE = 0.081369, 0.6 CE = 0.415888; 0.318182 as it is, 0.544331
    Answer("UnifiedFocalLoss with a rare class", "utils/losses/unified_focal.py",
           lambda: UnifiedFocalLoss(0.25, 0.6, 0.75, asymmetric=True, rare=1)(*TP), 0.385599),
    # A third class that is absent changes no mean
    Answer("UnifiedFocalLoss with an absent class", "utils/losses/unified_focal.py",
           lambda: UnifiedFocalLoss(0.25, 0.6, 0.75)(F.pad(TP[0], (0, 1), value=-90.0), TP[1]), 0.421964),
    Answer("inverse_frequency_alpha", "utils/losses/alpha.py",
           lambda: inverse_frequency_alpha([20000, 10000, 5000]), [0.583333, 1.166667, 2.333333]),
    Answer("class_counts", "utils/losses/alpha.py", lambda: class_counts(labels([0, 2], [2, -1]), 4), [1, 0, 2, 0]),
    Answer("l2_normalize", "utils/losses/numerics.py", lambda: l2_normalize(rows([3.0, 4.0], [0.0, 0.0])),
           [[0.6, 0.8], [0.0, 0.0]]),
    Answer("masked_mean", "utils/losses/numerics.py",
           lambda: [masked_mean(rows([1.0, 5.0, 9.0])[0], labels(True, True, False)),
                    masked_mean(rows([1.0])[0], labels(False))], [3.0, 0.0]),
    Answer("the type in which losses are worked out", "utils/losses/numerics.py",
           lambda: str(LSR2()(logs(*P).bfloat16(), labels(0, 1, 2)).dtype), "torch.float32"),
]
