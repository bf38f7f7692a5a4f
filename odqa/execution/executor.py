"""Run the nodes of a plan, each once; results of earlier runs are read from the cache."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from odqa.cache import Cache, content_key
from odqa.data.dataset import Dataset
from odqa.execution.call import Feed, Output, call_stage, queries_of
from odqa.execution.components import make_component, stage_sources
from odqa.execution.cost import cost_of
from odqa.execution.plan import Node, Plan, make_plan, running
from odqa.execution.record import (
    Batch,
    StageRecord,
    drop_batches,
    read_batch,
    read_batches,
    write_batch,
)
from odqa.interfaces import Component, Cost, Stored
from odqa.meters.meter import NOTHING, Meter, Spent
from odqa.progress import progress
from odqa.registry import ROLES
from odqa.spec.pipeline import PipelineSpec
from odqa.spec.stage import StageSpec
from odqa.types import Question

_LOG = logging.getLogger(__name__)

#: Over how many questions the analytic cost is averaged.
COST_SAMPLE = 16


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An open component, the cost of its first preparation, and whether an earlier run paid it.

    ``load_seconds``: of that preparation, what went into imports and weights; `None`: an earlier
    version prepared it, which counted them as offline work.
    """

    component: Component[Any]
    offline: Spent
    reused: bool
    load_seconds: float | None


