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

_NEEDED = ("em", "retrieved_oracle", "ranked_oracle")


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one question in two pipelines.

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

    A right answer counts as answered wherever it came from, also when no passage holds it word
    for word. Otherwise the first slot after which no passage holds an accepted answer lost the
    question (`lost_by` tells the stage); without a retriever, the reader. Questions without
    accepted answers and pipelines without reader have no outcome.
    """
    needed: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row.metric in _NEEDED:
            needed.setdefault((row.pipeline, row.question_id), {})[row.metric] = row.value
    with_hits = {pipeline for (pipeline, _), values in needed.items() if len(values) > 1}
    result: dict[str, dict[str, Outcome]] = {}
    for (pipeline, question), values in needed.items():
        if len(values) == len(_NEEDED):
            result.setdefault(pipeline, {})[question] = _outcome(*(values[n] for n in _NEEDED))
        elif pipeline not in with_hits and "em" in values:
            result.setdefault(pipeline, {})[question] = _outcome(values["em"], True, True)
    return result


def lost_by(
    held: Mapping[str, float], inputs: Mapping[str, Sequence[str]], last: str
) -> tuple[str, ...]:
    """The stages that lost a question; none where a passage of the last one holds an answer.

    A stage lost it that got a passage with an accepted answer and gave none, or that had the whole
    corpus and gave none. Of a fusion whose members all gave none, those are asked that feed it.

    Args:
        held: stage -> whether one of its passages holds an accepted answer.
        inputs: stage -> those of the stages that feed it which give passages too.
        last: the stage whose passages are read.
    """
    if held.get(last):
        return ()
    sources = inputs.get(last, ())
    if not sources or any(held.get(source) for source in sources):
        return (last,)
    return tuple(dict.fromkeys(s for source in sources for s in lost_by(held, inputs, source)))


def loss_table(rows: Iterable[MetricRow]) -> dict[str, dict[Outcome, int]]:
    """Pipeline -> outcome -> how many questions; every outcome is there, also with 0."""
    return {
        pipeline: {outcome: counts[outcome] for outcome in OUTCOMES}
        for pipeline, each in outcomes(rows).items()
        for counts in [Counter(each.values())]
    }


def differences(rows: Iterable[MetricRow], baseline: str, candidate: str) -> list[Difference]:
    """Every question of two pipelines, in the order of the baseline's rows.

    Raises:
        RunError: one of them has no outcomes (no reader, or no accepted answers).
    """
    known = outcomes(rows)
    for name in (baseline, candidate):
        if name not in known:
            raise RunError(
                f"no questions of pipeline '{name}' can be attributed",
                cure="it needs a reader and questions with accepted answers",
            )
    ours, theirs = known[candidate], known[baseline]
    return [_difference(q, theirs[q], ours[q]) for q in theirs if q in ours]


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
