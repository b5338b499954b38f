"""Whether prompts say what they should: built a second time by hand, from the tokenizer's ids, and compared."""

import difflib
import re
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.recogniser import VideoRecogniser
from models.texts import class_texts
from utils.config import Config
from utils.findings import Finding, of_some
from utils.structures import Labels

START, END = "<start_of_text>", "<end_of_text>"
OWN, OTHER = 0.7, 0.8  # likeness of a word to a class's name: below it does not name the class; from here on it does
ALIKE = 0.9999  # cosine of two classes' features
BUG = "this is a fault of the prompts: report it"


def audit_prompts(config: Config, model: nn.Module, labels: Labels) -> list[Finding]:
    """What is wrong or odd about the prompts of a video recogniser; nothing of other networks."""
    if not isinstance(model, VideoRecogniser):
        return []
    texts = class_texts(labels.classes, config.model.text_type)
    if len(texts) != model.prompts.classes or {len(group) for group in texts} != {model.prompts.per_class}:
        return [Finding("error", "prompts-not-of-classes", f"the network has {model.prompts.classes} classes with "
                        f"{model.prompts.per_class} prompts each, the data {len(texts)} with {len(texts[0])}", BUG)]
    findings = _texts(labels.classes, texts)
    with torch.no_grad():
        learned, plain = (_by_hand(config, model, texts, context) for context in (True, False))
        prompts = model.prompts(model.text_tower)
        findings += _features(labels.classes, prompts, learned, "learned")
        findings += _features(labels.classes, model.handcrafted, plain, "hand-crafted")
        findings += _places(config, model, texts)
        findings += _apart(labels.classes, texts, model.handcrafted, config.model.clip_pretrained != "none")
    return findings + _learning(model, labels.classes)


