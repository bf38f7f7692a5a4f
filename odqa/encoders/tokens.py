"""Texts -> token ids, in large batches; truncated texts are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from odqa.encoders.long_texts import beginnings
from odqa.errors import CheckpointError

# Texts per call: enough for the tokenizer's own threads, few enough for memory.
_CALL = 4096


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids per text, markers included, and how many texts were truncated.

    ``prompt``: so many tokens at the start of every text are its prompt.
    """

    ids: list[list[int]]
    truncated: int = 0
    prompt: int = 0


class TextTokens:
    """A fast Hugging Face tokenizer with a length limit.

    Args:
        tokenizer: any fast tokenizer.
        max_length: tokens per text, markers included; longer texts are truncated and counted.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self._tokenizer = tokenizer
        self.max_length = max_length
        self.pad = int(tokenizer.pad_token_id or 0)
        self._before, self._after = _markers(tokenizer)
        self._types = _token_types(tokenizer)

    @property
    def markers(self) -> int:
        """Number of marker tokens of one text."""
        return len(self._before) + len(self._after)

    def __call__(self, texts: Sequence[str], titles: Sequence[str] | None = None) -> Tokens:
        """Token ids of texts, or of title-text pairs where the title is not empty."""
        if titles is None:
            return self._single(texts)
        titled = [i for i, title in enumerate(titles) if title]
        untitled = [i for i, title in enumerate(titles) if not title]
        groups = (
            (titled, self._single([titles[i] for i in titled], [texts[i] for i in titled])),
            (untitled, self._single([texts[i] for i in untitled])),
        )
        ids: list[list[int]] = [[]] * len(texts)
        for rows, tokens in groups:
            for row, row_ids in zip(rows, tokens.ids, strict=True):
                ids[row] = row_ids
        return Tokens(ids, sum(tokens.truncated for _, tokens in groups))

    def bare(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids without markers and without a limit."""
        ids: list[list[int]] = []
        for start in range(0, len(texts), _CALL):
            part = list(texts[start : start + _CALL])
            ids += self._tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def prompt_length(self, prompt: str) -> int:
        """Tokens of a prompt that stands before a text, with the markers before it."""
        if not prompt:
            return 0
        (ids,) = self._single([prompt]).ids
        # Whatever marks the end of a text stands behind the text, not behind the prompt.
        return len(ids) - min(1, len(self._after))

    def types(self, rows: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
        """Token types of single texts, int64 [n, t]; `None` where all of them are 0.

        Args:
            rows: token ids [n, t], padded on the right.
            mask: 1 for real tokens.
        """
        before, inner, after = self._types
        if not any((*before, inner, *after)):
            return None
        out = np.where(mask == 1, inner, 0)
        out[:, : len(before)] = before
        for row, length in zip(out, mask.sum(axis=1), strict=True):
            row[length - len(after) : length] = after
        return out

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character offsets of the tokens of a text, end exclusive; those of markers are empty."""
        (text,) = self._beginnings([text])
        encoding = self._tokenizer(text, truncation=True, max_length=self.max_length)
        return list(encoding.encodings[0].offsets)

    def piece(self, token: int) -> str:
        """The word piece of a token id."""
        return str(self._tokenizer.convert_ids_to_tokens(token))

    def marked(self, ids: Sequence[int]) -> list[int]:
        """Bare token ids with the markers of a single text around them."""
        return [*self._before, *ids, *self._after]

    def _single(self, first: Sequence[str], second: Sequence[str] | None = None) -> Tokens:
        ids: list[list[int]] = []
        truncated = 0
        for start in range(0, len(first), _CALL):
            part = slice(start, start + _CALL)
            batch = self._tokenizer(
                self._beginnings(first[part]),
                None if second is None else self._beginnings(second[part]),
                truncation=True,
                max_length=self.max_length,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            ids += batch["input_ids"]
            truncated += sum(bool(encoding.overflowing) for encoding in batch.encodings)
        return Tokens(ids, truncated)

    def _beginnings(self, texts: Sequence[str]) -> list[str]:
        return beginnings(self._tokenizer, texts, self.max_length)


def _markers(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Tokens that the tokenizer puts before and after a single text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    start = next((i for i in range(len(full)) if full[i : i + len(bare)] == bare), None)
    if start is None or not bare:
        raise CheckpointError(
            "its tokenizer makes no tokens of a letter",
            where=str(tokenizer.name_or_path),
            cure="fetch the checkpoint again",
        )
    return full[:start], full[start + len(bare) :]


def _token_types(tokenizer: Any) -> tuple[list[int], int, list[int]]:
    """Types of the markers before a single text, of its tokens, and of the markers after it.

    All 0 where the model takes none; XLNet's differ.
    """
    before, after = _markers(tokenizer)
    if "token_type_ids" not in tokenizer.model_input_names:
        return [0] * len(before), 0, [0] * len(after)
    types = [int(kind) for kind in tokenizer("a", return_token_type_ids=True)["token_type_ids"]]
    end = len(types) - len(after)
    return types[: len(before)], types[len(before)], types[end:]
