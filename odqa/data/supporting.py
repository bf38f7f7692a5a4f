"""The pages that a question of several hops needs, by title, as files of its sets name them.

====================  ==========================================================================
HotpotQA, 2Wiki       ``supporting_facts: [[title, sentence], …]``, or on the hub ``{title: […]}``
FlashRAG              the same, or MuSiQue's steps, in ``metadata``
MuSiQue               ``paragraphs: [{title, is_supporting}, …]``
odqa                  ``supporting: [title, …]``
====================  ==========================================================================
"""

from __future__ import annotations

import html
import logging
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from odqa.data.questions import QuestionSet
from odqa.errors import DataError

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus

_LOG = logging.getLogger(__name__)
#: So many passages without a title, and the corpus has none.
_LOOKED_AT = 1000


def normal_title(title: str) -> str:
    """A title as it is compared: Wikipedia's dumps differ in case, underscores and HTML entities.

    Of two dumps ``The_Simpsons``, ``"The Simpsons"`` and ``the  Simpsons`` are one page.
    """
    text = unicodedata.normalize("NFKC", html.unescape(title)).replace("_", " ")
    return " ".join(text.split()).strip('"').strip().casefold()


def supporting_titles(row: Mapping[str, object], where: str) -> tuple[str, ...]:
    """Titles of the pages that are all needed, each once; none where the row names none.

    Raises:
        DataError: a key of the table above holds something else.
    """
    inner = row.get("metadata")
    for values in (row, inner if isinstance(inner, Mapping) else {}):
        for key, reader in _READERS.items():
            if values.get(key) is None:
                continue
            titles = reader(values[key])
            if titles is None or not all(isinstance(title, str) for title in titles):
                raise DataError(
                    f"'{key}' names its pages in another form",
                    where=where,
                    cure='write "supporting": [title, …], or leave the key out',
                )
            unique: dict[str, str] = {}
            for title in filter(str.strip, titles):
                unique.setdefault(normal_title(title), title)
            if unique:
                return tuple(unique.values())
    return ()


def with_titles_to_find(questions: QuestionSet, corpus: Corpus) -> QuestionSet:
    """The questions; without their supporting titles where no passage of the corpus has a title."""
    if not len(corpus) or not any(question.supporting for question in questions):
        return questions
    if any(passage.title.strip() for passage in corpus.slice(0, _LOOKED_AT)):
        return questions
    message = (
        "%s: passages have no titles, so that supporting pages cannot be found and are not scored"
    )
    _LOG.warning(message, corpus.name)
    bare = tuple(replace(question, supporting=()) for question in questions)
    return replace(questions, questions=bare)


def _listed(value: object) -> list[str] | None:
    return value if isinstance(value, list) else None


def _of_facts(value: object) -> list[str] | None:
    if isinstance(value, Mapping):
        return _listed(value.get("title"))
    if not isinstance(value, list) or not all(isinstance(fact, list) and fact for fact in value):
        return None
    return [fact[0] for fact in value]


def _of_paragraphs(value: object) -> list[str] | None:
    return _titles(p for p in _mappings(value) if p.get("is_supporting"))


def _of_steps(value: object) -> list[str] | None:
    # A step of MuSiQue's own file points into the paragraphs, which say it themselves.
    return _titles(
        paragraph
        for step in _mappings(value)
        if isinstance(paragraph := step.get("support_paragraph"), Mapping)
    )


def _mappings(value: object) -> Iterable[Mapping[str, object]]:
    items = value if isinstance(value, list) else []
    return (item for item in items if isinstance(item, Mapping))


def _titles(paragraphs: Iterable[Mapping[str, object]]) -> list[str] | None:
    titles = [paragraph.get("title") for paragraph in paragraphs]
    return None if not all(isinstance(title, str) for title in titles) else titles  # type: ignore[return-value]


_READERS = {
    "supporting": _listed,
    "supporting_facts": _of_facts,
    "paragraphs": _of_paragraphs,
    "question_decomposition": _of_steps,
}
