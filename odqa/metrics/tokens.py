"""The tokens on which DPR decides whether a passage holds an answer."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex


def simple_tokens(text: str) -> list[str]:
    """Lower-case tokens of DrQA's ``SimpleTokenizer`` after canonical decomposition (NFD).

    A token is a run of letters, digits and combining marks, or any one character that is neither
    a separator nor a control character; so none contains a space.
    """
    # Lower-casing token by token, not the text: a final sigma depends on its neighbours.
    return [token.lower() for token in _pattern().findall(unicodedata.normalize("NFD", text))]


@cache
def _pattern() -> regex.Pattern[str]:
    # The standard library's re has no Unicode categories. Imported late: validating a spec does
    # not need it.
    import regex

    return regex.compile(r"[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]", flags=regex.IGNORECASE)
