"""Where question files of other projects keep a question, its id and its accepted answers.

A layout is recognised by the keys of a line, so that a file needs no name for it:

=============  ==========================================================================
NQ-open, DPR   ``question``, ``answer`` or ``answers``: a text or a list of texts
SQuAD          ``question``, ``answers: {text: […]}`` or ``[{text: …}]``
TriviaQA       ``question``, ``answer: {value, aliases}``
MuSiQue        ``question``, ``answer``, ``answer_aliases``
FlashRAG       ``question``, ``golden_answers``
PopQA          ``question``, ``possible_answers``: a list, or JSON of one
KILT           ``input``, ``output: [{answer: …}]``
=============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from odqa.data.json_text import parse_json
from odqa.data.lines import keys_of
from odqa.errors import DataError

_QUESTION = ("question", "input", "Question")
#: The first of these that is there and not null holds the answers.
ANSWER_KEYS = ("answer", "answers", "golden_answers", "possible_answers", "output", "Answer")
#: Ids that only files of another layout have; NQ-open's and DPR's lines are numbered.
_IDS = ("id", "question_id", "QuestionId")


def question_text(row: Mapping[str, object], where: str) -> str:
    """The text of the question.

    Raises:
        DataError: it is missing, blank or no text.
    """
    key = next((key for key in _QUESTION if row.get(key) is not None), "question")
    text = row.get(key)
    if not isinstance(text, str) or not text.strip():
        cure = "" if key in row else keys_of(row)
        raise DataError("the question is missing or empty", where=where, cure=cure)
    return text


def id_key(row: Mapping[str, object]) -> str | None:
    """The key of the question's id, if it has one."""
    if "id" in row:
        return "id"
    key = _answers_key(row)
    if key in ("answer", "answers") and not isinstance(row[key], Mapping):
        return None
    return next((key for key in _IDS if row.get(key) is not None), None)


def accepted_answers(row: Mapping[str, object], where: str) -> tuple[str, ...]:
    """The accepted answers, blank ones dropped; none where the file says that there are none.

    A number among them is its digits.

    Raises:
        DataError: no key holds answers, or what it holds is no list of texts.
    """
    key = _answers_key(row)
    if key is None:
        raise DataError(
            "'answer' is missing or no list of texts",
            where=where,
            cure=f'{keys_of(row)}; add "answer": [] to a question without answers',
        )
    value = row[key]
    if key == "possible_answers" and isinstance(value, str) and value.lstrip().startswith("["):
        value = parse_json(value, where)
    texts = _texts(value, key)
    aliases = _texts(row.get("answer_aliases"), "answer_aliases") if key == "answer" else []
    if texts is None or aliases is None:
        cure = "" if key == "answer" else f"its answers are in '{key}'"
        raise DataError("'answer' is missing or no list of texts", where=where, cure=cure)
    new = [alias for alias in aliases if alias not in texts]
    return tuple(text for text in (*texts, *new) if text.strip())


def _answers_key(row: Mapping[str, object]) -> str | None:
    keys = [key for key in ANSWER_KEYS if key in row]
    return next((key for key in keys if row[key] is not None), keys[0] if keys else None)


def _texts(value: object, key: str) -> list[str] | None:
    """Answers as texts; `None` where they have another form."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return _of_mapping(value)
    items = value if isinstance(value, list) else [value]
    if key == "output":
        # KILT's items hold an answer, or where it comes from, or both.
        outputs = [item for item in items if isinstance(item, Mapping)]
        if len(outputs) < len(items):
            return None
        items = [item["answer"] for item in outputs if item.get("answer") is not None]
    items = [
        item["text"] if isinstance(item, Mapping) and "text" in item else item for item in items
    ]
    texts = [_text(item) for item in items]
    return None if None in texts else [text for text in texts if text is not None]


def _of_mapping(value: Mapping[str, object]) -> list[str] | None:
    if "text" in value:
        return _texts(value["text"], "text")
    for value_key, aliases_key in (("value", "aliases"), ("Value", "Aliases")):
        aliases = value.get(aliases_key)
        if isinstance(aliases, list):
            first = value.get(value_key)
            return _texts([*([] if first is None or first in aliases else [first]), *aliases], "")
    return None


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    return value if isinstance(value, str) else None
