"""Whether a passage holds an accepted answer, as DPR decides it.

DPR (Karpukhin et al. 2020, section 4.1 and its ``qa_validation``) searches the text of a passage,
without the title, for the tokens of an answer in a row; CuratedTREC's answers are regular
expressions instead. Two deliberate differences: an answer without any token (white space only) is
in every passage for DPR, and in none here; and in scripts without spaces (`odqa.metrics.unspaced`),
where a DPR token is a whole clause and next to nothing is found, each character is a token.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from odqa.data.supporting import normal_title
from odqa.metrics.patterns import compiled
from odqa.metrics.tokens import simple_tokens
from odqa.metrics.unspaced import split_unspaced
from odqa.types import Hit, Matching, Question

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus

#: Tokenised passages that are kept, of about 1 KB each.
_CACHE_SIZE = 200_000


def has_answer(text: str, answers: Iterable[str], matching: Matching = "tokens") -> bool:
    """Whether any of the answers is in the text.

    Args:
        text: the text of a passage, without its title.
        answers: accepted answers, or regular expressions when ``matching`` is ``"regex"``.
        matching: ``"tokens"``: the answer's tokens in a row, case ignored; ``"regex"``: the
            expression found anywhere, case ignored (one that does not compile is never found).
    """
    if matching == "regex":
        return _matches_regex(unicodedata.normalize("NFD", text), answers)
    return _matches_tokens(_spaced(text), answers)


class AnswerFinder:
    """`has_answer` over the passages of one corpus, each tokenised once, and their titles.

    Args:
        corpus: where the text of hits is looked up.
        matching: see `has_answer`.
    """

    def __init__(self, corpus: Corpus, matching: Matching = "tokens") -> None:
        self._corpus = corpus
        self._matching = matching
        self._text = lru_cache(maxsize=_CACHE_SIZE)(self._prepared)
        self._title = lru_cache(maxsize=_CACHE_SIZE)(self._prepared_title)

    def first(self, question: Question, hits: Sequence[Hit]) -> int | None:
        """Position of the first hit that holds an accepted answer; `None` when none does.

        Raises:
            DataError: a hit names a passage that the corpus does not have.
        """
        matches = _matches_regex if self._matching == "regex" else _matches_tokens
        for position, hit in enumerate(hits):
            if matches(self._text(hit.passage_id), question.answers):
                return position
        return None

    def titles(self, hits: Sequence[Hit]) -> list[str]:
        """Titles of hits in order, as `odqa.data.supporting.normal_title` gives them.

        Raises:
            DataError: a hit names a passage that the corpus does not have.
        """
        return [self._title(hit.passage_id) for hit in hits]

    def _prepared_title(self, passage_id: str) -> str:
        return normal_title(self._corpus.get(passage_id).title)

    def _prepared(self, passage_id: str) -> str:
        text = self._corpus.get(passage_id).text
        return unicodedata.normalize("NFD", text) if self._matching == "regex" else _spaced(text)


def _spaced(text: str) -> str:
    # Tokens hold no space, so a space on either side makes substring search respect tokens.
    tokens = simple_tokens(text)
    if not text.isascii():
        tokens = [part for token in tokens for part in split_unspaced(token)]
    return f" {' '.join(tokens)} "


@lru_cache(maxsize=100_000)
def _needle(answer: str) -> str:
    return _spaced(answer)


def _matches_tokens(spaced: str, answers: Iterable[str]) -> bool:
    return any((needle := _needle(answer)).strip() and needle in spaced for answer in answers)


def _matches_regex(text: str, answers: Iterable[str]) -> bool:
    patterns = (compiled(unicodedata.normalize("NFD", answer)) for answer in answers)
    return any(pattern is not None and pattern.search(text) for pattern in patterns)
