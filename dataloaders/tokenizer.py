"""The tokenizer of a text encoder, with the ids that the encoder was trained with."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.utils import HFValidationError, RepositoryNotFoundError
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from dataloaders.lists import read_text
from dataloaders.sentencepiece_model import (
    BLANK,
    BPE,
    MASK,
    METASPACE,
    SPECIAL,
    framed,
    from_sentencepiece,
    read_sentencepiece,
)
from utils.errors import UserError, first_line

SENTENCEPIECE = ("sentencepiece.bpe.model", "spiece.model", "tokenizer.model")
KNOWN = ("tokenizer.json", *SENTENCEPIECE, "vocab.txt", "vocab.json")
HUB_FILES = [*KNOWN, "config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
             "merges.txt", "bpe.codes"]
XLM_R = (None, "xlm-roberta", "xlm-roberta-xl")  # model types with fairseq's ids; None: a folder without config.json
ROLES = (
    {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>",
     "pad_token": "<pad>", "mask_token": "<mask>"},
    {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"},
)
INPUTS = ["input_ids", "attention_mask"]
SETTINGS = ("model_max_length", "padding_side", "truncation_side", "model_input_names")


def load_tokenizer(name_or_folder: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, or of a name on the Hugging Face hub. It neither pads nor cuts unless asked.

    The first of these that is there is read: tokenizer.json, a SentencePiece model of XLM-R's family, what
    transformers' AutoTokenizer knows. Only the last may give another class than PreTrainedTokenizerFast (PhoBERT).
    A `</s>` that someone typed is plain text; in a Unigram model (XLM-R, not ViSoBERT) it still is the token.

    Raises:
        UserError: no such folder or name, the hub out of reach, no tokenizer in the folder, a damaged one.
    """
    folder = Path(name_or_folder)
    if not folder.is_dir():
        folder = _fetched(str(name_or_folder))
    if (folder / "tokenizer.json").is_file():
        return _wrapped(_from_json(folder / "tokenizer.json"), folder)
    model = next((folder / name for name in SENTENCEPIECE if (folder / name).is_file()), None)
    if model and _json(folder / "config.json").get("model_type") in XLM_R:
        return _wrapped(from_sentencepiece(model), folder)
    if model and read_sentencepiece(model).kind == BPE:  # which transformers 5 would take for Unigram
        raise UserError(f"{model}: a BPE whose order of ids is not known; put its encoder's tokenizer.json beside it")
    return _by_transformers(folder)


def _fetched(name: str) -> Path:
    """The folder in the hub's cache with the tokenizer's and the config's files, nothing else."""
    missing = f"encoder {name}: no such folder"
    if Path(name).exists():
        raise UserError(f"encoder {name}: not a folder; give --encoder the folder that it lies in")
    try:
        return Path(snapshot_download(name, allow_patterns=HUB_FILES))
    except HFValidationError:
        raise UserError(f"{missing}, and no name that the hub could have; give --encoder FOLDER") from None
    except RepositoryNotFoundError:
        raise UserError(f"{missing}, and the hub has or shows none of this name; give --encoder FOLDER") from None
    except Exception as error:  # what a missing network raises differs by version
        raise UserError(f"{missing}, and the hub cannot be reached: {first_line(error).rstrip('.')}; "
                        "give --encoder FOLDER") from None


