"""How a question is laid out over chunks, which decides what can be shared or precomputed.

All layouts end on the token whose state is scored. With m the chunk length:

``prefix``  chunk 0 = padding, question, with the score token at m-1: one position per candidate
            sees the passage (RETRO's QA format).
``echo``    chunk 0 as in ``prefix``, the question again in chunk 1: every one of its tokens sees
            the passage.
``prompt``  chunk 0 is constant, the question is in chunk 1: neighbour encodings do not depend
            on the question even when the encoder is conditioned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LayoutName = Literal["prefix", "echo", "prompt"]


@dataclass(frozen=True)
class Frame:
    """A batch of laid-out questions.

    ``ids`` int64 and ``mask`` bool [B, T]; positions from ``start`` on (always m - 1) may see
    neighbours; ``scored`` [B] is the index, from ``start``, of the token whose state is scored.
    """

    ids: NDArray[np.int64]
    mask: NDArray[np.bool_]
    start: int
    scored: NDArray[np.int64]

    @property
    def suffix(self) -> int:
        """Positions that see neighbours."""
        return int(self.ids.shape[1]) - self.start


def prompt_of(question: str) -> str:
    """The prompt before an answer."""
    return f"question: {question} answer:"


def frame_questions(
    questions: Sequence[Sequence[int]],
    layout: LayoutName,
    *,
    chunk_length: int,
    score_token: int,
    pad_id: int = 0,
    prompt: Sequence[int] = (),
) -> Frame:
    """Lay out tokenised questions; special tokens are the caller's.

    Questions too long for a chunk are cut at the end; the score token always stays.

    Raises:
        ValueError: no question, or a ``prompt`` layout whose prompt is empty or too long.
    """
    if not questions:
        raise ValueError("no question to lay out")
    m = chunk_length
    rows = [[*list(q)[: m - 1], score_token] for q in questions]
    if layout == "prefix":
        first = _left(rows, m, pad_id)
        return Frame(*first, m - 1, np.zeros(len(rows), np.int64))
    if layout == "prompt":
        if not 0 < len(prompt) <= m:
            raise ValueError(f"the prompt must have 1 to {m} tokens, not {len(prompt)}")
        first = _left([list(prompt)] * len(rows), m, pad_id)
    else:
        first = _left(rows, m, pad_id)
    # Position m-1 and at most m-1 of chunk 1 see the neighbours of chunk 0.
    repeats = [[*row[:-1][: m - 2], score_token] for row in rows]
    second = _right(repeats, max(map(len, repeats)), pad_id)
    ids, mask = (np.concatenate(pair, axis=1) for pair in zip(first, second, strict=True))
    return Frame(ids, mask, m - 1, np.array([len(row) for row in repeats], np.int64))


def _left(
    rows: Sequence[Sequence[int]], length: int, pad_id: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    ids, mask = _right([row[::-1] for row in rows], length, pad_id)
    return ids[:, ::-1].copy(), mask[:, ::-1].copy()


def _right(
    rows: Sequence[Sequence[int]], length: int, pad_id: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    ids = np.full((len(rows), length), pad_id, np.int64)
    mask = np.zeros((len(rows), length), np.bool_)
    for row, row_ids, row_mask in zip(rows, ids, mask, strict=True):
        row_ids[: len(row)] = row
        row_mask[: len(row)] = True
    return ids, mask


def pad_passages(
    passages: Sequence[Sequence[int]], *, length: int, pad_id: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Tokenised passages cut to ``length`` and padded right to the longest: ids, mask [n, r']."""
    rows = [list(passage)[:length] for passage in passages]
    return _right(rows, max((len(row) for row in rows), default=1) or 1, pad_id)


def frame_pairs(
    firsts: Sequence[Sequence[int]],
    seconds: Sequence[Sequence[int]],
    *,
    chunk_length: int,
    pad_id: int = 0,
) -> Frame:
    """``firsts`` left-padded into chunk 0 (cut on the left), ``seconds`` after it (cut to m).

    For likelihoods: a prompt and the question, or the question and an answer.

    Raises:
        ValueError: lengths differ, or an empty text.
    """
    if len(firsts) != len(seconds) or not all(firsts) or not all(seconds):
        raise ValueError("every first text needs a second one, and neither may be empty")
    m = chunk_length
    left = _left([list(row)[-m:] for row in firsts], m, pad_id)
    tails = [list(row)[:m] for row in seconds]
    right = _right(tails, max(map(len, tails)), pad_id)
    ids, mask = (np.concatenate(pair, axis=1) for pair in zip(left, right, strict=True))
    return Frame(ids, mask, m - 1, np.array([len(row) for row in tails], np.int64))


def frame_prompts(
    prompts: Sequence[Sequence[int]],
    *,
    chunk_length: int,
    pad_id: int = 0,
    contexts: Sequence[Sequence[int]] | None = None,
) -> Frame:
    """Prompts padded left so that their last token ends a chunk (RETRO's QA format).

    With ``contexts`` (RETRO++) a passage precedes each prompt. ``start`` is the last
    position, the first that sees the neighbours of the last chunk.
    """
    if not prompts or not all(prompts):
        raise ValueError("every prompt needs a token")
    prefixes = contexts or [()] * len(prompts)
    rows = [[*context, *prompt] for context, prompt in zip(prefixes, prompts, strict=True)]
    length = max(map(len, rows))
    length += -length % chunk_length
    ids, mask = _left(rows, length, pad_id)
    return Frame(ids, mask, length - 1, np.zeros(len(rows), np.int64))
