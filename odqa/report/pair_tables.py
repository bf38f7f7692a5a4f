"""The matrix of all pairs for papers (LaTeX) and pages (Markdown), one table a tested metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.comparison.all_pairs import LEVEL, AllPairs
from odqa.comparison.table import tested_metrics
from odqa.errors import RunError
from odqa.escapes import latex, markdown
from odqa.report.tables import RULES, label, latex_row, markdown_row

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def pair_matrices(comparison: Comparison) -> list[AllPairs]:
    """All pairs of every tested metric that two pipelines have.

    Raises:
        RunError: there is none.
    """
    by_metric = {
        metric: sum((name, metric) in comparison.by_question for name in comparison.pipelines)
        for metric in tested_metrics(comparison)
    }
    metrics = [metric for metric, pipelines in by_metric.items() if pipelines > 1]
    if not metrics:
        raise RunError(
            "no metric was measured of two pipelines, and a pair needs two",
            where=comparison.name,
            cure="name another metric: --metrics f1",
        )
    return [comparison.pairs(metric) for metric in metrics]


def pairs_to_latex(comparison: Comparison) -> str:
    r"""A ``table`` a metric that compiles as it is, nicer with ``booktabs``.

    Row minus column above the diagonal, means on it; differences are set in bold where they are
    significant after Holm's correction over all pairs, intervals in small type below.

    Raises:
        RunError: as `pair_matrices`.
    """
    return "\n".join(_latex(comparison, pairs) for pairs in pair_matrices(comparison))


def pairs_to_markdown(comparison: Comparison) -> str:
    """The same as GitHub-flavoured Markdown.

    Raises:
        RunError: as `pair_matrices`.
    """
    return "\n".join(_markdown(pairs) for pairs in pair_matrices(comparison))


def _latex(comparison: Comparison, pairs: AllPairs) -> str:
    names = list(pairs.means)
    questions = max(test.questions for test in pairs.tests)
    caption = (
        f"{comparison.name}, {questions} questions: differences in {pairs.metric}, row minus "
        f"column, with 95 % intervals; means on the diagonal. Bold: p < {LEVEL} (Holm, all pairs). "
        "Pipelines that share a letter cannot be told apart."
    )
    lines = [
        RULES,
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{latex(caption)}}}",
        f"  \\label{{tab:{label(f'{comparison.name}-{pairs.metric}-pairs')}}}",
        "  \\setlength{\\tabcolsep}{3pt}",
        f"  \\begin{{tabular}}{{l{'c' * len(names)}}}",
        "    \\toprule",
        f"    {latex_row(['', *(f'({n})' for n in range(1, len(names) + 1))])}",
        "    \\midrule",
    ]
    for number, row in enumerate(names, start=1):
        head = f"({number}) {latex(row)}\\textsuperscript{{{pairs.letters[row]}}}"
        cells = [
            "" if column < number else _latex_cell(pairs, row, names[column - 1])
            for column in range(1, len(names) + 1)
        ]
        lines.append(f"    {latex_row([head, *cells])}")
        small = [
            "" if column <= number else _latex_interval(pairs, row, names[column - 1])
            for column in range(1, len(names) + 1)
        ]
        if any(small):
            lines.append(f"    {latex_row(['', *small])}")
    return "\n".join([*lines, "    \\bottomrule", "  \\end{tabular}", "\\end{table}", ""])


def _latex_cell(pairs: AllPairs, row: str, column: str) -> str:
    if row == column:
        return f"{pairs.means[row]:.3f}"
    difference, _, _, is_significant = _difference(pairs, row, column)
    text = f"${difference:+.3f}$"
    return f"\\textbf{{\\boldmath {text}}}" if is_significant else text


def _latex_interval(pairs: AllPairs, row: str, column: str) -> str:
    _, low, high, _ = _difference(pairs, row, column)
    return f"{{\\scriptsize [${low:+.3f}$, ${high:+.3f}$]}}"


def _markdown(pairs: AllPairs) -> str:
    names = list(pairs.means)
    numbers = [f"({n})" for n in range(1, len(names) + 1)]
    lines = [
        f"{markdown(pairs.metric)}: row minus column with its 95 % interval; bold: p < {LEVEL} "
        "(Holm, all pairs); pipelines that share a letter cannot be told apart",
        "",
        markdown_row(["", "mean", *numbers]),
        markdown_row(["---", *["---:"] * (len(names) + 1)]),
    ]
    for number, row in zip(numbers, names, strict=True):
        cells = ["" if row == column else _markdown_cell(pairs, row, column) for column in names]
        head = f"{number} {markdown(row)} {pairs.letters[row]}"
        lines.append(markdown_row([head, f"{pairs.means[row]:.3f}", *cells]))
    return "\n".join([*lines, ""])


def _markdown_cell(pairs: AllPairs, row: str, column: str) -> str:
    difference, low, high, is_significant = _difference(pairs, row, column)
    text = f"**{difference:+.3f}**" if is_significant else f"{difference:+.3f}"
    return f"{text} [{low:+.3f}, {high:+.3f}]"


def _difference(pairs: AllPairs, row: str, column: str) -> tuple[float, float, float, bool]:
    test, sign = pairs.test(row, column)
    # Plus nothing: a difference of none has no sign.
    low, high = sorted(sign * end + 0.0 for end in test.interval)
    return sign * test.difference + 0.0, low, high, test.p_corrected < LEVEL
