"""SentencePiece model files of XLM-R's family, made into tokenizers of the same ids.

A model file is one protobuf message. Three of its parts are needed, so it is read here: sentencepiece's own reader
would bring protobuf with it, and transformers 5 reads every such model as Unigram, ViSoBERT's BPE included.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from utils.errors import UserError

BLANK = "▁"
METASPACE = {"replacement": BLANK, "prepend_scheme": "always", "split": True}
MASK = AddedToken("<mask>", lstrip=True, normalized=False, special=True)
# fairseq's order, which XLM-R and ViSoBERT were trained with; a SentencePiece file begins with <unk> <s> </s>.
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
UNIGRAM, BPE = 1, 2
NORMAL = 1
# Switches of the format that change ids and that no model of this family sets: message, field, usual value.
USUAL = {"byte_fallback": (2, 35, 0), "treat_whitespace_as_suffix": (2, 24, 0), "add_dummy_prefix": (3, 3, 1),
         "remove_extra_whitespaces": (3, 4, 1), "escape_whitespaces": (3, 5, 1)}


@dataclass(frozen=True)
class SentencePieceModel:
    kind: int  # UNIGRAM or BPE
    pieces: list[tuple[str, float, int]]  # piece, score and type, in the order of the file's ids
    charsmap: bytes  # which characters are rewritten, and to what
    unusual: list[str]  # what tells it from XLM-R's family


def read_sentencepiece(path: Path) -> SentencePieceModel:
    """What a model file says.

    Raises:
        UserError: unreadable or damaged.
    """
    try:
        message = path.read_bytes()
        fields = list(_fields(message))
        pieces = [_piece(value) for number, value in fields if number == 1]
        parts = {2: {}, 3: {}} | {number: dict(_fields(value)) for number, value in fields if number in (2, 3)}
        if charsmap := parts[3].get(2, b""):
            normalizers.Precompiled(charsmap)
        if not all(math.isfinite(score) for _, score, _ in pieces):
            raise ValueError("scores must be numbers")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except Exception:  # damage shows in many ways; tokenizers raises this very class
        raise UserError(f"{path}: not a SentencePiece model, or damaged; copy it anew") from None
    kind = parts[2].get(3, UNIGRAM)
    return SentencePieceModel(kind, pieces, charsmap, list(_unusual(kind, pieces, parts)))


def _unusual(kind: int, pieces: list[tuple[str, float, int]], parts: dict[int, dict]) -> Iterator[str]:
    if kind not in (UNIGRAM, BPE):
        yield f"model type {kind}, neither BPE nor Unigram"
    for name, (part, field, usual) in USUAL.items():
        if parts[part].get(field, usual) != usual:
            yield f"{name} is {parts[part][field]}"
    names = [piece for piece, _, _ in pieces]
    if names[:3] != ["<unk>", "<s>", "</s>"]:
        yield f"begins with {' '.join(names[:3]) or 'nothing'}, not with <unk> <s> </s>"
    own = [piece for piece, _, sort in pieces[3:] if sort == NORMAL and piece not in (*SPECIAL, MASK.content)]
    if len(set(own)) < len(pieces) - 3:
        yield "pieces that are no plain text, or there twice"


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protobuf message; a value is a whole number or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            value, at = _varint(message, at)
        else:
            size, at = _varint(message, at) if key & 7 == 2 else ({1: 8, 5: 4}.get(key & 7, -1), at)
            value, at = message[at:at + size], at + size
            if size < 0 or at > len(message):
                raise ValueError("cut off, or of a kind that the format does not know")
        yield key >> 3, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, in groups of 7 bits, lowest first; and where it ends."""
    value = 0
    for place in range(10):  # ten groups hold 64 bits
        value |= (message[at + place] & 127) << 7 * place
        if message[at + place] < 128:
            return value, at + place + 1
    raise ValueError("no number of the format is that long")


def _piece(message: bytes) -> tuple[str, float, int]:
    """(text, score, type) of one piece."""
    fields = dict(_fields(message))
    return fields[1].decode(), struct.unpack("<f", fields.get(2, bytes(4)))[0], fields.get(3, NORMAL)


def from_sentencepiece(path: Path) -> Tokenizer:
    """The tokenizer of a model file: SentencePiece's ids plus one, between <s> and </s>.

    Raises:
        UserError: damaged, or not laid out as XLM-R's family is.
    """
    model = read_sentencepiece(path)
    if model.unusual:
        raise UserError(f"{path}: not laid out as XLM-R's or ViSoBERT's: {'; '.join(model.unusual)}; "
                        "put the tokenizer.json of this encoder beside it")
    own = [(piece, score) for piece, score, _ in model.pieces[3:]]
    pieces = [(name, 0.0) for name in SPECIAL] + own + [(MASK.content, 0.0)]
    if model.kind == BPE:
        vocabulary = {piece: index for index, (piece, _) in enumerate(pieces)}
        tokenizer = Tokenizer(models.BPE(vocabulary, _merges(own), unk_token="<unk>", fuse_unk=True))
    else:
        tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    blanks = [normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), BLANK)]
    charsmap = [normalizers.Precompiled(model.charsmap)] if model.charsmap else []
    tokenizer.normalizer = normalizers.Sequence(charsmap + blanks)
    return framed(tokenizer)


def _merges(pieces: list[tuple[str, float]]) -> list[tuple[str, str]]:
    """Every way to join two pieces to a third, best score first, as SentencePiece's BPE would join them."""
    index = {piece: number for number, (piece, _) in enumerate(pieces)}
    merges = []
    for piece, _ in sorted(pieces, key=lambda pair: -pair[1]):
        halves = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [(left, right) for left, right in halves if left in index and right in index]
        merges += sorted(known, key=lambda pair: (index[pair[0]], index[pair[1]]))
    return merges


def framed(tokenizer: Tokenizer) -> Tokenizer:
    """The same with XLM-R's cutting at blanks, special tokens, and <s> ... </s> around each text."""
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**METASPACE)
    tokenizer.decoder = decoders.Metaspace(**METASPACE)
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIAL] + [MASK])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B:0 </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer
