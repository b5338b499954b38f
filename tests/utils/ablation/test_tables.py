import csv
import io

import pytest

from tests.utils.ablation.studies import clips, small, spec
from utils.ablation.counts import CLIP_METRICS, REVIEW_METRICS
from utils.ablation.study import compare
from utils.ablation.tables import TITLES, caption, latex, markdown, spread, table_csv, tex

MARKDOWN = """\
Recipe caer, test split, 8 clips: mean ± s.d. over 2 seeds. Difference in UAR to “full”: mean ± s.d. of the seeds' \
differences, and the 95 % percentile interval of 10,000 paired bootstrap resamples of the clips, within their \
classes, averaged over seeds. The interval takes the clips as independent, and tells how far others would move \
the difference of these runs; how far other seeds would is not in it, and the s.d. shows it. \\* The interval \
leaves out 0 (not corrected for 2 comparisons). Missing: a\\|b_[%]\\*, seed 0.

| variant | changed | test UAR | difference | 95 % interval | test WAR |
|---|---|---|---|---|---|
| full | – | 0.875 ± 0.059 | – | – | 0.875 ± 0.000 |
| no LDL | `--no-use-ldl` | 0.792 ± 0.177 | -0.083 ± 0.118 | [-0.167, +0.000] | 0.812 ± 0.088 |
| a\\|b_[%]\\* | `--contexts-init '<a\\|b>~'`, `--lr 0.5` | 0.000 (1 of 2) | -0.917 | [-1.000, -0.750]* | 0.000 |
"""

TABULAR = r"""
\label{tab:small}
\begin{tabular}{llrrrr}
\toprule
variant & changed & test UAR & difference & 95 \% interval & test WAR \\
\midrule
full & -- & $0.875 \pm 0.059$ & -- & -- & $0.875 \pm 0.000$ \\
no LDL & \texttt{-{}-no-use-ldl} & $0.792 \pm 0.177$ & $-0.083 \pm 0.118$ & $[-0.167, +0.000]$ & $0.812 \pm 0.088$ \\
a\textbar{}b\_{[}\%{]}{*} & \texttt{-{}-contexts-init '\textless{}a\textbar{}b\textgreater{}\textasciitilde{}'}, """ + (
    r"""\texttt{-{}-lr 0.5} & $0.000$ (1 of 2) & $-0.917$ & $[-1.000, -0.750]^{*}$ & $0.000$ \\
\bottomrule
\end{tabular}
\end{table}
""")


def test_markdown(configure):
    assert markdown(small(configure)) == MARKDOWN


def test_latex(configure):
    text = latex(small(configure))
    assert text.startswith("% \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\caption{Recipe caer, test split, "
                           "8 clips: mean $\\pm$ s.d. over 2 seeds. Difference in UAR to ``full'': mean")
    assert text.endswith(" 0 (not corrected for 2 comparisons). Missing: a\\textbar{}b\\_{[}\\%{]}{*}, seed 0.}"
                         + TABULAR)


@pytest.mark.parametrize("text, said", [
    ("a_b & 5 % #1 $x$ {y}", r"a\_b \& 5 \% \#1 \$x\$ \{y\}"), ("\\~^", r"\textbackslash{}\textasciitilde{}"
                                                                r"\textasciicircum{}"),
    ("--a ---b", "-{}-a -{}--b"), ("“q” \"p\" ±", "``q'' {\\char34}p{\\char34} $\\pm$"), ("Đẹp", "Đẹp")])
def test_latex_prints_any_words(text, said):
    assert tex(text) == said


def test_csv_has_figures_in_full_and_those_of_each_seed(configure):
    study = small(configure)
    rows = list(csv.DictReader(io.StringIO(table_csv(study))))
    full, no_ldl, bad = rows
    assert list(full) == ["variant", "changed", "seeds", "uar", "uar_sd", "war", "war_sd", "difference",
                          "difference_sd", "low", "high", "uar_seed_0", "uar_seed_1", "war_seed_0", "war_seed_1"]
    assert (full["difference"], full["low"], full["changed"], full["seeds"]) == ("", "", "", "2")
    assert float(no_ldl["difference"]) == pytest.approx(-1 / 12) and float(no_ldl["uar_seed_0"]) == pytest.approx(2 / 3)
    assert float(no_ldl["difference_sd"]) == pytest.approx(2**0.5 / 12)
    assert (float(no_ldl["low"]), float(no_ldl["high"])) == study.rows[1].interval
    assert (bad["variant"], bad["changed"]) == ("a|b_[%]*", "--contexts-init '<a|b>~' --lr 0.5")
    assert (bad["seeds"], bad["uar_sd"], bad["uar_seed_0"], bad["uar_seed_1"]) == ("1", "", "", "0.0")


def test_a_variant_without_a_run_has_dashes(configure):
    study = compare(spec(configure, {"full": "", "x": "--lr 1"}, seeds=(4,)), {("full", 4): clips("ab", "ab")})
    assert markdown(study).splitlines()[-2:] == [
        "| full | – | 1.000 | – | – | 1.000 |", "| x | `--lr 1` | – | – | – | – |"]
    assert " over 1 seed. " in caption(study) and "(not corrected for 1 comparison)" in caption(study)
    assert caption(study).endswith(" Missing: x, seed 4.")


def test_the_caption_says_how_clips_are_drawn_and_what_chose_the_weights(configure):
    assert "the clips, within their classes, averaged" in caption(small(configure))
    assert "the clips averaged" in caption(small(configure, metric="war"))
    assert "The weights were chosen on the same clips." in caption(small(configure, split="val"))
    assert "chosen" not in caption(small(configure))


def test_every_score_has_a_title():
    assert TITLES.keys() == CLIP_METRICS.keys() | REVIEW_METRICS.keys()


@pytest.mark.parametrize("values, sign, said", [
    ([0.25], "", "0.250"), ([0.25], "+", "+0.250"), ([-0.25], "+", "-0.250"), ([0.1, 0.3], "", "0.200 ± 0.141"),
    ([0.1, 0.2, 0.6], "+", "+0.300 ± 0.265"),
])
def test_spread_is_mean_and_sample_standard_deviation(values, sign, said):
    assert spread(iter(values), sign) == said
