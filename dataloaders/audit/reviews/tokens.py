"""Whether the tokens say what the texts say: decoded, they must give the text back."""

import json
import re
import unicodedata
from pathlib import Path

import numpy as np

from dataloaders.audit.reviews.words import ENOUGH, folded
from dataloaders.text_dataloader import ReviewDataset
from utils.findings import Finding, of_some

SAMPLE = 2000  # reviews of a split that the quick check decodes
# ViSoBERT's own ids: its SentencePiece model is a BPE, which other code takes for a Unigram model.
VISOBERT = "hào quang rực rỡ 🔥", [0, 2280, 2844, 5789, 5670, 4849, 2]
BUG = "this is a fault of the tokenizer or of how it is called: report it"
OTHER = "take the tokenizer of the encoder, and an encoder that knows the reviews' language"


def _squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def audit_tokens(split: str, dataset: ReviewDataset, prefix: str, max_tokens: int, full: bool,
                 own: bool = False) -> list[Finding]:
    """What is wrong with the tokens of one split. `own`: of a tokenizer that was trained here, and keeps case."""
    places = [place for place, review in enumerate(dataset.reviews) if review.text.strip()]
    if not full and len(places) > SAMPLE:
        places = [places[i] for i in np.linspace(0, len(places) - 1, SAMPLE).astype(int)]
    if not places:
        return []
    return [*_ends(split, dataset, places, max_tokens), *_decoded(split, dataset, places, prefix, max_tokens, own),
            *_known(split, dataset, places, prefix), *_lengths(split, dataset, max_tokens)]


def _ends(split: str, dataset: ReviewDataset, places: list[int], max_tokens: int) -> list[Finding]:
    tokenizer, findings = dataset.tokenizer, []
    first = tokenizer.cls_token_id if tokenizer.cls_token_id is not None else tokenizer.bos_token_id
    last = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    special = {first, last, tokenizer.pad_token_id, tokenizer.mask_token_id} - {tokenizer.unk_token_id, None}
    rows = {place: dataset.tokens[place] for place in places}
    faults = {
        "special-missing": ("lack the token that opens or closes a text, from which the encoder reads it", [
            place for place, row in rows.items()
            if not row or (first is not None and row[0] != first) or (last is not None and row[-1] != last)]),
        "special-inside": ("hold special tokens amid the text", [
            place for place, row in rows.items() if special.intersection(row[1:-1])]),
        "token-of-no-row": ("hold a token that is not in the vocabulary", [
            place for place, row in rows.items() if min(row, default=0) < 0 or max(row, default=0) >= len(tokenizer)]),
        "too-long": (f"have more than --max-tokens {max_tokens}", [
            place for place, row in rows.items() if len(row) > max_tokens]),
        "lengths-wrong": ("have another length than is kept for them", [
            place for place, row in rows.items() if min(int(dataset.lengths[place]), max_tokens) != len(row)]),
    }
    for name, (said, wrong) in faults.items():
        level = "warning" if name == "special-inside" and len(wrong) <= 0.01 * len(places) else "error"
        if wrong:
            findings.append(Finding(level, name, f"{split}: {len(wrong)} of {len(places)} reviews {said}",
                                    BUG, **of_some(
                f"row {dataset.ids[place]}: {rows[place][:4]}...{rows[place][-2:]}" for place in wrong)))
    blank = np.array([not review.text.strip() for review in dataset.reviews], bool)
    if (blank != dataset.blank).any():
        findings.append(Finding("error", "blank-wrong", f"{split}: reviews are taken for blank that are not, or blank "
                                "ones are not",
                                BUG, **of_some(dataset.ids[i] for i in np.nonzero(blank != dataset.blank)[0])))
    return findings


def _decoded(split: str, dataset: ReviewDataset, places: list[int], prefix: str, max_tokens: int, own: bool,
             ) -> list[Finding]:
    """Each way in which tokens may differ from the text, told apart."""
    tokenizer = dataset.tokenizer
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    texts = tokenizer.batch_decode([[token for token in dataset.tokens[place] if token not in special]
                                    for place in places], clean_up_tokenization_spaces=False)
    found: dict[str, list[str]] = {}
    for place, text in zip(places, texts):
        whole = dataset.lengths[place] <= max_tokens
        if kind := _difference(text, prefix + dataset.reviews[place].text, prefix, whole, tokenizer.unk_token):
            found.setdefault(kind, []).append(
                f"row {dataset.ids[place]}: {dataset.reviews[place].text[:40]!r} became {text[:40]!r}")
    if own and "case" in found:
        found["own-case"] = found.pop("case")
    findings = []
    for kind, rows in found.items():
        level, least, said, remedy = DIFFERENCES[kind]
        if len(rows) > least * len(places):
            findings.append(Finding(level, f"tokens-{kind}", f"{split}: the tokens of {len(rows)} of {len(places)} "
                                    f"reviews {said}", remedy, **of_some(rows)))
    return findings


# level, share from which it is told, what, remedy
DIFFERENCES = {
    "case": ("note", 0.1, "are those of the text in lower case", "take a cased encoder if case matters"),
    "own-case": ("error", 0.01, "are those of the text in lower case", BUG),
    "accents": ("warning", 0.05, "have lost the text's accents, which tell Vietnamese words apart", OTHER),
    "signs": ("warning", 0.3, "have lost signs and emoji of the text", OTHER),
    "prefix": ("error", 0, "do not begin with --prefix, or have it twice", BUG),
    "other": ("error", 0.01, "do not decode back to the text", BUG),
}


