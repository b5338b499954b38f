"""Reviews: their file, texts, tokens and labels, and what the loaders hand out of them."""

from dataloaders.audit.reviews.file import audit_counts, audit_rows, audit_targets, audit_texts
from dataloaders.audit.reviews.fit import audit_fit
from dataloaders.audit.reviews.labels import audit_labels
from dataloaders.audit.reviews.loading import audit_batches, audit_order
from dataloaders.audit.reviews.polarity import audit_polarity
from dataloaders.audit.reviews.spelling import audit_spelling
from dataloaders.audit.reviews.table import tables_of
from dataloaders.audit.reviews.tokens import audit_tokenizer, audit_tokens
from dataloaders.audit.reviews.twins import audit_twins
from dataloaders.audit.reviews.word_order import audit_word_order
from dataloaders.audit.reviews.words import audit_splits_words, audit_words
from dataloaders.loader import Loader
from utils.config import TextConfig
from utils.findings import Finding, surely
from utils.structures import Labels


def audit_reviews(config: TextConfig, loaders: dict[str, Loader], labels: Labels, full: bool) -> list[Finding]:
    """As `audit`. Labels are compared with the file, tokens with the text, and both with each other."""
    data = config.data
    by_class = config.loss.unmentioned == "class"
    sentiments = labels.classes[:-1] if by_class else labels.classes
    tables = tables_of(config)
    findings = surely(audit_rows, loaders, tables)
    findings += surely(audit_counts, loaders["train"], tables, labels, by_class)
    for split, loader in loaders.items():
        findings += surely(audit_texts, split, loader, tables[split], data.text_column)
        findings += surely(audit_targets, split, loader, tables[split], labels, sentiments)
        findings += surely(audit_order, split, loader, data.oversample, data.batch_size)
        findings += surely(audit_batches, split, loader, data.max_tokens, full)
        findings += surely(audit_words, split, loader.dataset)
        findings += surely(audit_spelling, split, loader.dataset)
        findings += surely(audit_tokens, split, loader.dataset, config.model.prefix, data.max_tokens, full,
                           config.model.encoder == "tiny")
    datasets = {split: loader.dataset for split, loader in loaders.items()}
    findings += surely(audit_tokenizer, config.model.encoder, config.model.prefix, datasets["train"].tokenizer)
    findings += surely(audit_splits_words, datasets)
    findings += surely(audit_word_order, datasets)
    findings += surely(audit_twins, datasets)
    findings += surely(audit_labels, datasets, labels.aspects, sentiments)
    findings += surely(audit_fit, datasets, labels.aspects, sentiments)
    findings += surely(audit_polarity, datasets, tables, labels.aspects, sentiments)
    return findings
