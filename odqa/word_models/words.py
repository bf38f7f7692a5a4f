"""Texts -> ids of their words (word pieces), without stop words and punctuation."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from odqa.encoders.tokens import TextTokens
from odqa.errors import CheckpointError


class Words:
    """The words of texts as a model sees them; nothing is cut off.

    Args:
        tokenizer: any fast tokenizer.
        stop_words: left out wherever they stand; each must be one token of the tokenizer.
        name: the checkpoint, for messages.

    Raises:
        CheckpointError: a stop word is none of the tokenizer's.
    """

    def __init__(self, tokenizer: Any, stop_words: Iterable[str], name: str) -> None:
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._tokenizer = tokenizer
        self._tokens = TextTokens(tokenizer, max_length=1_000_000)
        self.size = max(vocabulary.values()) + 1
        left_out = {i for word, i in vocabulary.items() if all(map(_is_punctuation, word))}
        for word in stop_words:
            if word not in vocabulary:
                raise CheckpointError(
                    f"stop word {word!r} is no token of its tokenizer",
                    where=name,
                    cure="correct stop_words in its config.json",
                )
            left_out.add(vocabulary[word])
        self._left_out = frozenset(left_out)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of the words of texts, in order."""
        left_out = self._left_out
        return [[i for i in ids if i not in left_out] for ids in self._tokens.bare(texts)]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character offsets of the words of a text, end exclusive, as many as `ids` gives."""
        encoding = self._tokenizer([text], add_special_tokens=False, verbose=False).encodings[0]
        pairs = zip(encoding.ids, encoding.offsets, strict=True)
        return [(start, end) for i, (start, end) in pairs if i not in self._left_out]

    def names(self, ids: Sequence[int]) -> list[str]:
        """The words themselves."""
        return list(self._tokenizer.convert_ids_to_tokens(list(ids)))


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSZ"