def _difference(decoded: str, text: str, prefix: str, whole: bool, unknown: str | None) -> str | None:
    def alike(change) -> bool:
        got = [change(_squeezed(piece)) for piece in (decoded.split(unknown) if unknown else [decoded])]
        expected, start = change(_squeezed(text)), 0
        if len(got) == 1:
            return got[0] == expected if whole else bool(got[0]) and expected.startswith(got[0])
        for piece in got:  # with gaps where a token is unknown
            start = expected.find(piece, start)
            if start < 0:
                return False
            start += len(piece)
        return True

    start, wanted = _squeezed(folded(decoded)), _squeezed(folded(prefix))
    spelt = not unknown or folded(unknown) not in start[: 2 * len(wanted) + len(unknown)]
    if wanted and spelt and (not start.startswith(wanted) or start.startswith(2 * wanted)):
        return "prefix"
    changes = {None: str, "case": str.casefold, "accents": folded,
               "signs": lambda text: "".join(filter(str.isalnum, folded(text)))}
    return next((kind for kind, change in changes.items() if alike(change)), "other")


def _known(split: str, dataset: ReviewDataset, places: list[int], prefix: str) -> list[Finding]:
    """The share of tokens that the vocabulary lacks, and how many a word takes."""
    unknown, findings = dataset.tokenizer.unk_token_id, []
    tokens = [dataset.tokens[place][1:-1] for place in places]
    total = max(sum(map(len, tokens)), 1)
    unks = sum(row.count(unknown) for row in tokens)
    if unks > 0.03 * total and total >= 5 * ENOUGH:
        rows = [f"row {dataset.ids[place]}: {dataset.reviews[place].text[:40]!r}" for place, row in zip(places, tokens)
                if unknown in row]
        findings.append(Finding("error" if unks > 0.2 * total else "warning", "unknown-tokens", f"{split}: {unks} of "
                                f"{total} tokens are unknown to the vocabulary", OTHER,
                                **of_some(rows) | {"count": unks}))
    words = sum(len((prefix + dataset.reviews[place].text).split()) for place in places)
    pieces = sum(int(dataset.lengths[place]) - 2 for place in places)
    if words >= 5 * ENOUGH and (pieces > 2.5 * words or pieces < 0.4 * words):
        place = places[0]
        shown = " ".join(dataset.tokenizer.convert_ids_to_tokens(dataset.tokens[place][:12]))
        findings.append(Finding("warning", "tokens-a-word", f"{split}: {pieces / words:.1f} tokens a word; an encoder "
                                "of the language takes 1 to 2", OTHER, 1, f"row {dataset.ids[place]}: {shown}"))
    return findings


def _lengths(split: str, dataset: ReviewDataset, max_tokens: int) -> list[Finding]:
    cut = [f"row {dataset.ids[i]} ({dataset.lengths[i]} tokens)" for i in np.nonzero(dataset.lengths > max_tokens)[0]]
    if len(cut) <= 0.1 * len(dataset):
        return []
    need = int(np.percentile(dataset.lengths, 99))
    return [Finding("warning", "cut-off", f"{split}: {len(cut)} of {len(dataset)} reviews are cut off at --max-tokens "
                    f"{max_tokens}, and their labels may speak of what is gone", f"give --max-tokens {need}, if the "
                    "encoder takes so many", **of_some(cut))]


def audit_tokenizer(encoder: str, prefix: str, tokenizer) -> list[Finding]:
    """The tokenizer against the encoder's own settings."""
    findings, settings, file = [], {}, Path(encoder) / "config.json"
    if file.is_file():
        settings = json.loads(file.read_text(encoding="utf-8"))
    padding = settings.get("pad_token_id")
    if padding is not None and padding != tokenizer.pad_token_id:
        findings.append(Finding("error", "padding-wrong", f"{encoder} was trained with token {padding} as padding, the "
                                f"tokenizer pads with {tokenizer.pad_token_id}, and the encoder numbers its positions "
                                "by it", "copy the tokenizer's files from the encoder again"))
    rows = settings.get("vocab_size", len(tokenizer))
    if len(tokenizer) < 0.9 * rows:
        findings.append(Finding("warning", "vocabulary-small", f"{encoder} has {rows} rows of embeddings, the "
                                f"tokenizer {len(tokenizer)} tokens", OTHER))
    if "visobert" in encoder.lower() or settings.get("vocab_size") == 15004:
        text, expected = VISOBERT
        if (ids := tokenizer(text)["input_ids"]) != expected:
            findings.append(Finding("error", "visobert-ids", f"ViSoBERT's ids of {text!r} are {expected}, the "
                                    f"tokenizer gives {ids}", "copy its tokenizer.json from the encoder again"))
    if not prefix and re.search(r"(^|[/\\_-])e5([/\\_-]|$)", encoder.lower()):
        findings.append(Finding("note", "prefix-empty", f"{encoder} was trained with a prefix before each text",
                                "try --prefix 'query: '"))
    return findings
