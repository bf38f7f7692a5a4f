"""Many threads on one prepared pipeline get what one gets, and closing it is safe."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from odqa.errors import ComponentError
from odqa.execution.pipeline import Pipeline, PipelineOutput
from odqa.types import Query

THREADS, CALLS = 8, 4


def contents(output: PipelineOutput) -> tuple[Any, ...]:
    """All but the times."""
    return output.retrieved, output.ranked, output.answers, dict(output.stages)


def at_once(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """Results of work in so many threads, which begin together."""
    barrier = Barrier(threads)

    def begin(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))


def test_threads_get_what_one_gets(pipeline_name: str, world: Any) -> None:
    pipeline = world.pipeline(pipeline_name)
    alone = [contents(pipeline.run([question])) for question in world.questions]

    def ask(number: int) -> list[bool]:
        order = random.Random(number).sample(range(len(alone)), CALLS)
        return [contents(pipeline.run([world.questions[n]])) == alone[n] for n in order]

    assert at_once(ask) == [[True] * CALLS] * THREADS
    pipeline.close()


def test_threads_may_prepare_at_once(pipeline_name: str, world: Any) -> None:
    question = world.questions[0]
    prepared = world.pipeline(pipeline_name)
    expected = contents(prepared.run([question]))
    pipeline = Pipeline(prepared.spec)

    def begin(_: int) -> bool:
        pipeline.prepare(world.corpus, world.cache)
        return contents(pipeline.run([question])) == expected

    assert at_once(begin) == [True] * THREADS
    # Pipelines of their own load the same checkpoints at the same time.
    assert at_once(lambda _: contents(world.pipeline(pipeline_name).run([question])), 3) == (
        [expected] * 3
    )


def test_closing_waits_for_calls_and_ends_later_ones(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = world.pipeline("sentence-extractive")
    retriever = pipeline.components["sentence"]
    retrieve, inside, go_on = retriever.retrieve, Event(), Event()

    def slow(queries: list[Query], k: int) -> Any:
        inside.set()
        assert go_on.wait(60)
        return retrieve(queries, k)

    expected = contents(pipeline.run(world.questions[:1]))
    monkeypatch.setattr(retriever, "retrieve", slow)
    with ThreadPoolExecutor(2) as pool:
        call = pool.submit(pipeline.run, world.questions[:1])
        assert inside.wait(60)
        closing = pool.submit(pipeline.close)
        assert not closing.done()
        go_on.set()
        assert contents(call.result(60)) == expected
        closing.result(60)
    with pytest.raises(ComponentError, match="sentence: not prepared; call prepare first"):
        pipeline.run(world.questions[:1])
