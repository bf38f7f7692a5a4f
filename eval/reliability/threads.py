"""Many threads on one prepared pipeline: is what each gets what one gets, and how long it takes.

Usage: python -m eval.reliability.threads [--threads 32] [--calls 20] [PIPELINE …]

By default over built-in pipelines and the embedded data, whose components ship with odqa.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from odqa.api import open_dataset
from odqa.cache import Cache
from odqa.data.dataset import Dataset
from odqa.execution.pipeline import Pipeline, PipelineOutput

_PIPELINES = (
    *("embedded/bm25-colbert", "embedded/dpr-colbert", "embedded/sbert-cross-encoder"),
    *("embedded/retro-throughout", "embedded/sbert-retro-offline"),
)
_QUESTIONS = 16


def main() -> None:
    """Print one row a pipeline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipelines", nargs="*", default=_PIPELINES)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--calls", type=int, default=20, help="of every thread")
    args = parser.parse_args()
    cache = Cache()
    data = open_dataset("embedded", cache)
    write("| pipeline | calls | other than alone | errors | ms a call alone | in threads |")
    write("|---|---|---|---|---|---|")
    for name in args.pipelines:
        write(f"| {name} | {' | '.join(measured(name, data, cache, args.threads, args.calls))} |")


def write(line: str) -> None:
    """To the terminal, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def contents(output: PipelineOutput) -> tuple[Any, ...]:
    """All but the times."""
    return output.retrieved, output.ranked, output.answers, dict(output.stages)


def measured(name: str, data: Dataset, cache: Cache, threads: int, calls: int) -> list[str]:
    """The cells of a row."""
    questions = data.questions.questions[:_QUESTIONS]
    pipeline, barrier = Pipeline.from_spec(name), Barrier(threads)
    errors: Counter[str] = Counter()

    def prepare(_: int) -> None:
        barrier.wait()
        try:
            pipeline.prepare(data.corpus, cache)
        except Exception as error:
            errors[f"prepare: {type(error).__name__}: {error}"[:80]] += 1

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(prepare, range(threads)))
        started = time.perf_counter()
        alone = [contents(pipeline.run([question])) for question in questions]
        seconds = (time.perf_counter() - started) / len(questions)

        def ask(number: int) -> int:
            barrier.wait()
            other = 0
            for n in random.Random(number).choices(range(len(questions)), k=calls):
                try:
                    other += contents(pipeline.run([questions[n]])) != alone[n]
                except Exception as error:
                    errors[f"{type(error).__name__}: {error}"[:80]] += 1
            return other

        started = time.perf_counter()
        other = sum(pool.map(ask, range(threads)))
        in_threads = (time.perf_counter() - started) / (threads * calls)
    pipeline.close()
    cells = [str(threads * calls), str(other), "; ".join(f"{v} {k}" for k, v in errors.items())]
    return [*cells, f"{1000 * seconds:.0f}", f"{1000 * in_threads:.0f}"]


if __name__ == "__main__":
    main()
