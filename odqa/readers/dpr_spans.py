"""Inputs and spans of DPR's reader (Karpukhin et al. 2020, section 6.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from odqa.readers.windows import word_spans
from odqa.types import Answer, Passage

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class DprInput:
    """One passage as the model reads it.

    Attributes:
        ids: ``[CLS] question [SEP] title [SEP] text``, without an end marker.
        first: position of the text's first token; ``len(ids)`` where none is left.
        starts, ends: int [text tokens], characters of each token's word in the text.
    """

    ids: list[int]
    first: int
    starts: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True, slots=True)
class DprSpan:
    """The best span of one passage: its tokens, counted from the text's first, and scores.

    ``relevance`` is the passage's own logit, ``span`` the log-probability of start and end in it.
    """

    relevance: float
    first: int
    last: int
    span: float


def dpr_inputs(
    tokenizer: Any, question: str, passages: Sequence[Passage], max_length: int
) -> list[DprInput]:
    """A question with each passage, as transformers' `DPRReaderTokenizer` joins them.

    Args:
        max_length: tokens of question, title and text; the rest is cut.
    """
    if not passages:
        return []
    heads = tokenizer([question] * len(passages), [p.title for p in passages], verbose=False)
    texts = tokenizer([p.text for p in passages], add_special_tokens=False, verbose=False)
    out = []
    for head, text in zip(heads["input_ids"], texts.encodings, strict=True):
        ids = [*head, *text.ids][:max_length]
        size = max(0, len(ids) - len(head))
        _, starts, ends = word_spans(text) if text.ids else ((), np.empty(0), np.empty(0))
        out.append(DprInput(ids, len(ids) - size, starts[:size], ends[:size]))
    return out


def dpr_spans(
    start: Tensor,
    end: Tensor,
    relevance: Tensor,
    inputs: Sequence[DprInput],
    max_answer_tokens: int,
) -> list[DprSpan | None]:
    """The best span of each input's text; `None` where a score is no finite number.

    Args:
        start, end: float32 logits [inputs, tokens].
        relevance: float32 logits [inputs].
        max_answer_tokens: longest span.
    """
    import torch

    from odqa.readers.span_scores import best_spans, offset_between_windows

    allowed = torch.zeros(start.shape, dtype=torch.bool)
    for row, one in enumerate(inputs):
        allowed[row, one.first : len(one.ids)] = True
    finite = ((start.isfinite() & end.isfinite()) | ~allowed).all(1) & relevance.isfinite()
    logits, first, last = best_spans(start, end, allowed, max_answer_tokens, 1)
    # The first token of the text stands in for [CLS], so that text tokens alone are counted.
    texts = torch.tensor([min(one.first, len(one.ids) - 1) for one in inputs])
    total = offset_between_windows(start, end, allowed, texts, "probability")
    return [
        DprSpan(
            float(relevance[row]),
            int(first[row, 0]) - one.first,
            int(last[row, 0]) - one.first,
            float(logits[row, 0] - total[row]),
        )
        if finite[row]
        else None
        for row, one in enumerate(inputs)
    ]


def dpr_answer(
    passages: Sequence[Passage], inputs: Sequence[DprInput], spans: Sequence[DprSpan]
) -> Answer:
    """The best span of the passage with the highest relevance; empty where no text was read."""
    # A passage of which no token is left cannot answer.
    known = [row for row in zip(passages, inputs, spans, strict=True) if len(row[1].starts)]
    if not known:
        return Answer("", 0.0)
    passage, one, best = max(known, key=lambda row: row[2].relevance)
    total = _log_sum([span.relevance for _, _, span in known])
    start, end = int(one.starts[best.first]), int(one.ends[best.last])
    score = best.relevance - total + best.span
    return Answer(passage.text[start:end], score, passage.id, start, end)


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(math.fsum(math.exp(value - top) for value in values))
