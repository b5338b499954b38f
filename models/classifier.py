"""What inference needs of a trained recogniser: clips against text features that are made once."""

import torch
from torch import Tensor, nn

from models.prompts import PromptLearner
from models.recogniser import VideoRecogniser, compare
from utils.structures import Batch, Output


class ClipClassifier(nn.Module):
    """Gives what the recogniser gives in evaluation, without its text tower.

    Args:
        recogniser: a trained one; its modules are shared, not copied.
        text: (C, D) unit features, one for each class.
    """

    def __init__(self, recogniser: VideoRecogniser, text: Tensor):
        super().__init__()
        self.recogniser = recogniser
        self.register_buffer("text", text)
        self.eval()  # itself too: who puts a network back into the mode that it was in would let it learn

    def forward(self, batch: Batch) -> Output:
        video = self.recogniser.features(batch.face, batch.context)  # (B, D)
        return Output(logits=compare(video, self.text, self.recogniser.temperature), embedding=video)


@torch.no_grad()
def learned_classes(recogniser: VideoRecogniser) -> Tensor:
    """The text features of the classes that it was trained on, (C, D)."""
    return recogniser.eval().prompts(recogniser.text_tower)


@torch.no_grad()
def unseen_classes(recogniser: VideoRecogniser, names: list[str], position: str) -> Tensor:
    """Text features of other classes, (C, D): each name behind, before or within the learned context vectors.

    Where every class learned vectors of its own, their mean over the classes stands for those of a new one: CoOp's
    authors find class-specific contexts not to carry over (Zhou et al., 2022, arXiv 2203.05557), so this is a guess.

    Raises:
        UserError: a name is too long for the text tower.
    """
    learned = recogniser.eval().prompts.context  # (C or 1, M, W)
    prompts = PromptLearner(recogniser.text_tower, [[name] for name in names], learned.shape[1], position,
                            class_specific=False)
    prompts.context.copy_(learned.mean(dim=0, keepdim=True))
    return prompts(recogniser.text_tower)
