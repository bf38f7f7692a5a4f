"""Hard negatives: passages that a retriever ranks high and that do not answer the question."""

from __future__ import annotations

from collections.abc import Sequence

from odqa.metrics.has_answer import has_answer
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import TrainingData
from odqa.types import Hit


def filter_false_negatives(
    data: TrainingData,
    labelled: LabelledQuestion,
    hits: Sequence[Hit],
    *,
    with_answers: bool = False,
) -> list[str]:
    """Ids of hits that are neither a gold passage nor hold an accepted answer, in their order.

    Gold annotations name one passage; others that answer the question would be false negatives
    (Karpukhin et al. 2020, section 4.2; Qu et al. 2021, RocketQA). Title and text are looked at.
    The same question may be asked several times, with other contexts and other answers (NQ-Swap
    does so): what is gold for one of them is no negative of the others.

    Args:
        data: where the hits are looked up.
        labelled: whose negatives.
        hits: candidates; those that ``data`` does not have are left out.
        with_answers: keep passages that hold an accepted answer, but are no gold passage.
    """
    passages = data.passages
    gold_ids = {labelled.gold_id, *data.gold_ids(labelled.question)}
    return [
        hit.passage_id
        for hit in hits
        if hit.passage_id not in gold_ids
        and hit.passage_id in passages
        and (
            with_answers
            or not has_answer(passages[hit.passage_id].full_text, labelled.question.answers)
        )
    ]
