"""A question without its function words, for keyword search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from odqa.interfaces import Rewriter, RewriterConfig
from odqa.types import Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

#: Question words, auxiliaries, articles, pronouns and prepositions of English.
FUNCTION_WORDS = frozenset(
    """
    a an the this that these those who whom whose which what when where why how is are was were be
    been being am do does did done has have had will would shall should can could may might must of
    in on at by for from to with into onto about as and or but not it its he she his her they their
    them you your we our i my me there
    """.split()  # noqa: SIM905
)


class KeywordsConfig(RewriterConfig):
    """Parameters of `KeywordsRewriter`."""

    keep_question: bool = Field(
        False, description="Search for the question as asked, too, and fuse what both find."
    )


class KeywordsRewriter(Rewriter[KeywordsConfig]):
    """Removes English function words; a question of nothing else stays as it is."""

    Config = KeywordsConfig

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Nothing to do."""

    def rewrite(self, queries: Sequence[Query]) -> list[list[str]]:
        return [self._texts(query.text) for query in queries]

    def _texts(self, question: str) -> list[str]:
        words = [w for w in question.split() if _bare(w) not in FUNCTION_WORDS]
        keywords = " ".join(words) if any(map(_bare, words)) else question
        original = [question] if self.config.keep_question else []
        return list(dict.fromkeys([*original, keywords]))


def _bare(word: str) -> str:
    return re.sub(r"^\W+|\W+$", "", word).casefold()
