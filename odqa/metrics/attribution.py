"""Where each question was lost: by the retriever, the ranker or the reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from odqa.errors import RunError
from odqa.metrics.rows import MetricRow

Outcome = Literal["retriever miss", "ranker drop", "reader miss", "answered"]
#: In the order in which a question passes through a pipeline.
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

Change = Literal["fixed", "broken", "both right", "both wrong"]

#: What a slot has to hold: all that a question of several hops needs, where it is known, else an
#: accepted answer.
_HELD = {slot: (f"{slot}_all_gold", f"{slot}_oracle") for slot in ("retrieved", "ranked")}
_DECIDING = ("em", *_HELD["retrieved"], *_HELD["ranked"])


@dataclass(frozen=True, slots=True)
class Difference:
    """Outcomes of one question in two pipelines.

    ``stage`` is the stage of the wrong pipeline that lost it: for a fixed question that of the
    baseline, for a broken one that of the candidate, and where both are wrong that of the
    candidate. It is empty where both are right.
    """

    question_id: str
    change: Change
    stage: Literal["retriever", "ranker", "reader", ""]
    baseline: Outcome
    candidate: Outcome


def outcomes(rows: Iterable[MetricRow]) -> dict[str, dict[str, Outcome]]:
    """Pipeline -> question id -> outcome, from the rows of whole pipelines.

    A right answer counts as answered, also when no passage holds it word for word. Otherwise the
    first slot after which no passage holds an accepted answer lost the question (`lost_by` names
    the stage); without a retriever, the reader. A question of several hops is lost by the first
    slot after which not all of its supporting pages are there: one of them does not answer it.
    Questions without accepted answers and pipelines without reader have no outcome.
    """
    by_question: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row.metric in _DECIDING:
            by_question.setdefault((row.pipeline, row.question_id), {})[row.metric] = row.value
    with_hits = {pipeline for (pipeline, _), values in by_question.items() if len(values) > 1}
    result: dict[str, dict[str, Outcome]] = {}
    for (pipeline, question), values in by_question.items():
        retrieved, ranked = (
            next((values[name] for name in names if name in values), None)
            for names in _HELD.values()
        )
        if "em" in values and retrieved is not None and ranked is not None:
            result.setdefault(pipeline, {})[question] = _outcome(values["em"], retrieved, ranked)
        elif pipeline not in with_hits and "em" in values:
            result.setdefault(pipeline, {})[question] = _outcome(values["em"], True, True)
    return result


def lost_by(
    has_answer: Mapping[str, float],
    inputs: Mapping[str, Sequence[str]],
    last: str,
    given: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """The stages that lost a question; none where a passage of the last one holds an answer.

    A stage lost it that got a passage with an accepted answer and gave none, or that had the whole
    corpus and gave none. Where no input of a stage gave one, its inputs are examined the same way.

    Args:
        has_answer: stage -> whether one of its passages holds an accepted answer.
        inputs: stage -> those of its inputs that give passages too.
        last: the stage whose passages are read.
        given: stage -> whether its inputs together held what the question needs, where that is
            more than one of them did.
    """
    if has_answer.get(last):
        return ()
    sources = inputs.get(last, ())
    held = any(has_answer.get(source) for source in sources)
    if not sources or held or (given or {}).get(last):
        return (last,)
    return tuple(
        dict.fromkeys(s for source in sources for s in lost_by(has_answer, inputs, source, given))
    )


def loss_table(rows: Iterable[MetricRow]) -> dict[str, dict[Outcome, int]]:
    """Pipeline -> outcome -> number of questions, 0 included."""
    return {
        pipeline: {outcome: counts[outcome] for outcome in OUTCOMES}
        for pipeline, by_question in outcomes(rows).items()
        for counts in [Counter(by_question.values())]
    }


def differences(rows: Iterable[MetricRow], baseline: str, candidate: str) -> list[Difference]:
    """Every question of two pipelines, in the order of the baseline's rows.

    Raises:
        RunError: one of them has no outcomes (no reader, or no accepted answers).
    """
    by_pipeline = outcomes(rows)
    for name in (baseline, candidate):
        if name not in by_pipeline:
            raise RunError(
                f"no questions of pipeline '{name}' can be attributed",
                cure="it needs a reader and questions with accepted answers",
            )
    candidates, baselines = by_pipeline[candidate], by_pipeline[baseline]
    return [_difference(q, baselines[q], candidates[q]) for q in baselines if q in candidates]


def _outcome(em: float, retrieved: float | bool, ranked: float | bool) -> Outcome:
    if em == 1.0:
        return "answered"
    if ranked:
        return "reader miss"
    return "ranker drop" if retrieved else "retriever miss"


def _difference(question_id: str, baseline: Outcome, candidate: Outcome) -> Difference:
    right = (baseline == "answered", candidate == "answered")
    change: dict[tuple[bool, bool], Change] = {
        (False, True): "fixed",
        (True, False): "broken",
        (True, True): "both right",
        (False, False): "both wrong",
    }
    stages: dict[Outcome, Literal["retriever", "ranker", "reader", ""]] = {
        "retriever miss": "retriever",
        "ranker drop": "ranker",
        "reader miss": "reader",
        "answered": "",
    }
    lost = baseline if right == (False, True) else candidate
    return Difference(question_id, change[right], stages[lost], baseline, candidate)
