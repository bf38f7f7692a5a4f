"""Run pipelines over a dataset and score every question."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from odqa.cache import Cache
from odqa.comparison.costs import stage_cost
from odqa.comparison.manifest import code_revision, make_manifest
from odqa.comparison.result import Comparison, PipelineResult
from odqa.data.dataset import Dataset
from odqa.errors import RunError
from odqa.experiment.execute import Executor
from odqa.experiment.explain import QUESTIONS, explain_ranking
from odqa.experiment.latency import measure_latency
from odqa.experiment.oracle import OracleStage, oracle_name, told_gold, with_oracle
from odqa.experiment.plan import Plan
from odqa.experiment.record import StageRecord
from odqa.metrics.has_answer import AnswerFinder
from odqa.metrics.rows import MetricRow, Stage, score_answers, score_hits
from odqa.spec.pipeline import PipelineSpec
from odqa.suggest import did_you_mean
from odqa.types import Hit, Passage

#: Per question and stage, how many passages keep their text in the result.
SHOWN = 10


def run_comparison(
    specs: Sequence[PipelineSpec],
    dataset: Dataset,
    cache: Cache,
    *,
    name: str | None = None,
    baseline: str | None = None,
    latency: int = 0,
    results: Cache | None = None,
    oracle: OracleStage | None = None,
    explain: int = QUESTIONS,
) -> Comparison:
    """Run all pipelines, shared prefixes once, and score them.

    Args:
        latency: over how many questions to measure one-at-a-time latency; 0 leaves it out.
        explain: for how many questions to keep what rankers looked at; 0 leaves it out.
        baseline: the pipeline the others are tested against; by default the first.
        results: where results of stages are kept instead of ``cache``; an empty one reuses none.
        oracle: ``"retriever"`` feeds gold passages to the later stages of every pipeline.

    Raises:
        RunError: no pipelines, two of one name, an unknown baseline, or an oracle without qrels.
        OdqaError: whatever a component finds wrong; what was computed stays in the cache.
    """
    if not specs:
        raise RunError("no pipelines to compare", cure="name at least one spec")
    specs = told_gold([with_oracle(s) for s in specs] if oracle else specs, dataset, cache)
    names = [spec.name for spec in specs]
    if baseline is not None and baseline not in names and oracle_name(baseline) in names:
        baseline = oracle_name(baseline)
    if twice := [name for name in names if names.count(name) > 1]:
        cure = "give each pipeline a name of its own"
        raise RunError(f"two pipelines are named '{twice[0]}'", cure=cure)
    if baseline is not None and baseline not in names:
        cure = did_you_mean(baseline, names)
        raise RunError(f"no pipeline '{baseline}'", where="baseline", cure=cure)
    started = time.perf_counter()
    now, code = datetime.now(UTC).isoformat(timespec="seconds"), code_revision()
    executor = Executor(dataset, cache, results)
    plan = executor.plan(specs)
    records = executor.run(plan)
    latencies = {s.name: measure_latency(s, dataset, cache, latency) for s in specs if latency}
    explanations = {
        key: explain_ranking(record, dataset, cache, explain)
        for key, record in records.items()
        if record.stage.role == "ranker"
    }
    found = {}
    for spec in specs:
        stages = {role: records[key] for role, key in plan.chains[spec.name].items()}
        retrieved = stages["retriever"].hits or {}
        ranked = stages["ranker"].hits or {} if "ranker" in stages else retrieved
        answers = stages["reader"].answers if "reader" in stages else None
        costs = tuple(stage_cost(r, _sharers(plan, r, spec.name)) for r in stages.values())
        found[spec.name] = PipelineResult(
            spec,
            retrieved,
            ranked,
            answers,
            costs,
            latencies.get(spec.name),
            explanations.get(plan.chains[spec.name].get("ranker", ""), {}),
        )
    return Comparison(
        name or dataset.name,
        dataset.questions.questions,
        dataset.qrels,
        found,
        tuple(row for result in found.values() for row in score(result, dataset)),
        _shown_passages(found, dataset),
        baseline or names[0],
        make_manifest(
            specs,
            dataset,
            code=code,
            started=now,
            seconds=time.perf_counter() - started,
            settings={"latency": latency},
        ),
    )


def score(result: PipelineResult, dataset: Dataset) -> list[MetricRow]:
    """All per-question rows of one pipeline."""
    questions = dataset.questions.questions
    finder = AnswerFinder(dataset.corpus, dataset.matching)
    name, ranker = result.spec.name, result.spec.ranker
    depth = {"retrieved": result.spec.retriever.k}
    depth["ranked"] = ranker.k if ranker else depth["retrieved"]
    rows: list[MetricRow] = []
    stages: tuple[tuple[Stage, Mapping[str, list[Hit]]], ...] = (
        ("retrieved", result.retrieved),
        ("ranked", result.ranked),
    )
    for stage, hits in stages:
        rows += score_hits(name, stage, questions, hits, finder, dataset.qrels, depth=depth[stage])
    if result.answers is not None:
        said, read = result.answers, result.ranked
        rows += score_answers(name, questions, said, read, finder, dataset.matching)
    return rows


def _sharers(plan: Plan, record: StageRecord, name: str) -> tuple[str, ...]:
    return tuple(other for other in plan.shared_by(record.key) if other != name)


def _shown_passages(results: Mapping[str, PipelineResult], dataset: Dataset) -> dict[str, Passage]:
    wanted: dict[str, None] = {}
    for result in results.values():
        for hits in (*result.retrieved.values(), *result.ranked.values()):
            wanted.update(dict.fromkeys(hit.passage_id for hit in hits[:SHOWN]))
        for answer in (result.answers or {}).values():
            if answer.passage_id is not None:
                wanted[answer.passage_id] = None
    for gold in (dataset.qrels or {}).values():
        wanted.update(dict.fromkeys(gold))
    return {passage_id: dataset.corpus.get(passage_id) for passage_id in wanted}
