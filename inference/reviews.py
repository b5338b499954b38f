"""Aspects and sentiments of any review."""

from collections.abc import Iterable, Iterator

import torch

from dataloaders.pieces import pieces
from dataloaders.review_stream import batches_of
from dataloaders.text_dataloader import load_run_tokenizer
from inference.run import Run, answering
from utils.answers import answers
from utils.config.predict import NO_GRADIENTS
from utils.errors import UserError
from utils.precision import choose_device
from utils.prediction import predict
from utils.sheets import Piece, Weighed
from utils.tally import Tally
from utils.tasks import build_task


class ReviewPredictor:
    """A run on reviews, ready for others.

    Args:
        onnx: read with RUN/model.onnx in onnxruntime.
    Raises:
        UserError: damaged weights, no tokenizer, no such device, no model.onnx.
    """

    def __init__(self, run: Run, device: str = "auto", onnx: bool = False):
        self.run, self.config = run, run.config
        self.tokenizer, self.task = load_run_tokenizer(run.folder), build_task(run.config, run.labels)
        self.device = choose_device(device)
        self.onnx = onnx
        self.network, self.dtype = answering(run, self.device, onnx, lambda: run.network)

    def predict(self, reviews: str | list[str], batch_size: int = 32) -> list:
        """The aspects that a review mentions, or a list of these for several: name, sentiment and probabilities."""
        rows = [reviews] if isinstance(reviews, str) else reviews
        found = [aspects for _, _, aspects, _ in self.read(enumerate(rows), batch_size)]
        return found[0] if isinstance(reviews, str) else found

    @torch.no_grad()
    def read(self, rows: Iterable[tuple[int, str]], batch_size: int) -> Iterator[tuple[int, str, list[dict], str]]:
        """Number, text, aspects and note of each row, in order; a blank one has no aspects, and says so."""
        batches = batches_of(rows, self.tokenizer, self.config.model.prefix, self.config.data.max_tokens, batch_size)
        for chunk, notes, batch in batches:
            found, read = iter(()), set(batch.ids)
            if read:
                tally = Tally("input", len(chunk), max_bad=1)
                found = answers(self.task, predict(self.network, [batch], self.device, tally, self.dtype))
            for (row, text), note in zip(chunk, notes):
                yield row, text, next(found) if str(row) in read else [], note

    def explain(self, review: str, aspects: list[dict] | None = None) -> dict[str, list[Weighed]]:
        """Of each aspect that the review mentions, the review in pieces with the weight of each.

        Args:
            aspects: what `predict` said, if it is known.
        Raises:
            UserError: in onnxruntime there are no gradients.
        """
        if self.onnx:
            raise UserError(NO_GRADIENTS)
        from models.explain.reviews import token_weights  # with captum, which takes a second

        labels, settings = self.run.labels, self.config
        prefix, longest = settings.model.prefix, settings.data.max_tokens
        _, _, batch = next(batches_of([(0, review)], self.tokenizer, prefix, longest, 1))
        parts = pieces(self.tokenizer, prefix + review, longest)
        found = {}
        for said in aspects if aspects is not None else self.predict(review):
            tokens = batch.tokens[0, : int(batch.mask[0].sum())].to(self.device)
            # Of an aspect without sentiments only the mention is asked for.
            sentiment = self.task.sentiments.index(said["sentiment"]) if "sentiment" in said else 0
            weights = token_weights(self.network, tokens, self.tokenizer.pad_token_id,
                                    labels.aspects.index(said["aspect"]), sentiment)
            found[said["aspect"]] = _weighed(parts, weights, "sentiment" in said)
        return found


def _weighed(parts: list[Piece], weights, rated: bool) -> list[Weighed]:
    """The weights of L tokens put to the pieces that are tokens, which are as many and in their order."""
    none = torch.zeros_like(weights.sentiment)
    mention = iter((none if weights.mention is None else weights.mention).tolist())
    sentiment = iter((weights.sentiment if rated else none).tolist())
    return [Weighed(part, 0.0, 0.0) if part.kind in ("gap", "cut") else Weighed(part, next(mention), next(sentiment))
            for part in parts]
