"""Where a generated answer stands in the passages that were read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from odqa.types import Answer, Passage

_PIECE = re.compile(r"\w+|[^\w\s]")


def with_evidence(text: str, score: float, passages: Sequence[Passage]) -> Answer:
    """The answer, spelled as in the first passage whose text has it as whole words.

    Case and spaces between words and punctuation do not matter: some tokenizers keep neither. An
    answer that no passage has is given as it was generated, without evidence.

    Args:
        text: as generated.
        score: of the answer.
        passages: that were read, best first.
    """
    pieces = [re.escape(piece) for piece in _PIECE.findall(text)]
    if not pieces:
        return Answer(text, score)
    before = r"(?<!\w)" if text.lstrip()[0].isalnum() else ""
    after = r"(?!\w)" if text.rstrip()[-1].isalnum() else ""
    pattern = re.compile(before + r"\s*".join(pieces) + after, re.IGNORECASE)
    for passage in passages:
        if match := pattern.search(passage.text):
            start, end = match.span()
            return Answer(passage.text[start:end], score, passage.id, start, end)
    return Answer(text, score)
