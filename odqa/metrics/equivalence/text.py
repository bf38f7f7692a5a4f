"""Texts as tokens that can be compared: numbers as digits, plurals as singulars, no accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from odqa.metrics.equivalence.number_words import NUMBER_WORDS, ORDINAL_ENDINGS

_STOP_WORDS = (
    "a an the of in on at to for by with and or from is was are were be been it its that this as "
    "into about approximately around circa c approx roughly up than more most their his her he she "
    "they which who"
)
#: Words that carry no answer by themselves.
STOP_WORDS = frozenset(_STOP_WORDS.split())
#: UTF-8 that was read as Windows' code page: NQ-open has accepted answers like ``10â€“12 years``.
_BADLY_DECODED = re.compile("[ÂÃ]|â€")
_TOKEN = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+")
# Tokenised predictions: "1, 776" and "3. 97"; a group of three digits after a comma is a thousand.
_THOUSANDS = re.compile(r"(\d)\s?,\s?(\d{3})(?!\d)")
_DECIMALS = re.compile(r"(\d)\s?\.\s(\d)")
_POSSESSIVE = re.compile(r"'s\b|(?<=s)'(?!\w)")


@lru_cache(maxsize=65_536)
def plain(text: str) -> str:
    """Lower-case, without accents, possessives and separators of thousands, decoding repaired."""
    decomposed = unicodedata.normalize("NFKD", _repaired(text))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c)).lower()
    bare = _THOUSANDS.sub(r"\1\2", bare.replace("\u2019", "'").replace("\u2018", "'"))
    return _POSSESSIVE.sub("", _DECIMALS.sub(r"\1.\2", bare))


@lru_cache(maxsize=65_536)
def tokens(text: str) -> tuple[str, ...]:
    """Words in the singular and numbers in digits; punctuation is dropped."""
    result: list[str] = []
    for token in _TOKEN.findall(plain(text)):
        if token in ORDINAL_ENDINGS and result and result[-1].isdigit():
            continue
        result.append(_number(token) if token[0].isdigit() else _word(token))
    return tuple(result)


def content(items: Sequence[str]) -> tuple[str, ...]:
    """The tokens that are no stop words."""
    return tuple(token for token in items if token not in STOP_WORDS)


def is_number(token: str) -> bool:
    """Whether a token of `tokens` is a number."""
    return token[0].isdigit()


def holds_in_order(items: Sequence[str], part: Sequence[str]) -> bool:
    """Whether ``part`` stands somewhere in ``items``, in one piece; an empty part never does."""
    width = len(part)
    starts = range(len(items) - width + 1)
    return width > 0 and any(tuple(items[i : i + width]) == tuple(part) for i in starts)


def _repaired(text: str) -> str:
    if not _BADLY_DECODED.search(text):
        return text
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _number(token: str) -> str:
    if token.count(".") != 1:
        return token
    return token.rstrip("0").rstrip(".")


def _word(token: str) -> str:
    if token in NUMBER_WORDS:
        return str(NUMBER_WORDS[token])
    if len(token) > 4 and token.endswith("ies"):
        return f"{token[:-3]}y"
    if len(token) > 3 and token.endswith("s") and not token.endswith("ss"):
        return token[:-1]
    return token
