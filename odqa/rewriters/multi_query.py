"""Several wordings of a question by a language model, each searched for (Ma et al. 2023).

Their fusion by rank is that of Rackauckas 2024 (RAG-Fusion).
"""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field

from odqa.rewriters.prompted import PromptedRewriter, PromptedRewriterConfig
from odqa.types import Query

#: Numbers, bullets and quotation marks around a query of a list.
_AROUND = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.):](?!\d))\s*|^[\s\"'“”]+|[\s\"'“”]+$")


class MultiQueryConfig(PromptedRewriterConfig):
    """Parameters of `MultiQueryRewriter`."""

    prompt_fields: ClassVar[tuple[str, ...]] = ("n",)

    queries: int = Field(3, ge=1, le=50, description="How many the model is asked for ({n}).")
    prompt: str = Field(
        "Write {n} different web search queries that help to answer the question, one a line and "
        "nothing else.\nQuestion: {question}\nQueries:\n",
        description="With {question} and {n}.",
    )


class MultiQueryRewriter(PromptedRewriter[MultiQueryConfig]):
    """Searches for the queries that a language model wrote, one a line, and for the question.

    Numbers, bullets and quotation marks around a query are left out; more queries than were asked
    for too.
    """

    Config = MultiQueryConfig
    type_name = "multi_query"

    def _values(self, query: Query) -> dict[str, object]:
        return {**super()._values(query), "n": self.config.queries}

    def _texts(self, completion: str) -> list[str]:
        lines = (_bare(line) for line in completion.splitlines())
        found = dict.fromkeys(line for line in lines if any(map(str.isalnum, line)))
        return list(found)[: self.config.queries]


def _bare(line: str) -> str:
    before = None
    while before != line:
        before, line = line, _AROUND.sub("", line)
    return " ".join(line.split())
