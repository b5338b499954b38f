"""A study as a table: Markdown, LaTeX and CSV."""

import csv
import io
import re
from collections.abc import Iterable
from statistics import mean, stdev

from utils.ablation.bootstrap import LEVEL, RESAMPLES
from utils.ablation.counts import BY_CLASS
from utils.ablation.study import Row, Study

TITLES = {"uar": "UAR", "war": "WAR", "macro_f1": "macro F1", "aspect_micro_f1": "aspect micro F1",
          "aspect_macro_f1": "aspect macro F1", "pair_micro_f1": "aspect + polarity micro F1",
          "pair_macro_f1": "aspect + polarity macro F1", "polarity_accuracy": "polarity accuracy",
          "polarity_macro_f1": "polarity macro F1"}
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
         ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}", "“": "``", "”": "''", "±": r"$\pm$",
         "[": "{[}", "]": "{]}", "*": "{*}",  # behind \\ a [ or * would be read as its argument
         **{sign: "\\" + sign for sign in "&%$#_{}"}}
WIDTH = f"{100 * LEVEL:g} %"


def spread(values: Iterable[float], sign: str = "") -> str:
    """Mean, and the sample standard deviation where there are two values or more."""
    values = list(values)
    return f"{mean(values):{sign}.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def title(metric: str) -> str:
    return TITLES[metric]


def caption(study: Study) -> str:
    """What the table says, what its intervals cover and what they do not, and what is missing."""
    spec, others = study.spec, len(study.rows) - 1
    within = ", within their classes," if spec.metric in BY_CLASS and study.unit == "clips" else ""
    words = [f"Recipe {spec.recipe}, {spec.split} split, {study.samples} {study.unit}:",
             f"mean ± s.d. over {_number(len(spec.seeds), 'seed')}.",
             f"Difference in {title(spec.metric)} to “{spec.baseline}”: mean ± s.d. of the seeds' differences, and the "
             f"{WIDTH} percentile interval of {RESAMPLES:,} paired bootstrap resamples of the {study.unit}{within} "
             "averaged over seeds.",
             f"The interval takes the {study.unit} as independent, and tells how far others would move the difference "
             "of these runs; how far other seeds would is not in it, and the s.d. shows it.",
             f"* The interval leaves out 0 (not corrected for {_number(others, 'comparison')})."]
    if spec.split == "val":
        words.append(f"The weights were chosen on the same {study.unit}.")
    if study.missing:
        seeds = {variant: [seed for of, seed in study.missing if of == variant] for variant, _ in study.missing}
        missing = (f"{variant}, seed {', '.join(map(str, of))}" for variant, of in seeds.items())
        words.append(f"Missing: {'; '.join(missing)}.")
    return " ".join(words)


def markdown(study: Study) -> str:
    lines = [_plain(caption(study)), "", "| " + " | ".join(_head(study)) + " |", "|" + "---|" * len(_head(study))]
    for row in study.rows:
        flags = ", ".join(f"`{flag}`".replace("|", "\\|") for flag in row.changed)
        lines.append("| " + " | ".join([_plain(row.variant), flags or "–", *_figures(study, row)]) + " |")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Any words as Markdown, and a cell of a table, that prints them."""
    return re.sub(r"([\\|*`<])", r"\\\1", text)


def latex(study: Study) -> str:
    """A table environment; needs the package booktabs."""
    head = [tex(cell) for cell in _head(study)]
    rows = [[tex(row.variant), ", ".join(rf"\texttt{{{tex(flag)}}}" for flag in row.changed) or "--",
             *map(_mathematics, _figures(study, row))] for row in study.rows]
    label = re.sub(r"[^\w-]", "-", study.spec.name)
    lines = [r"% \usepackage{booktabs}", r"\begin{table}", r"\centering", rf"\caption{{{tex(caption(study))}}}",
             rf"\label{{tab:{label}}}", rf"\begin{{tabular}}{{ll{'r' * (len(head) - 2)}}}", r"\toprule",
             " & ".join(head) + r" \\", r"\midrule", *(" & ".join(row) + r" \\" for row in rows), r"\bottomrule",
             r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def tex(text: str) -> str:
    """Any words as LaTeX that prints them."""
    return "".join(LATEX.get(sign, sign) for sign in text).replace("--", "-{}-")  # else two would make a dash


def table_csv(study: Study) -> str:
    """A line a variant, figures in full; those of the single seeds come last."""
    spec = study.spec
    file = io.StringIO()
    metrics = (spec.metric, *spec.also)
    of_seeds = [(metric, seed) for metric in metrics for seed in spec.seeds]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["variant", "changed", "seeds", *(f"{metric}{part}" for metric in metrics for part in ("", "_sd")),
                     "difference", "difference_sd", "low", "high", *(f"{m}_seed_{seed}" for m, seed in of_seeds)])
    for row in study.rows:
        writer.writerow([row.variant, " ".join(row.changed), len(row.scores[spec.metric]),
                         *(figure for metric in metrics for figure in _mean_and_sd(row.scores[metric].values())),
                         *_mean_and_sd(row.differences.values()), *(row.interval or ("", "")),
                         *(row.scores[metric].get(seed, "") for metric, seed in of_seeds)])
    return file.getvalue()


def _head(study: Study) -> list[str]:
    metric, *also = (f"{study.spec.split} {title(metric)}" for metric in (study.spec.metric, *study.spec.also))
    return ["variant", "changed", metric, "difference", f"{WIDTH} interval", *also]


def _figures(study: Study, row: Row) -> list[str]:
    """The cells behind the name and what changed; a dash where there is nothing to say."""
    metric, *also = (_spread(row.scores[metric].values()) for metric in (study.spec.metric, *study.spec.also))
    if 0 < (there := len(row.scores[study.spec.metric])) < len(study.spec.seeds):
        metric += f" ({there} of {len(study.spec.seeds)})"
    within = f"[{row.interval[0]:+.3f}, {row.interval[1]:+.3f}]{'*' * row.clear}" if row.interval else "–"
    return [metric, _spread(row.differences.values(), "+"), within, *also]


def _spread(values: Iterable[float], sign: str = "") -> str:
    values = list(values)
    return spread(values, sign) if values else "–"


def _mean_and_sd(values: Iterable[float]) -> tuple[float | str, float | str]:
    values = list(values)
    return mean(values) if values else "", stdev(values) if len(values) > 1 else ""


def _mathematics(figures: str) -> str:
    """Figures as LaTeX."""
    if figures == "–":
        return "--"
    figures, _, seeds = figures.partition(" (")
    return "$" + figures.replace("±", r"\pm").replace("*", "^{*}") + "$" + (f" ({seeds}" if seeds else "")


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + "s" * (count != 1)
