"""The beginning of very long texts, so that a tokenizer need not read a book for its first page.

Fast tokenizers tokenise a whole text before they cut it at a length limit: for 5 MB that is 9
seconds and 0.9 GB, in every call. So of a text far beyond the limit only a beginning is passed: one
whose tokens up to the limit are those of a beginning half as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Characters up to which texts are passed as they are.
LONG = 2**17
#: Characters for each token of the limit that a first beginning has at least.
_PER_TOKEN = 32


def beginnings(tokenizer: Any, texts: Sequence[str], limit: int) -> list[str]:
    """The same texts, long ones cut behind their first ``limit`` tokens.

    What is left of a text that was cut has more tokens than the limit, so that it counts as
    truncated.

    Args:
        tokenizer: any fast tokenizer.
        limit: tokens that are kept of a text at most, markers included or not.
    """
    if getattr(tokenizer, "truncation_side", "right") == "left":
        # It keeps the end.
        return list(texts)
    return [text if len(text) <= LONG else _beginning(tokenizer, text, limit) for text in texts]


def _beginning(tokenizer: Any, text: str, limit: int) -> str:
    size = max(LONG, _PER_TOKEN * limit)
    shorter: list[int] = []
    while size < len(text):
        part = text[:size]
        ids = tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"][: limit + 1]
        if len(ids) > limit and ids == shorter:
            return part
        shorter = ids
        size *= 2
    return text
