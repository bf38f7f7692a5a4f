"""How a RETRO model is asked and answers: the one place for what it is shown.

The paper's set-up (Borgeaud et al. 2021, section 4.3): the prompt is padded on the left so that
``answer:`` ends a chunk, whose neighbours are the passages. A passage is shown as everywhere else
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
    """Texts to prompts and passages of one kind of model, generated tokens to answers.

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
        """Prompts that end a chunk; ``contexts`` (RETRO++) stand before them, one for each."""
        before = None
        if contexts is not None:
            room = self.tokens.max_length
            texts = [passage.full_text for passage in contexts]
            before = [ids[:room] for ids in self.tokens.bare(texts)]
        return frame_prompts(
            self.tokens.bare([prompt_of(question) for question in questions]),
            chunk_length=self.chunk_length,
            pad_id=self.tokens.pad,
            contexts=before,
        )

    def neighbours(
        self, passages: Sequence[Sequence[Passage]], device: torch.device
    ) -> Neighbours | None:
        """What each question reads, as token ids with l = 1; None where none reads anything."""
        most = max(len(each) for each in passages)
        if most == 0:
            return None
        # Rows with fewer passages are filled with empty ones, which nothing can attend to.
        rows = [[*self.read(each), *[[]] * (most - len(each))] for each in passages]
        ids, mask = pad_passages(
            [row for each in rows for row in each],
            length=self.tokens.max_length,
            pad_id=self.tokens.pad,
        )
        shape = (len(rows), 1, most, ids.shape[1])
        return Neighbours(
            torch.from_numpy(mask.reshape(shape)).to(device),
            ids=torch.from_numpy(np.ascontiguousarray(ids.reshape(shape))).to(device),
        )

    def generate(
        self,
        model: RetroModel,
        frame: Frame,
        found: Neighbours | None,
        *,
        max_new_tokens: int,
        beams: int = 1,
    ) -> list[Generated]:
        """One answer for each prompt of ``frame``; the last chunk's neighbours are ``found``."""
        last = frame.ids.shape[1] // self.chunk_length - 1
        return generate(
            model,
            torch.from_numpy(frame.ids).to(model.device),
            torch.from_numpy(frame.mask).to(model.device),
            retrieve=None if found is None else same_passages(found, last),
            max_new_tokens=max_new_tokens,
            end_token=self.end,
            beams=beams,
        )

    def answer(self, made: Generated, passages: Sequence[Passage]) -> Answer:
        """Generated tokens as text, spelled as in the first passage that has them.

        The score is the mean log-probability of the answer's tokens, its end included. Evidence is
        the first passage whose text contains the answer, if one does; a title lends its spelling
        only.
        """
        score = made.score / (len(made.tokens) + 1)
        plain = str(self._tokenizer.decode(list(made.tokens), skip_special_tokens=True)).strip()
        if not plain:
            return Answer("", score)
        for passage in passages:
            if place := self.locate(made.tokens, passage.text):
                start, end = place
                return Answer(passage.text[start:end], score, passage.id, start, end)
        for passage in passages:
            if place := self.locate(made.tokens, passage.title):
                return Answer(passage.title[slice(*place)], score)
        return Answer(plain, score)

    def locate(self, tokens: Sequence[int], text: str) -> tuple[int, int] | None:
        """Characters of ``text`` (end exclusive) that read as these tokens, whole words only."""
        if not tokens or not text:
            return None
        read = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        ids, places, wanted = read["input_ids"], read["offset_mapping"], list(tokens)
        for at in range(len(ids) - len(wanted) + 1):
            if ids[at : at + len(wanted)] != wanted:
                continue
            start, end = places[at][0], places[at + len(wanted) - 1][1]
            before, after = text[start - 1 : start] if start else "", text[end : end + 1]
            cut_before = before.isalnum() and text[start].isalnum()
            if not cut_before and not (after.isalnum() and text[end - 1].isalnum()):
                return start, end
        return None