def _from_json(path: Path) -> Tokenizer:
    try:
        # A bad map of characters makes tokenizers panic, past `except Exception`; its own class raises as usual.
        for charsmap in re.finditer(r'"precompiled_charsmap":\s*"([^"]*)', path.read_text(encoding="utf-8")):
            normalizers.Precompiled(base64.b64decode(charsmap[1], validate=True))
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises this very class
        raise UserError(f"{path}: damaged, or no tokenizer: {first_line(error)}; copy it anew") from None
    # ViSoBERT's file cuts and pads to 256; the reader of reviews decides that.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _wrapped(tokenizer: Tokenizer, folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers shows it, with the folder's special tokens.

    Raises:
        UserError: a special token that the vocabulary lacks, no token to pad with, a setting of no use.
    """
    config = _json(folder / "tokenizer_config.json")
    named = _json(folder / "special_tokens_map.json") | {k: v for k, v in config.items() if v is not None}
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    roles = next((dict(roles) for roles in ROLES if roles["pad_token"] in vocabulary), {})
    roles = {role: token for role, token in roles.items() if token in vocabulary}
    for role in ROLES[0]:
        token = named.get(role)
        token = token.get("content") if isinstance(token, dict) else token
        if token is not None and token not in vocabulary:
            raise UserError(f"{folder}: {role} is {token!r}, which its vocabulary lacks; copy its files anew")
        if token is not None:
            roles[role] = token
    if "pad_token" not in roles:
        raise UserError(f"{folder}: no token to pad with; name pad_token in its tokenizer_config.json")
    added = {token.content: token for token in tokenizer.get_added_tokens_decoder().values()}
    settings = {"model_input_names": INPUTS} | {k: config[k] for k in SETTINGS if k in config}
    try:
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, split_special_tokens=True, **settings,
                                       **{role: added.get(token, token) for role, token in roles.items()})
    except (TypeError, ValueError) as error:
        raise UserError(f"{folder / 'tokenizer_config.json'}: {first_line(error)}") from None


def _json(path: Path) -> dict:
    """A settings file; empty where there is none."""
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {first_line(error)}") from None
    if not isinstance(settings, dict):
        raise UserError(f"{path}: must be an object, not a {type(settings).__name__}")
    return settings


def _by_transformers(folder: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer  # seconds to import, and seldom needed

    files = [name for name in KNOWN if (folder / name).is_file()]
    if not files:
        raise UserError(f"{folder}: holds no tokenizer; looked for {', '.join(KNOWN)}")
    configs = _json(folder / "config.json") | _json(folder / "tokenizer_config.json")
    if not configs.keys() & {"model_type", "tokenizer_class"}:
        raise UserError(f"{folder}: its config.json must name the model_type, else {files[0]} cannot be read")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False,
                                                  split_special_tokens=True)
    except Exception as error:  # each kind of tokenizer fails in its own way
        raise UserError(f"{folder}: transformers cannot load its tokenizer: {first_line(error)}") from None
    # Given files that its class does not look for, transformers 5 makes a tokenizer of special tokens alone.
    if "vocab.txt" in files and len(tokenizer) < len(read_text(folder / "vocab.txt").split("\n")) - 1:
        raise UserError(f"{folder}: {type(tokenizer).__name__} reads {len(tokenizer)} tokens, fewer than vocab.txt "
                        "has; tokenizer_class in its tokenizer_config.json must name the right one")
    return tokenizer


def check_ids_fit(tokenizer: PreTrainedTokenizerBase, vocab_size: int, where: str) -> None:
    """Raises:
        UserError: an id at or past the `vocab_size` rows of the embedding table in `where`.
    """
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest >= vocab_size:
        raise UserError(f"{where}: the tokenizer's ids go up to {largest}, but the embedding table has {vocab_size} "
                        "rows; give the tokenizer and the weights of one encoder")


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A BPE of at most `vocab_size` ids, learned from texts: <s> 0, <pad> 1, </s> 2, <unk> 3, <mask> last.

    It depends on how often each word occurs, not on the order of the texts. Characters that the texts lack
    become <unk>; so do their rarest, where ids are too few for all.

    Raises:
        UserError: fewer ids than the special tokens and one character need, or no text.
    """
    if vocab_size <= len(SPECIAL) + 1:
        raise UserError(f"a vocabulary of {vocab_size}: must be at least {len(SPECIAL) + 2}")
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    texts = [tokenizer.normalizer.normalize_str(text) for text in texts]
    counts = Counter(BLANK if letter == " " else letter for text in texts for letter in text)
    if not counts:
        raise UserError("no text to learn a tokenizer from")
    # Left to itself the trainer drops rare characters in an order that changes from run to run.
    letters = sorted(counts, key=lambda letter: (-counts[letter], letter))[:vocab_size - len(SPECIAL) - 1]
    # A typed `<s>` must not be learned: it would share the special token's id.
    texts = [re.sub("<(?=(/?s|pad|unk|mask)>)", "< ", text) for text in texts]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1, min_frequency=2, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=letters, limit_alphabet=len(letters))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**METASPACE)
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=framed(tokenizer), split_special_tokens=True,
                                   model_input_names=INPUTS, **ROLES[0] | {"mask_token": MASK})
