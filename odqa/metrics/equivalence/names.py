"""Names of people: initials, titles, left out middle names."""

from __future__ import annotations

import re

from odqa.metrics.equivalence.text import STOP_WORDS, content, tokens

_TITLE_WORDS = (
    "general king queen prince princess president sir dr mr mrs ms lord lady captain saint st jr "
    "sr pope emperor senator obe"
)
_TITLES = frozenset(_TITLE_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+")
_PERSON = re.compile(r"\b(who|whose|whom|actor|actress|author|singer|president)\b")


def asks_for_person(question: str) -> bool:
    """Whether a question names a person as its answer's kind."""
    return bool(_PERSON.search(question.lower()))


def is_name(text: str) -> bool:
    """Two or more words that begin with capitals (``of`` and its like aside)."""
    words = _WORD.findall(text)
    capitals = all(word[0].isupper() or word.lower() in STOP_WORDS for word in words)
    return capitals and len(content(tokens(text))) >= 2


def same_name(prediction: str, accepted: str) -> bool:
    """Whether the prediction names the accepted person.

    The family name, the last of the accepted one, must be there; a given name before it must begin
    as the accepted one does, or the other way round: ``B. R. Ambedkar``, ``Will Friedle`` for
    ``William Alan Friedle``.
    """
    *given, family = _parts(accepted) or ("",)
    parts = _parts(prediction)
    if family not in parts:
        return False
    before = parts[: parts.index(family)]
    return not before or not given or any(_fits(part, given[0]) for part in before)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(token for token in content(tokens(text)) if token not in _TITLES)


def _fits(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
