"""One online call of one prepared stage: its inputs and its checked outputs.

The only place that knows how each role is called. The incoming score is added here
(`odqa.interfaces.RankerConfig.alpha`), and the hits of several texts for one question are fused
here, so that no component has to do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from odqa import registry
from odqa.execution.contract import check_answers, check_hits, check_texts
from odqa.interfaces import (
    Component,
    Fusion,
    FusionConfig,
    Ranker,
    RankerConfig,
    Reader,
    Retriever,
    Rewriter,
    RewriterConfig,
)
from odqa.ranking import interpolated
from odqa.registry import Role
from odqa.spec.stage import StageSpec
from odqa.types import Answer, Hit, Query, Question

#: What a stage gives for one question: texts to search for, hits, or an answer.
Output = list[str] | list[Hit] | Answer


@dataclass(frozen=True, slots=True)
class Feed:
    """The outputs of a stage that feeds this one, one per question, in order.

    ``stage`` is `None` for values from outside the pipeline.
    """

    stage: StageSpec | None
    values: Sequence[Output]


def call_stage(
    stage: StageSpec,
    component: Component[Any],
    questions: Sequence[Question],
    feeds: Sequence[Feed] = (),
) -> list[Output]:
    """The outputs of a prepared stage for a batch of questions, checked against its contract.

    Args:
        feeds: the outputs of the stages that feed it, in the order of its inputs.

    Raises:
        ComponentError: the component returned something its contract forbids.
    """
    return _CALLS[stage.role](stage, component, questions, feeds)


def queries_of(
    stage: StageSpec, questions: Sequence[Question], feeds: Sequence[Feed]
) -> tuple[Sequence[Query], Sequence[int]]:
    """What a stage that takes queries is asked, of all questions in a row, and whose each one is.

    A text of its own has an id of its own, unless the component is told what belongs to the id.
    """
    visible = _visible(stage, questions)
    if not feeds:
        return visible, range(len(questions))
    queries, owners = [], []
    for owner, (question, texts) in enumerate(zip(visible, feeds[0].values, strict=True)):
        for number, text in enumerate(cast(list[str], texts), start=1):
            is_own = text == question.text or stage.config.sees_answers
            query_id = question.id if is_own else f"{question.id}/{number}"
            queries.append(replace(question, id=query_id, text=text))
            owners.append(owner)
    return queries, owners


def _visible(stage: StageSpec, questions: Sequence[Question]) -> Sequence[Query]:
    """The questions as the component may see them: answers only where it declares that it does."""
    if stage.config.sees_answers:
        return questions
    return [question.query for question in questions]


def _hits(feeds: Sequence[Feed], n: int) -> Sequence[list[Hit]]:
    return cast(Sequence[list[Hit]], feeds[0].values) if feeds else [[] for _ in range(n)]


def _rewrite(
    stage: StageSpec,
    component: Component[Any],
    questions: Sequence[Question],
    feeds: Sequence[Feed],
) -> list[Output]:
    rewriter = cast(Rewriter[Any], component)
    queries, owners = queries_of(stage, questions, feeds)
    texts = rewriter.rewrite(queries)
    check_texts(stage, texts, len(queries))
    merged: list[dict[str, None]] = [{} for _ in questions]
    for owner, query_texts in zip(owners, texts, strict=True):
        merged[owner].update(dict.fromkeys(query_texts))
    return [list(question_texts) for question_texts in merged]


def _retrieve(
    stage: StageSpec,
    component: Component[Any],
    questions: Sequence[Question],
    feeds: Sequence[Feed],
) -> list[Output]:
    retriever = cast(Retriever[Any], component)
    queries, owners = queries_of(stage, questions, feeds)
    hits = retriever.retrieve(queries, stage.k)
    check_hits(stage, hits, queries, stage.k)
    if not feeds:
        return list(hits)
    lists: list[list[list[Hit]]] = [[] for _ in questions]
    for owner, query_hits in zip(owners, hits, strict=True):
        lists[owner].append(query_hits)
    rewriter = feeds[0].stage
    assert rewriter is not None
    fusion = _fusion_of(rewriter, stage.k)
    return [
        of_question[0] if len(of_question) == 1 else fusion.fuse([of_question], stage.k)[0]
        for of_question in lists
    ]


def _fusion_of(rewriter: StageSpec, k: int) -> Fusion[Any]:
    kind = registry.get("fusion", cast(RewriterConfig, rewriter.config).by)
    return cast(Fusion[Any], kind(cast(type[FusionConfig], kind.Config)(k=k)))


def _fuse(
    stage: StageSpec,
    component: Component[Any],
    questions: Sequence[Question],
    feeds: Sequence[Feed],
) -> list[Output]:
    fusion = cast(Fusion[Any], component)
    lists = [cast(Sequence[list[Hit]], feed.values) for feed in feeds]
    by_question = [list(rankings) for rankings in zip(*lists, strict=True)]
    hits = fusion.fuse(by_question, stage.k)
    candidates = [[hit for ranking in rankings for hit in ranking] for rankings in by_question]
    check_hits(stage, hits, questions, stage.k, candidates)
    return list(hits)


def _rank(
    stage: StageSpec,
    component: Component[Any],
    questions: Sequence[Question],
    feeds: Sequence[Feed],
) -> list[Output]:
    ranker, candidates = cast(Ranker[Any], component), _hits(feeds, len(questions))
    alpha = stage.config.alpha if isinstance(stage.config, RankerConfig) else 0.0
    # Any of the incoming hits may be among the best once its incoming score is added.
    k = max(1, *map(len, candidates)) if alpha and candidates else stage.k
    ranked = ranker.rank(_visible(stage, questions), candidates, k)
    check_hits(stage, ranked, questions, k, candidates)
    if not alpha:
        return list(ranked)
    pairs = zip(candidates, ranked, strict=True)
    return [interpolated(incoming, reranked, alpha, stage.k) for incoming, reranked in pairs]


def _read(
    stage: StageSpec,
    component: Component[Any],
    questions: Sequence[Question],
    feeds: Sequence[Feed],
) -> list[Output]:
    reader, hits = cast(Reader[Any], component), _hits(feeds, len(questions))
    answers = reader.read(_visible(stage, questions), hits)
    check_answers(stage, answers, questions, hits)
    return list(answers)


_Call = Callable[[StageSpec, Component[Any], Sequence[Question], Sequence[Feed]], list[Output]]
_CALLS: Mapping[Role, _Call] = {
    "rewriter": _rewrite,
    "retriever": _retrieve,
    "fusion": _fuse,
    "ranker": _rank,
    "reader": _read,
}
