"""A question with its gold passage: what labels a retriever, a ranker or a reader."""

from __future__ import annotations

from dataclasses import dataclass

from odqa.types import Question


@dataclass(frozen=True, slots=True)
class LabelledQuestion:
    """A question, the id of its gold passage, and the source that both come from."""

    question: Question
    gold_id: str
    source: str
