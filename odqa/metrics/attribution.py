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
    for word. Otherwise the first stage after which no passage holds an accepted answer lost the
    question. Questions without accepted answers and pipelines without reader have no outcome.
    """
    needed: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row.metric in _NEEDED:
            needed.setdefault((row.pipeline, row.question_id), {})[row.metric] = row.value
    result: dict[str, dict[str, Outcome]] = {}
    for (pipeline, question), values in needed.items():
        if len(values) == len(_NEEDED):
            result.setdefault(pipeline, {})[question] = _outcome(*(values[n] for n in _NEEDED))
    return result


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


def responsible(found: Sequence[Difference]) -> Mapping[tuple[Change, str], int]:
    """(change, stage) -> how many questions, most frequent first."""
    return dict(Counter((each.change, each.stage) for each in found).most_common())


def _outcome(em: float, retrieved: float, ranked: float) -> Outcome:
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
