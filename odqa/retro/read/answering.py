"""Prompts, passages and answers of a RETRO model: the single definition of their format.

The paper's set-up (Borgeaud et al. 2021, section 4.3): the prompt is padded on the left so that
``answer:`` ends a chunk, whose neighbours are the passages. A passage is written as everywhere else
in odqa, title before text, so that rankers and readers can share its encoding. Training frames its
targets with the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from odqa.encoders.tokens import TextTokens
from odqa.retro.model.layouts import Frame, frame_prompts, pad_passages, prompt_of
from odqa.retro.model.model import Neighbours
from odqa.retro.read.generation import Generated, generate, same_passages
from odqa.types import Answer, Passage

if TYPE_CHECKING:
    from odqa.retro.model.model import RetroModel


class Answering:
    """From texts to prompts and passages of a model, and from generated tokens to answers.

    Args:
        tokenizer: the model's fast tokenizer.
        chunk_length: the model's m.
        passage_tokens: tokens of title and text (r), markers included; the rest is cut.
        end: token that ends an answer.
    """

    def __init__(self, tokenizer: Any, chunk_length: int, passage_tokens: int, end: int) -> None:
        self.tokens = TextTokens(tokenizer, passage_tokens)
        self.chunk_length = chunk_length
        self.end = end
        self._tokenizer = tokenizer

    def read(self, passages: Sequence[Passage]) -> list[list[int]]:
        """Token ids of passages as the neighbour encoder reads them."""
        return self.tokens([passage.full_text for passage in passages]).ids

    def frame(self, questions: Sequence[str], contexts: Sequence[Passage] | None = None) -> Frame:
        """Prompts that end a chunk; ``contexts`` (RETRO++) precede them, one for each."""
        context_ids = None
        if contexts is not None:
            limit = self.tokens.max_length
            texts = [passage.full_text for passage in contexts]
            context_ids = [ids[:limit] for ids in self.tokens.bare(texts)]
        return frame_prompts(
            self.tokens.bare([prompt_of(question) for question in questions]),
            chunk_length=self.chunk_length,
            pad_id=self.tokens.pad,
            contexts=context_ids,
        )

    def neighbours(
        self, passages: Sequence[Sequence[Passage]], device: torch.device
    ) -> Neighbours | None:
        """The passages of each question, as token ids with l = 1; None without any passage."""
        largest = max(len(group) for group in passages)
        if largest == 0:
            return None
        # Questions with fewer passages get empty ones, which are fully masked.
        rows = [[*self.read(group), *[[]] * (largest - len(group))] for group in passages]
        ids, mask = pad_passages(
            [row for group in rows for row in group],
            length=self.tokens.max_length,
            pad_id=self.tokens.pad,
        )
        shape = (len(rows), 1, largest, ids.shape[1])
        return Neighbours(
            torch.from_numpy(mask.reshape(shape)).to(device),
            ids=torch.from_numpy(np.ascontiguousarray(ids.reshape(shape))).to(device),
        )

    def generate(
        self,
        model: RetroModel,
        frame: Frame,
        passages: Neighbours | None,
        *,
        max_new_tokens: int,
        beams: int = 1,
    ) -> list[Generated]:
        """One answer for each prompt of ``frame``; ``passages`` are the last chunk's neighbours."""
        last = frame.ids.shape[1] // self.chunk_length - 1
        return generate(
            model,
            torch.from_numpy(frame.ids).to(model.device),
            torch.from_numpy(frame.mask).to(model.device),
            retrieve=None if passages is None else same_passages(passages, last),
            max_new_tokens=max_new_tokens,
            end_token=self.end,
            beams=beams,
        )

    def answer(self, generated: Generated, passages: Sequence[Passage]) -> Answer:
        """Generated tokens as text, spelled as in the first passage that has them.

        The score is the mean log-probability of the answer's tokens, its end included. Evidence is
        the first passage whose text contains the answer, if one does; of a title only the spelling
        is used.
        """
        score = generated.score / (len(generated.tokens) + 1)
        tokens = list(generated.tokens)
        plain = str(self._tokenizer.decode(tokens, skip_special_tokens=True)).strip()
        if not plain:
            return Answer("", score)
        for passage in passages:
            if place := self.locate(generated.tokens, passage.text):
                start, end = place
                return Answer(passage.text[start:end], score, passage.id, start, end)
        for passage in passages:
            if place := self.locate(generated.tokens, passage.title):
                return Answer(passage.title[slice(*place)], score)
        return Answer(plain, score)

    def locate(self, tokens: Sequence[int], text: str) -> tuple[int, int] | None:
        """Character span of ``text`` (end exclusive) with these tokens, whole words only."""
        if not tokens or not text:
            return None
        encoding = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        ids, places, target = encoding["input_ids"], encoding["offset_mapping"], list(tokens)
        for at in range(len(ids) - len(target) + 1):
            if ids[at : at + len(target)] != target:
                continue
            start, end = places[at][0], places[at + len(target) - 1][1]
            left, right = text[start - 1 : start] if start else "", text[end : end + 1]
            cut_left = left.isalnum() and text[start].isalnum()
            if not cut_left and not (right.isalnum() and text[end - 1].isalnum()):
                return start, end
        return None
