"""Known answers of the networks' own parts: what each must give on a tiny input, with how that was worked out.

See utils/known_answers; who changes one of these on purpose changes the one number. What the parts make together is
tried on the first batch: utils/health/trials.
"""

import torch

from models.known_answers import parts, towers
from utils.findings import Finding
from utils.known_answers.answer import check


def known_answers() -> list[Finding]:
    """An error for each part that does not give its known answer. Torch's random state is as before."""
    with torch.enable_grad():
        return check([*parts.ANSWERS, *towers.ANSWERS])
