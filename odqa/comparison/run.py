"""Run pipelines over a dataset and score every question."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from odqa.cache import Cache
from odqa.comparison.baselines import as_names, check_baselines
from odqa.comparison.costs import StageCost, stage_cost
from odqa.comparison.judge import judge_rows
from odqa.comparison.manifest import code_revision, make_manifest
from odqa.comparison.pipeline_result import PipelineResult
from odqa.comparison.result import Comparison
from odqa.comparison.score import Scorer, check_data
from odqa.data.dataset import Dataset
from odqa.errors import RunError
from odqa.execution.ceilings import (
    OracleStage,
    ceiling_name,
    rename_ceilings,
    with_gold,
    with_oracle,
)
from odqa.execution.executor import Executor
from odqa.execution.explain import QUESTIONS, Explanations, explain_ranking
from odqa.execution.latency import Latency, cached_latency
from odqa.execution.plan import Plan
from odqa.execution.record import StageRecord
from odqa.metrics.measures import parse_measures
from odqa.spec.factors import Grid
from odqa.spec.judge import JudgeConfig
from odqa.spec.pipeline import PipelineSpec
from odqa.types import Hit, Passage

#: Per question and slot, of how many passages the result keeps the text.
SHOWN_PASSAGES = 10


def run_comparison(
    specs: Sequence[PipelineSpec],
    dataset: Dataset,
    cache: Cache,
    *,
    name: str | None = None,
    baseline: str | Sequence[str] | None = None,
    latency: int = 0,
    results: Cache | None = None,
    oracle: OracleStage | None = None,
    explain: int = QUESTIONS,
    metrics: Sequence[str] = (),
    grid: Grid | None = None,
    judge: JudgeConfig | None = None,
) -> Comparison:
    """Run all pipelines, shared prefixes once, and score them.

    Args:
        latency: over how many questions to measure one-at-a-time latency; 0 leaves it out.
        explain: for how many questions to keep explanations of rankers; 0: none.
        baseline: the pipeline (or several) the others are tested against; by default the first.
        results: the cache for results of stages, by default ``cache``; an empty one reuses none.
        oracle: ``"retriever"`` feeds gold passages to the later stages of every pipeline.
        metrics: names of `odqa.metrics.measures`, in the order of columns and of importance: the
            first decides. Without any, the usual ones.
        grid: which levels of which factors the pipelines have, where they are those of a grid.
        judge: a language model that judges answers: the metric ``judge``.

    Raises:
        RunError: no pipelines, two of one name, an unknown baseline or metric, an oracle or a
            metric without the qrels or answers that it needs.
        OdqaError: an error of a component; what was computed before stays in the cache.
    """
    if not specs:
        raise RunError("no pipelines to compare", cure="name at least one spec")
    names = [spec.name for spec in specs]
    specs = rename_ceilings([with_oracle(s) for s in specs] if oracle else specs)
    if grid is not None:
        grid = grid.renamed(dict(zip(names, (spec.name for spec in specs), strict=True)))
    baselines = _check_pipelines(specs, dataset, as_names(baseline))
    measures = parse_measures(metrics)
    check_data(measures, dataset, judge)
    specs = with_gold(specs, dataset, cache)
    started = time.perf_counter()
    started_at, code = datetime.now(UTC).isoformat(timespec="seconds"), code_revision()
    executor = Executor(dataset, cache, results)
    plan = executor.plan(specs)
    records = executor.run(plan)
    latencies = {
        s.name: cached_latency(s, dataset, cache, latency, keys=plan.keys[s.name], results=results)
        for s in specs
        if latency
    }
    pipeline_results = {}
    for spec in specs:
        stages = {stage: records[key] for stage, key in plan.keys[spec.name].items()}
        pipeline_results[spec.name] = _result(
            spec,
            stages,
            tuple(
                stage_cost(record, _sharers(plan, record, spec.name), stage)
                for stage, record in stages.items()
            ),
            latencies.get(spec.name),
            _explanations(spec, stages, dataset, cache, explain),
        )
    scorer = Scorer(dataset, measures)
    rows = [row for result in pipeline_results.values() for row in scorer.rows(result)]
    settings: dict[str, object] = {"latency": latency}
    settings |= {"metrics": list(measures.columns)} if metrics else {}
    settings |= {"baselines": list(baselines)} if len(baselines) > 1 else {}
    if judge is not None:
        judged, spent = judge_rows(judge, dataset.questions.questions, pipeline_results, cache)
        rows += judged
        settings |= {
            "judge": judge.model_dump(mode="json", exclude_defaults=True),
            "judging": spent,
        }
    return Comparison(
        name or dataset.name,
        dataset.questions.questions,
        dataset.qrels,
        pipeline_results,
        tuple(rows),
        _shown_passages(pipeline_results, dataset),
        baselines[0],
        make_manifest(
            specs,
            dataset,
            code=code,
            started=started_at,
            seconds=time.perf_counter() - started,
            stages={
                "of pipelines": sum(len(spec.stages) for spec in specs),
                "run": len(plan.nodes),
            },
            settings=settings,
            sources=_sources(plan),
            grid=grid,
        ),
    )


def _sources(plan: Plan) -> dict[str, dict[str, str]]:
    """Content hashes of the files that stages name, and the commits of those from the hub."""
    from odqa.checkpoints.hub import commit_of

    digests: dict[str, str] = {}
    for node in plan.nodes:
        digests |= cast(Mapping[str, str], node.identity["sources"])
    names = [name for name in digests if not name.startswith("embedded:")]
    # What is a path is in no cache of the hub.
    commits = {name: commit_of(name) for name in names if not Path(name).exists()}
    return {
        name: {"content": digest, **({"commit": commit} if (commit := commits.get(name)) else {})}
        for name, digest in digests.items()
    }


def _check_pipelines(
    specs: Sequence[PipelineSpec], dataset: Dataset, baselines: Sequence[str]
) -> tuple[str, ...]:
    """Check that the pipelines can be compared on this dataset; the names of the baselines.

    Raises:
        RunError: two pipelines of one name, no such baseline, nothing to retrieve from.
    """
    names = [spec.name for spec in specs]
    if duplicates := [name for name in names if names.count(name) > 1]:
        cure = "give each pipeline a name of its own"
        raise RunError(f"two pipelines are named '{duplicates[0]}'", cure=cure)
    for spec in specs:
        if spec.retriever is not None and not len(dataset.corpus):
            raise RunError(
                f"pipeline '{spec.name}' retrieves, and there is no corpus",
                where=f"data {dataset.name}",
                cure="name one (--corpus, or data.corpus of a benchmark), or say retriever: null",
            )
    chosen = [
        ceiling_name(name) if name not in names and ceiling_name(name) in names else name
        for name in baselines
    ]
    check_baselines(chosen, names)
    return tuple(chosen) or (names[0],)


def _result(
    spec: PipelineSpec,
    stages: Mapping[str, StageRecord],
    costs: tuple[StageCost, ...],
    latency: Latency | None,
    explanations: Explanations,
) -> PipelineResult:
    graph = spec.graph
    hits = {node.id: stages[node.id].hits for node in graph.with_hits}
    nothing: Mapping[str, list[Hit]] = {}
    return PipelineResult(
        spec,
        nothing if graph.retrieved is None else hits[graph.retrieved],
        nothing if graph.ranked is None else hits[graph.ranked],
        None if graph.answers is None else stages[graph.answers].answers,
        costs,
        latency,
        explanations,
        {
            key: inner_hits
            for key, inner_hits in hits.items()
            if key not in (graph.retrieved, graph.ranked)
        },
        {node.id: stages[node.id].texts for node in graph.nodes if node.role == "rewriter"},
    )


def _explanations(
    spec: PipelineSpec,
    stages: Mapping[str, StageRecord],
    dataset: Dataset,
    cache: Cache,
    questions: int,
) -> Explanations:
    """Explanations of the ranker whose hits leave the ranker's slot."""
    last = spec.graph.ranked
    if last is None or stages[last].stage.role != "ranker":
        return {}
    return explain_ranking(stages[last], dataset, cache, questions)


def _sharers(plan: Plan, record: StageRecord, name: str) -> tuple[str, ...]:
    return tuple(other for other in plan.shared_by(record.key) if other != name)


def _shown_passages(results: Mapping[str, PipelineResult], dataset: Dataset) -> dict[str, Passage]:
    ids: dict[str, None] = {}
    for result in results.values():
        for hits in (*result.retrieved.values(), *result.ranked.values()):
            ids.update(dict.fromkeys(hit.passage_id for hit in hits[:SHOWN_PASSAGES]))
        for answer in (result.answers or {}).values():
            if answer.passage_id is not None:
                ids[answer.passage_id] = None
    passages = {passage_id: dataset.corpus.get(passage_id) for passage_id in ids}
    gold = list(dict.fromkeys(p for grades in (dataset.qrels or {}).values() for p in grades))
    # The corpus may lack judged passages.
    for passage_id, row in zip(gold, dataset.corpus.find(gold), strict=True):
        if row is not None and passage_id not in passages:
            passages[passage_id] = dataset.corpus[row]
    return passages
