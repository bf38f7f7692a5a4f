"""What the framework adds to a pipeline: odqa's run against a bare script with the same calls.

``python -m eval.speed.overhead [--pipeline embedded/sbert-colbert] [--repetitions 5]``

Both sides are whole processes over the embedded questions, with all offline work in a cache made
before; they take turns. The bare side makes the components and calls their own methods in batches,
one after the other, and keeps nothing. odqa's side runs the same by a plan: keys, contract, records
on disk, costs. Scores, statistics and the report are no part of either.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import odqa

SIDES = ("bare", "odqa")


def side(name: str, pipeline: str, cache_folder: Path) -> None:
    """One side, in this process; prints the wall seconds of its online calls."""
    from odqa.execution.pipeline import Pipeline
    from odqa.spec.datasets import open_dataset

    cache = odqa.Cache(cache_folder)
    data = open_dataset("embedded", cache)
    if name == "odqa":
        from odqa.execution.executor import Executor
        from odqa.spec.pipeline import load_pipeline

        executor = Executor(data, cache, odqa.Cache(enabled=False))
        plan = executor.plan([load_pipeline(pipeline)])
        records = executor.run(plan)
        online = sum(record.online.seconds for record in records.values())
    else:
        bare = Pipeline.from_spec(pipeline)
        bare.prepare(data.corpus, cache)
        queries = [question.query for question in data.questions]
        started = time.perf_counter()
        hits: list[list[odqa.Hit]] = []
        for node in bare.spec.graph.nodes:
            component, size = bare.components[node.id], bare.components[node.id].questions_per_call
            parts = [slice(start, start + size) for start in range(0, len(queries), size)]
            if node.role == "retriever":
                hits = [
                    h for part in parts for h in component.retrieve(queries[part], node.stage.k)
                ]
            elif node.role == "ranker":
                hits = [h for part in parts for h in _ranked(component, queries[part], hits[part])]
            else:
                for part in parts:
                    component.read(queries[part], hits[part])
        online = time.perf_counter() - started
    sys.stdout.write(json.dumps({"online": online}) + "\n")


def _ranked(ranker: Any, queries: list[Any], hits: list[list[odqa.Hit]]) -> list[list[odqa.Hit]]:
    """A ranker's own order, the incoming score added as a script would."""
    alpha, k = ranker.config.alpha, ranker.config.k
    before = [{hit.passage_id: hit.score for hit in given} for given in hits]
    ranked = ranker.rank(queries, hits, max(map(len, hits)))
    mixed = [
        [odqa.Hit(h.passage_id, h.score + alpha * scores[h.passage_id]) for h in own]
        for own, scores in zip(ranked, before, strict=True)
    ]
    return [sorted(each, key=lambda hit: -hit.score)[:k] for each in mixed]


def timed(name: str, pipeline: str, cache: Path) -> dict[str, float]:
    """Wall and CPU seconds of a whole process, and the seconds of its online calls."""
    words = ["-m", "eval.speed.overhead", "--side", name, "--pipeline", pipeline]
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words, "--cache", str(cache)], capture_output=True, text=True, check=True
    )
    wall, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return {"wall": wall, "cpu": cpu, **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    """Measure, and print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", default="embedded/sbert-colbert")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--cache", type=Path)
    args = parser.parse_args()
    if args.side:
        side(args.side, args.pipeline, args.cache)
        return
    with tempfile.TemporaryDirectory() as folder:
        cache = args.cache or Path(folder)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIDES}
        for turn in range(args.repetitions + 1):
            for name in SIDES if turn % 2 else SIDES[::-1]:
                figures = timed(name, args.pipeline, cache)
                if turn:  # the first turn fills the cache
                    runs[name].append(figures)
    for what in ("wall", "cpu", "online"):
        bare, ours = (statistics.median(run[what] for run in runs[name]) for name in SIDES)
        ratios = [a[what] / b[what] for a, b in zip(runs["odqa"], runs["bare"], strict=True)]
        spread = f"{statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]"
        sys.stdout.write(f"{what} s: bare {bare:.2f}, odqa {ours:.2f}, ratio {spread}\n")


if __name__ == "__main__":
    main()
