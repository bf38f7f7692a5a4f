"""What decides no result: threads, batches, the order of questions, what was asked before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from odqa.execution.call import Output
from odqa.execution.pipeline import PipelineOutput
from odqa.types import Answer, Hit

#: Products of other sizes are summed in another order.
RELATIVE, ABSOLUTE = 1e-5, 1e-6


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def rows(output: PipelineOutput) -> list[dict[str, Output]]:
    """What every stage gave, question by question."""
    by_stage = output.stages.items()
    return [{stage: values[n] for stage, values in by_stage} for n in range(len(output.retrieved))]


def assert_same(actual: Sequence[dict[str, Output]], expected: Sequence[dict[str, Output]]) -> None:
    """The same texts, passages in the same order and answers; scores as near as promised."""
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for stage, output in theirs.items():
            assert _names(ours[stage]) == _names(output), stage
            assert _scores(ours[stage]) == pytest.approx(
                _scores(output), rel=RELATIVE, abs=ABSOLUTE
            ), stage


def _names(output: Output) -> Any:
    if isinstance(output, Answer):
        return output.text, output.passage_id, output.start, output.end
    return [item.passage_id if isinstance(item, Hit) else item for item in output]


def _scores(output: Output) -> list[float]:
    if isinstance(output, Answer):
        return [output.score]
    return [item.score for item in output if isinstance(item, Hit)]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("batch_size", [1, 64])
def test_threads_batches_and_order_decide_nothing(
    pipeline_name: str, batch_size: int, world: Any
) -> None:
    questions = world.questions
    torch.set_num_threads(1)
    pipeline = world.pipeline(pipeline_name)
    expected = rows(pipeline.run(questions))
    torch.set_num_threads(2)
    other = world.pipeline(pipeline_name, batch_size=batch_size)
    assert_same(rows(other.run(questions[::-1]))[::-1], expected)
    assert_same([rows(other.run([question]))[0] for question in questions], expected)


def test_a_call_gives_the_same_bits_whatever_came_before(pipeline_name: str, world: Any) -> None:
    question = world.questions[3:4]
    fresh = world.pipeline(pipeline_name)
    first = fresh.run(question)
    fresh.run(world.questions)
    assert rows(fresh.run(question)) == rows(first)
    again = world.pipeline(pipeline_name)
    again.run(world.questions[::-1])
    assert rows(again.run(question)) == rows(first)
