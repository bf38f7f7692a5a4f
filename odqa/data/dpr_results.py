"""DPR's retrieval results: a JSON list of questions with their scored passages (``ctxs``)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from odqa.data.corpus import Corpus
from odqa.data.dpr_questions import json_items
from odqa.data.lines import text_field
from odqa.data.whole_file import whole_file
from odqa.errors import DataError
from odqa.types import Hit, Passage, Question


def read_dpr_results(path: Path) -> list[tuple[str, str | None, str, list[Hit]]]:
    """Per question its place in the file, its id (DPR itself writes none), text and hits.

    Hits come best first. Passage ids may have DPR's prefix of the source (``wiki:123``); they
    are not changed.

    Raises:
        DataError: the file is no such list.
    """
    return [
        (
            where,
            text_field(item, "id", where) if "id" in item else None,
            text_field(item, "question", where),
            _hits(item.get("ctxs"), where),
        )
        for where, item in json_items(path)
    ]


def write_dpr_results(
    path: Path,
    questions: Iterable[Question],
    hits: Mapping[str, Sequence[Hit]],
    corpus: Corpus,
    has_answer: Callable[[Question, Passage], bool],
) -> None:
    """Write hits with the texts of their passages and DPR's ``has_answer`` flag.

    Raises:
        DataError: a passage that the corpus does not have, or a folder that cannot be written.
    """
    with whole_file(path) as file:
        file.write("[")
        for number, question in enumerate(questions):
            question_hits = hits.get(question.id, ())
            passages = [corpus.get(hit.passage_id) for hit in question_hits]
            item = {
                "id": question.id,
                "question": question.text,
                "answers": list(question.answers),
                "ctxs": [
                    {
                        "id": passage.id,
                        "title": passage.title,
                        "text": passage.text,
                        "score": hit.score,
                        "has_answer": has_answer(question, passage),
                    }
                    for hit, passage in zip(question_hits, passages, strict=True)
                ],
            }
            file.write(",\n" if number else "\n")
            file.write(json.dumps(item, ensure_ascii=False, indent=1))
        file.write("\n]\n")


def _hits(contexts: object, where: str) -> list[Hit]:
    if not isinstance(contexts, list):
        raise DataError("'ctxs' is missing or no list", where=where, cure="is this a result file?")
    hits = [_hit(context, f"{where}, ctx {n}") for n, context in enumerate(contexts, start=1)]
    if len({hit.passage_id for hit in hits}) < len(hits):
        raise DataError("'ctxs' has a passage twice", where=where)
    return sorted(hits, key=lambda hit: -hit.score)


def _hit(context: object, where: str) -> Hit:
    fields = context if isinstance(context, dict) else {}
    try:
        # DPR writes scores as texts.
        hit = Hit(str(fields["id"]), float(fields["score"]))
    except (KeyError, TypeError, ValueError):
        hit = Hit("", math.nan)
    if not hit.passage_id or not math.isfinite(hit.score):
        raise DataError("expected an object with 'id' and a finite 'score'", where=where)
    return hit
