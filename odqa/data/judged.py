"""Judgements beside the questions and passages that they name: what does not fit is counted."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from odqa.data.corpus import Corpus
from odqa.data.qrels import Qrels
from odqa.data.questions import QuestionSet
from odqa.errors import DataError

_LOG = logging.getLogger(__name__)
_BELONG = "check that both files belong together"


def of_questions(qrels: Qrels, questions: QuestionSet, where: str, name: str) -> Qrels:
    """The judgements of these questions; a warning counts the others.

    Args:
        where: the place of the judgements, for messages.
        name: how the spec calls the questions.

    Raises:
        DataError: they judge none of the questions.
    """
    used = {q.id: qrels[q.id] for q in questions if q.id in qrels}
    if not used:
        raise DataError(
            f"none of its {len(qrels)} questions is in {name}", where=where, cure=_BELONG
        )
    if len(used) < len(qrels):
        extra = [question for question in qrels if question not in used]
        message = "%s: %d judged questions are not in %s and are left out: %s"
        _LOG.warning(message, where, len(extra), name, _first(extra))
    return used


def check_passages(qrels: Qrels, corpus: Corpus, where: str, name: str) -> None:
    """Warn of judged passages that the corpus lacks, as those of CACM and BEIR's ArguAna do.

    They keep their place among the relevant ones, as in trec_eval: no pipeline can find them.

    Raises:
        DataError: the corpus has none of the judged passages.
    """
    judged = list(dict.fromkeys(passage for grades in qrels.values() for passage in grades))
    rows = corpus.find(judged)
    unknown = [passage for passage, row in zip(judged, rows, strict=True) if row is None]
    if len(unknown) == len(judged):
        raise DataError(
            f"none of its {len(judged)} judged passages is in the corpus {name}, "
            f"the first is '{judged[0]}'",
            where=where,
            cure=_BELONG,
        )
    if unknown:
        message = (
            "%s: %d of %d judged passages are not in the corpus %s; "
            "they count as not retrieved, as in trec_eval: %s"
        )
        _LOG.warning(message, where, len(unknown), len(judged), name, _first(unknown))


def shared_ids(questions: QuestionSet, corpus: Corpus) -> int:
    """How many questions have the id of a passage, as every one of BEIR's ArguAna and Quora."""
    return sum(row is not None for row in corpus.find([question.id for question in questions]))


def _first(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
