"""Which pipeline is better, in one sentence, and notices that belong to the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from odqa.comparison.judge import judge_notice
from odqa.comparison.table import between, tests_for

if TYPE_CHECKING:
    from odqa.comparison.data import ComparisonData
    from odqa.metrics.statistics.pairs import PairedComparison
    from odqa.metrics.statistics.summary import Summary
    from odqa.spec.pipeline import PipelineSpec

#: Which metric decides where none was chosen: the answer where there is a reader, else the ranking.
DECIDING = (
    "em",
    "ranked_mrr@10",
    "ranked_all_gold@5",
    "ranked_has_answer@1",
    "retrieved_has_answer@20",
)

#: From which p-value on a difference is said to be possibly one of chance.
SIGNIFICANT = 0.05

#: Notice of results of the embedded models.
SMALL_MODELS = (
    "Models named embedded:… are small ones that ship with odqa, not the state of the art."
)


#: Notice of every pipeline with an oracle.
ORACLE = (
    "an oracle feeds the gold passages (qrels) to the later stages; these figures are ceilings "
    "with perfect retrieval, not results of a whole pipeline."
)


#: Notice of every pipeline with another stage that sees accepted answers, after its type.
CEILING = "sees the accepted answers; these figures are ceilings, not results of a whole pipeline."


#: Notice of merged runs of different machines.
MACHINES = "The runs are of different machines: compare their quality, not their seconds."


def deciding_metric(comparison: ComparisonData) -> str | None:
    """The first chosen metric, else the first of em, MRR@10, …, that was measured."""
    measured = {metric for _, metric in comparison.by_question}
    order = (*comparison.metrics, *DECIDING)
    return next((metric for metric in order if metric in measured), None)


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def verdict(comparison: ComparisonData, metric: str | None = None) -> str:
    """Which pipeline is better, by how much, and the p-value, in one sentence."""
    metric = metric or deciding_metric(comparison)
    if metric is None:
        return "Nothing could be scored: the questions have neither answers nor qrels."
    cells = {name: cell for (name, m), cell in comparison.summaries.items() if m == metric}
    real = [name for name in cells if not comparison.pipelines[name].spec.sees_answers]
    if not real:
        return f"With gold passages in place of retrieval: {_best(comparison, metric, cells)}"
    # Figures of an oracle are ceilings: they do not compete with pipelines that retrieve.
    return _best(comparison, metric, {name: cells[name] for name in real})


def _best(comparison: ComparisonData, metric: str, cells: Mapping[str, Summary]) -> str:
    means = {name: cell.mean for name, cell in cells.items()}
    best = max(means, key=lambda name: means[name])
    over = f"on {cells[best].questions} questions"
    if len(means) == 1:
        return f"{best} has {metric} {means[best]:.3f} {over}."
    equal = [name for name in means if means[name] == means[best]]
    tests = tests_for(comparison, metric)
    bases = [name for name in comparison.baselines if name in means and name not in equal]
    if len(equal) > 1:
        names = listed(equal)
        if not bases or comparison.baseline in equal:
            return f"{names} have the same {metric}, {means[best]:.3f}, {over}."
        return (
            f"{names} share the highest {metric}, {means[best]:.3f}, "
            f"{_against(tests, equal, {base: means[base] for base in bases})}, {over}."
        )
    top = f"{best} has the highest {metric}, {means[best]:.3f}"
    if comparison.baseline in bases:
        return f"{top}, {_against(tests, [best], {base: means[base] for base in bases})}, {over}."
    # Of a baseline that does not compete (an oracle) the mean is known too.
    against = comparison.summaries.get((comparison.baseline, metric))
    if between(tests, comparison.baseline, best) is not None and against is not None:
        return f"{top}, {_against(tests, [best], {comparison.baseline: against.mean})}, {over}."
    tested = [name for name in means if name != best and between(tests, best, name) is not None]
    runner = max(tested, key=lambda name: means[name], default=None)
    if runner is None:
        return f"{top}, {over}."
    test = between(tests, best, runner)
    assert test is not None
    return f"{top}; next is {runner} with {means[runner]:.3f}: {_difference(test)}, {over}."


def _against(
    tests: Sequence[PairedComparison], best: Sequence[str], bases: Mapping[str, float]
) -> str:
    """``against 0.409 of the baseline dpr: difference …``, for every baseline."""
    parts = []
    for base, mean in bases.items():
        found = [between(tests, base, name) for name in best]
        # Equal means can have different p-values; the surest of them speaks for all.
        surest = min((t for t in found if t is not None), key=lambda test: test.p_corrected)
        sign = 1 if surest.candidate in best else -1
        parts.append(f"against {mean:.3f} of the baseline {base}: {_difference(surest, sign)}")
    return "; ".join(parts)


def notices(comparison: ComparisonData) -> list[str]:
    """Notices for a reader of the results: licences, small models, ceilings, machines, judge."""
    lines = dict.fromkeys(n for r in comparison.pipelines.values() for n in r.spec.notices)
    # Configs with defaults: a checkpoint that is embedded by default is not in the spec's text.
    stages = [stage for r in comparison.pipelines.values() for stage in r.spec.stages]
    if any("embedded:" in stage.config.model_dump_json() for stage in stages):
        lines[SMALL_MODELS] = None
    ceiling_types = {name: _ceiling_types(r.spec) for name, r in comparison.pipelines.items()}
    oracles = [name for name, types in ceiling_types.items() if "oracle" in types]
    if oracles:
        lines[f"{', '.join(oracles)}: {ORACLE}"] = None
    for name, types in ceiling_types.items():
        kinds = [kind for kind in types if kind != "oracle"]
        if kinds:
            lines[f"{name}: {', '.join(kinds)} {CEILING}"] = None
    merged = comparison.manifest.get("merged", {}).values()
    machines = [manifest.get("machine", {}) for manifest in merged]
    if len({(machine.get("system"), machine.get("cores")) for machine in machines}) > 1:
        lines[MACHINES] = None
    if judging := comparison.manifest.get("settings", {}).get("judging"):
        lines[judge_notice(judging)] = None
    return list(lines)


def _difference(test: PairedComparison, sign: int = 1) -> str:
    p_value = f"p = {test.p_corrected:.2g} ({test.test}, Holm)"
    low, high = sorted((sign * test.interval.low, sign * test.interval.high))
    chance = "" if test.p_corrected < SIGNIFICANT else ", which may be chance"
    return f"difference {sign * test.difference:+.3f} [{low:+.3f}, {high:+.3f}], {p_value}{chance}"


def _ceiling_types(spec: PipelineSpec) -> list[str]:
    """Types of the stages that are told accepted answers or relevant passages."""
    return [stage.type for stage in spec.stages if stage.config.sees_answers]