class Executor:
    """Runs plans on one dataset, keeping a component open while later nodes need it.

    Args:
        cache: of offline work, and of results of stages.
        results: another cache for results of stages; an empty one reuses none.
    """

    def __init__(self, dataset: Dataset, cache: Cache, results: Cache | None = None) -> None:
        self.dataset = dataset
        self.cache = cache
        self.results = results or cache
        self._open: dict[str, _Prepared] = {}

    def plan(self, specs: Sequence[PipelineSpec]) -> Plan:
        """What has to run for these pipelines on this dataset.

        Raises:
            OdqaError: a checkpoint that a spec names is not available.
        """
        data = self.dataset
        return make_plan(
            specs,
            data.corpus.fingerprint,
            data.questions.fingerprint,
            lambda stage: stage_sources(stage, self.cache),
        )

    def run(self, plan: Plan) -> dict[str, StageRecord]:
        """All records by node key.

        Raises:
            OdqaError: as components raise it; finished batches stay in the cache.
        """
        waiting = Counter(_component_key(node.stage) for node in plan.nodes)
        records: dict[str, StageRecord] = {}
        try:
            for node in plan.nodes:
                records[node.key] = self._run_node(node, [records[key] for key in node.inputs])
                key = _component_key(node.stage)
                waiting[key] -= 1
                if not waiting[key] and key in self._open:
                    self._open.pop(key).component.close()
        finally:
            for prepared in self._open.values():
                prepared.component.close()
            self._open.clear()
        return records

    def _run_node(self, node: Node, inputs: Sequence[StageRecord]) -> StageRecord:
        questions = self.dataset.questions.questions
        reused = offline_reused = True

        def build(work: Path) -> None:
            nonlocal reused, offline_reused
            prepared = self._prepared(node.stage)
            offline_reused = prepared.reused
            reused = self._run_batches(node, prepared.component, questions, inputs, work) > 0
            facts = self._facts(node.stage, prepared, questions, inputs)
            (work / "stage.json").write_text(json.dumps(facts), encoding="utf-8")

        folder = self.results.artifact("stages", node.identity, build)
        facts = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
        online = NOTHING
        rows: dict[str, Output] = {}
        for batch in read_batches(folder):
            online += batch.spent
            rows.update(batch.rows)
        counts = {} if online.usage is None else online.usage.counts
        return StageRecord(
            node.stage,
            node.key,
            rows,
            online,
            reused,
            # Stages of earlier versions hold only the seconds.
            Spent.from_dict(facts.get("offline") or {"seconds": facts["offline_seconds"]}),
            offline_reused,
            facts["parameters"],
            facts["gflop"],
            tuple(Stored(name, size) for name, size in facts["stored"]),
            {**facts["facts"], **{name: str(count) for name, count in counts.items()}},
            facts.get("load_seconds"),
        )

    def _prepared(self, stage: StageSpec) -> _Prepared:
        """The component and its offline cost: that of the artifacts that it builds or reuses.

        What is left of the preparation is loading: imports, weights, opening what was built. No
        waiting for another process that built them is in either.
        """
        key = _component_key(stage)
        if key in self._open:
            return self._open[key]
        component = make_component(stage)
        _LOG.info("prepare %s '%s'", stage.role, stage.type)
        n_reused, n_resumed = len(self.cache.reused), len(self.cache.resumed)
        built, waited = self.cache.building, self.cache.waited
        with Meter() as meter:
            component.prepare(self.dataset.corpus, self.cache)
        building = self.cache.building - built
        own = replace(meter.spent, seconds=building)
        earlier = [*self.cache.reused[n_reused:], *self.cache.resumed[n_resumed:]]
        spent = sum(earlier, own)
        waiting = self.cache.waited - waited
        load_seconds = max(0.0, meter.spent.seconds - building - waiting)
        self._open[key] = self._remember_offline(stage, component, spent, load_seconds)
        return self._open[key]

    def _remember_offline(
        self, stage: StageSpec, component: Component[Any], spent: Spent, load_seconds: float
    ) -> _Prepared:
        """With the cost of the first preparation on this corpus, maybe that of an earlier run."""
        identity = {
            "stage": _prepare_identity(stage),
            "sources": dict(component.sources(self.cache)),
            "corpus": self.dataset.corpus.fingerprint,
            **running(stage),
        }
        reused = True

        def build(work: Path) -> None:
            nonlocal reused
            reused = False
            costs = {**spent.to_dict(), "load_seconds": load_seconds}
            (work / "spent.json").write_text(json.dumps(costs), encoding="utf-8")

        folder = self.cache.artifact("prepare-spent", identity, build)
        first = json.loads((folder / "spent.json").read_text(encoding="utf-8"))
        return _Prepared(component, Spent.from_dict(first), reused, first.get("load_seconds"))

    def _run_batches(
        self,
        node: Node,
        component: Component[Any],
        questions: Sequence[Question],
        inputs: Sequence[StageRecord],
        work: Path,
    ) -> int:
        """Run the batches that are missing; returns how many an earlier run had finished."""
        n_reused = 0
        size = max(1, component.questions_per_call)
        starts = range(0, len(questions), size)
        name = f"{node.stage.role} {node.stage.type}"
        for number, start in enumerate(progress(starts, name, len(starts), "batch")):
            batch_questions = questions[start : start + size]
            batch = read_batch(work, number, of_unfinished=True)
            # Another version may have had another batch size.
            if batch is not None and list(batch.rows) == [
                question.id for question in batch_questions
            ]:
                n_reused += 1
                continue
            feeds = [
                Feed(record.stage, [record.rows[q.id] for q in batch_questions])
                for record in inputs
            ]
            with Meter() as meter:
                outputs = call_stage(node.stage, component, batch_questions, feeds)
            rows = {q.id: output for q, output in zip(batch_questions, outputs, strict=True)}
            write_batch(work, number, Batch(meter.spent, rows))
        drop_batches(work, len(starts))
        return n_reused

    def _facts(
        self,
        stage: StageSpec,
        prepared: _Prepared,
        questions: Sequence[Question],
        inputs: Sequence[StageRecord],
    ) -> dict[str, Any]:
        component = prepared.component
        step = max(1, len(questions) // COST_SAMPLE)
        sample = questions[::step][:COST_SAMPLE]
        takes_hits = ROLES[stage.role].takes == "hits" and inputs
        hits = inputs[0].hits if takes_hits else {}
        feeds = [Feed(each.stage, [each.rows[q.id] for q in sample]) for each in inputs]
        queries, owners = queries_of(stage, sample, [] if takes_hits else feeds)
        costs = [
            cost_of(stage, component, query, hits.get(sample[owner].id, ()))
            for query, owner in zip(queries, owners, strict=True)
        ]
        return {
            "offline": prepared.offline.to_dict(),
            "load_seconds": prepared.load_seconds,
            "parameters": max((c.parameters for c in costs), default=0),
            "gflop": _mean_gflop(costs, len(sample)),
            "stored": [[item.name, item.bytes] for item in component.stored()],
            "facts": dict(component.describe()),
        }


def _mean_gflop(costs: Sequence[Cost], questions: int) -> float | None:
    """Of each of so many questions, which may have been asked in several texts."""
    gflops = [c.gflop for c in costs if c.gflop is not None]
    return sum(gflops) / len(gflops) * len(costs) / questions if gflops else None


def _prepare_identity(stage: StageSpec) -> dict[str, Any]:
    # Neither the number of passages that a stage returns nor what is added to its scores affects
    # what its component prepares.
    identity = stage.identity()
    config = {k: value for k, value in identity["config"].items() if k not in ("k", "alpha")}
    return {"role": stage.role, **identity, "config": config}


def _component_key(stage: StageSpec) -> str:
    return content_key({**_prepare_identity(stage), **running(stage)})
