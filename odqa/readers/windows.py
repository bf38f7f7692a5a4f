"""Cut question-passage pairs into windows that fit an extractive reader, and map tokens back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from odqa.types import Passage


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the model: the question and a stretch of one passage.

    Attributes:
        passage: index of the passage.
        features: the model's inputs, by name, without padding.
        allowed: bool [tokens], where an answer may start or end: in the passage's text only.
        null: position of the [CLS] token, which stands for "no answer".
        starts, ends: int [tokens], characters of each token's word in the passage's text.
    """

    passage: int
    features: dict[str, list[int]]
    allowed: np.ndarray
    null: int
    starts: np.ndarray
    ends: np.ndarray


def make_windows(
    tokenizer: Any,
    question: str,
    passages: Sequence[Passage],
    *,
    max_length: int,
    doc_stride: int,
    title: bool,
) -> list[Window]:
    """Windows of ``max_length`` tokens; neighbours share ``doc_stride`` of them.

    A question is cut where it would leave less than twice ``doc_stride`` tokens for the passage:
    otherwise the windows would hardly move.
    """
    contexts = [passage.full_text if title else passage.text for passage in passages]
    # Words are taken from the whole context: a window may begin or end inside one.
    context_encodings = (
        tokenizer(contexts, add_special_tokens=False, verbose=False).encodings if contexts else []
    )
    answerable = [
        i for i, passage in enumerate(passages) if passage.text.strip() and context_encodings[i].ids
    ]
    if not answerable:
        return []
    words = {i: word_spans(context_encodings[i]) for i in answerable}
    special = tokenizer.num_special_tokens_to_add(pair=True)
    encoded = tokenizer(
        [_cut(tokenizer, question, max_length - special - 2 * doc_stride)] * len(answerable),
        [contexts[i] for i in answerable],
        truncation="only_second",
        max_length=max_length,
        stride=doc_stride,
        return_overflowing_tokens=True,
    )
    out: list[Window] = []
    for number, row in enumerate(encoded["overflow_to_sample_mapping"]):
        source, window = answerable[row], encoded.encodings[number]
        # Where the text begins behind the title.
        shift = len(contexts[source]) - len(passages[source].text)
        sequence = np.array([-1 if s is None else s for s in window.sequence_ids])
        offsets = np.array(window.offsets)
        allowed = (sequence == 1) & (offsets[:, 0] >= shift) & (offsets[:, 1] > offsets[:, 0])
        firsts, starts, ends = words[source]
        word_indices = np.searchsorted(firsts, offsets[:, 0], side="right") - 1
        ids = encoded["input_ids"][number]
        null = ids.index(tokenizer.cls_token_id) if tokenizer.cls_token_id in ids else 0
        features = {name: encoded[name][number] for name in tokenizer.model_input_names}
        out.append(
            Window(
                source,
                features,
                allowed,
                null,
                np.maximum(starts[word_indices] - shift, 0),
                np.maximum(ends[word_indices] - shift, 0),
            )
        )
    return out


def _cut(tokenizer: Any, question: str, room: int) -> str:
    encoded = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
    offsets = encoded["offset_mapping"]
    return question if len(offsets) <= room else question[: offsets[room - 1][1]]


def word_spans(encoding: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per token: its first character, and the first and last of the whole word it belongs to.

    The best token is sometimes a piece inside a word; an answer is made of whole words.
    """
    ids = encoding.word_ids
    firsts, ends = (np.array(side, dtype=np.int64) for side in zip(*encoding.offsets, strict=True))
    starts = firsts.copy()
    for i in range(1, len(ids)):
        if ids[i] is not None and ids[i] == ids[i - 1]:
            starts[i] = starts[i - 1]
    for i in range(len(ids) - 2, -1, -1):
        if ids[i] is not None and ids[i] == ids[i + 1]:
            ends[i] = ends[i + 1]
    return firsts, starts, ends
