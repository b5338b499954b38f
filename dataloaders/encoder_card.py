"""What an encoder's model card says of the data that it was tuned on."""

import logging
import re
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

log = logging.getLogger("camxuc")


def warn_if_tuned_on(encoder: str, benchmark: str) -> None:
    """A warning when the card names the benchmark: scores on it are then too good."""
    card = read_card(encoder)
    if card is None:
        log.info("%s has no model card that would say which data it was tuned on", encoder)
    elif names(card, benchmark):
        log.warning("the model card of %s names %s: if it was tuned on the reviews that are scored here, the scores "
                    "are too good", encoder, benchmark)


def read_card(encoder: str) -> str | None:
    """README.md of a folder or of a hub name."""
    try:
        folder = Path(encoder)
        path = folder / "README.md" if folder.is_dir() else Path(hf_hub_download(encoder, "README.md"))
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError, HfHubHTTPError, LocalEntryNotFoundError):
        return None


def names(card: str, benchmark: str) -> bool:
    """Whether a card mentions a benchmark by its longest word, however that is written: UIT-ViSFD, uit_visfd, ViSFD."""
    def words(text: str) -> list[str]:
        return re.findall(r"[^\W_]+", text.lower())
    return max(words(benchmark), key=len) in "".join(words(card)) if words(benchmark) else False