def _texts(classes: list[str], texts: list[list[str]]) -> list[Finding]:
    findings = []
    if empty := [name for name, group in zip(classes, texts) if not all(re.search(r"\w", text) for text in group)]:
        findings.append(Finding("error", "prompt-empty", f"{len(empty)} classes have a prompt without a word",
                                "give them a text in models/texts.py", **of_some(empty)))
    sets = [{text.casefold().strip() for text in group} for group in texts]
    shared = [f"{classes[i]} and {classes[j]}: {min(sets[i] & sets[j])!r}"
              for i, j in combinations(range(len(texts)), 2) if sets[i] & sets[j]]
    if shared:
        findings.append(Finding("error", "prompt-shared", f"{len(shared)} pairs of classes have the same prompt, and "
                                "cannot be told apart by it", "give each its own in models/texts.py",
                                **of_some(shared)))
    if again := [name for name, group, own in zip(classes, texts, sets) if len(own) < len(group)]:
        findings.append(Finding("warning", "prompt-repeated", f"{len(again)} classes have a prompt twice",
                                "leave one in models/texts.py", **of_some(again)))
    if foreign := [f"{name}: {text!r} names {other}" for name, group in zip(classes, texts) for text in group
                   if (other := _names_another(name, text, classes))]:
        findings.append(Finding("error", "prompt-of-another", f"{len(foreign)} prompts name another class than theirs",
                                "correct models/texts.py", **of_some(foreign)))
    words = {name: sum(len(text.split()) for text in group) / len(group) for name, group in zip(classes, texts)}
    usual = sorted(words.values())[len(words) // 2]
    if long := [f"{name} ({count:.0f} words)" for name, count in words.items() if count > 3 * usual + 3]:
        findings.append(Finding("note", "prompt-long", f"{len(long)} classes have far longer prompts than the others' "
                                f"{usual:.0f} words", "", **of_some(long)))
    return findings


def _names_another(name: str, text: str, classes: list[str]) -> str | None:
    """The class that a text names, while it does not name its own. Levels of one state are left alone."""
    heads = {other: other.casefold().split()[-1] for other in classes}
    if len(set(heads.values())) < len(heads):
        return None
    words = re.findall(r"\w+", text.casefold())
    like = {other: max((difflib.SequenceMatcher(None, word, head).ratio() for word in words), default=0)
            for other, head in heads.items()}
    best = max(like, key=like.get)
    return best if best != name and like[best] >= OTHER and like[name] < OWN else None


def _by_hand(config: Config, model: VideoRecogniser, texts: list[list[str]], context: bool) -> Tensor:
    """(C, D), from open_clip's own forward over the whole length, with each vector put in its place one by one."""
    text, features = model.text_tower.text, []
    for number, group in enumerate(texts):
        rows = model.prompts.context
        vectors = rows[number if len(rows) > 1 else 0] if context else rows[0, :0]  # (M, W)
        for words in group:
            sequence, end = _sequence(config, model, words, vectors)
            ids = torch.zeros(1, text.context_length, dtype=torch.long, device=sequence.device)
            ids[0, end] = model.text_tower.tokenizer.encoder[END]  # open_clip pools at the largest id
            hook = text.token_embedding.register_forward_hook(lambda module, given, out, put=sequence: put[None])
            try:
                features.append(F.normalize(text(ids).float(), dim=-1)[0])
            finally:
                hook.remove()
    return F.normalize(torch.stack(features).unflatten(0, (len(texts), -1)).mean(dim=1), dim=-1)


def _sequence(config: Config, model: VideoRecogniser, words: str, vectors: Tensor) -> tuple[Tensor, int]:
    """A prompt's embeddings (L, W), and where its end token stands."""
    text, tokenizer = model.text_tower.text, model.text_tower.tokenizer
    table = text.token_embedding.weight
    own = [table[token] for token in tokenizer.encode(words)]
    position, half = config.model.class_token_position, len(vectors) // 2
    middle = {"end": [*vectors, *own], "front": [*own, *vectors],
              "middle": [*vectors[:half], *own, *vectors[half:]]}[position]
    prompt = [table[tokenizer.encoder[START]], *middle, table[tokenizer.encoder[END]]]
    padding = [table[0]] * (text.context_length - len(prompt))
    return torch.stack([*prompt, *padding]), len(prompt) - 1


def _features(classes: list[str], found: Tensor, expected: Tensor, kind: str) -> list[Finding]:
    if not torch.isfinite(found).all():
        return [Finding("error", "prompt-not-finite", f"the {kind} prompts' features are not finite", "start from "
                        "weights that are whole, at a lower --lr-prompt-learner")]
    cosines = (found.float() * expected).sum(dim=-1)
    norms = found.float().norm(dim=-1)
    wrong = [f"{name} (cosine {cosine:.4f})" for name, cosine, norm in zip(classes, cosines.tolist(), norms.tolist())
             if abs(cosine - 1) > 1e-3 or abs(norm - 1) > 1e-3]
    return [Finding("error", "prompt-features", f"the {kind} text features of {len(wrong)} classes are not those of "
                    "their prompts as CLIP reads them", BUG, **of_some(wrong))] if wrong else []


class _Heard:
    """Stands in for the text tower, and keeps what it is asked to encode."""

    def __call__(self, embeddings: Tensor, end: Tensor, length: int) -> Tensor:
        self.embeddings, self.end, self.length = embeddings, end, length
        return torch.eye(len(embeddings))


def _places(config: Config, model: VideoRecogniser, texts: list[list[str]]) -> list[Finding]:
    """Context vectors, words and end token of each prompt, one by one."""
    heard = _Heard()
    model.prompts.encode(heard)
    flat = [(number, words) for number, group in enumerate(texts) for words in group]
    rows, shifted, ends = model.prompts.context, [], []
    for row, (number, words) in enumerate(flat):
        sequence, end = _sequence(config, model, words, rows[number if len(rows) > 1 else 0])
        got = heard.embeddings[row, : end + 1]
        if got.shape != sequence[: end + 1].shape or not torch.allclose(got, sequence[: end + 1], atol=1e-6):
            differ = (got != sequence[: len(got)]).any(dim=-1).nonzero().flatten().tolist()
            shifted.append(f"{words[:40]!r} from position {differ[0] if differ else len(got)} on")
        if int(heard.end[row]) != end or heard.length <= end:
            ends.append(f"{words[:40]!r}: {int(heard.end[row])} of {heard.length}, not {end}")
    findings = []
    if shifted:
        findings.append(Finding("error", "prompt-order", f"{len(shifted)} of {len(flat)} prompts are not start token, "
                                f"context and class text at the {config.model.class_token_position}, end token", BUG,
                                **of_some(shifted)))
    if ends:
        findings.append(Finding("error", "prompt-end", f"{len(ends)} of {len(flat)} prompts are pooled at another "
                                "place than their end token", BUG, **of_some(ends)))
    return findings


def _apart(classes: list[str], texts: list[list[str]], features: Tensor, pretrained: bool) -> list[Finding]:
    """How alike the classes' hand-crafted features are. The cosines of random weights say nothing but equality."""
    if len(classes) < 2:
        return []
    pairs = list(combinations(range(len(classes)), 2))
    cosines = torch.stack([features[i] @ features[j] for i, j in pairs]).float()
    limit = ALIKE if pretrained else 1 - 1e-6
    same = [f"{classes[i]} and {classes[j]}" for (i, j), cosine in zip(pairs, cosines.tolist())
            if cosine > limit and texts[i] != texts[j]]
    if same:
        return [Finding("error", "classes-alike", f"{len(same)} pairs of classes have the same text features",
                        "give them other texts with --text-type, and look whether the weights are whole",
                        **of_some(same))]
    if not pretrained:
        return []
    return [Finding("note", "class-cosines", f"cosines of the classes' hand-crafted prompts: {cosines.min():.3f} to "
                    f"{cosines.max():.3f}, {cosines.mean():.3f} in the mean", "", len(pairs))]


def _learning(model: VideoRecogniser, classes: list[str]) -> list[Finding]:
    """The context, and nothing else of the text side, can learn."""
    findings, context = [], model.prompts.context
    if thawed := [name for name, p in model.text_tower.named_parameters() if p.requires_grad]:
        findings.append(Finding("error", "text-tower-learns", "the text tower is to stand still, but its weights would "
                                "learn", BUG, **of_some(thawed)))
    if not context.requires_grad or not context.numel():
        return findings
    with torch.enable_grad():
        features = model.prompts(model.text_tower)
        weights = torch.linspace(-1, 1, features.numel(), device=features.device).view_as(features)
        value = (features * weights).sum()
        moved = torch.autograd.grad(value, [context], allow_unused=True)[0] if value.requires_grad else None
    still = [] if moved is not None else classes
    if moved is not None:
        still = [classes[row] if len(moved) > 1 else "all classes" for row, vectors in enumerate(moved)
                 if not (vectors.abs().sum(dim=-1) > 0).all()]
    if still:
        findings.append(Finding("error", "context-unused", "context vectors have no effect on the text features", BUG,
                                **of_some(still)))
    return findings
