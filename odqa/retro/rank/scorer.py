"""A RETRO checkpoint as a ranker: from texts to scores, one question at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from odqa.retro.model.layouts import Frame, LayoutName, frame_pairs, frame_questions, prompt_of
from odqa.retro.model.neighbour_keys import project_neighbours
from odqa.retro.offline.checkpoint import Candidates, RetroCheckpoint
from odqa.retro.rank.joint import attention_scores, token_attention
from odqa.retro.rank.likelihood import suffix_likelihood
from odqa.retro.rank.scores import read_out, take_suffix
from odqa.retro.rank.shared_prefix import SharedPrefix, encode_candidates, push, share_prefix
from odqa.retro.rank.similarity import encode_questions, relevance, similarities

ScoreMode = Literal["head", "question_likelihood", "answer_likelihood", "attention"]


@dataclass(frozen=True)
class QuestionState:
    """What scoring candidates needs of a question.

    ``ids`` and ``mask`` [1, T]; ``scored`` is the result of `odqa.retro.rank.scores.read_out`;
    ``vector`` [1, e], None without similarity;
    ``shared`` is None where every candidate gets a full forward.
    """

    ids: Tensor
    mask: Tensor
    scored: Tensor
    vector: Tensor | None
    shared: SharedPrefix | None


class RetroScorer(RetroCheckpoint):
    """A checkpoint with the layout and the similarity weight that it scores with.

    Args:
        folder, name, passage_tokens, device, dtype: see `RetroCheckpoint`.
        layout: None takes the one it was trained with.
        similarity: None takes the weight it was trained with.

    Raises:
        CheckpointError: another kind of checkpoint, or an incomplete one.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        layout: LayoutName | None = None,
        similarity: float | None = None,
        passage_tokens: int | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(folder, name, passage_tokens=passage_tokens, device=device, dtype=dtype)
        self.layout: LayoutName = layout or self.settings.layout
        self.similarity = self.settings.similarity if similarity is None else similarity

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character offsets of the tokens that `tokenise` makes of a passage."""
        return self.tokens.spans(text)

    def question_ids(self, text: str) -> list[int]:
        """A question with its markers, cut to a chunk."""
        (bare,) = self.tokens.bare([text])
        return self.tokens.marked(bare[: self.model.config.chunk_length - self.tokens.markers])

    def frame(self, text: str, mode: ScoreMode) -> Frame:
        """The question laid out over chunks."""
        m = self.model.config.chunk_length
        (bare,) = self.tokens.bare([text])
        markers = self.tokens.marked([])[:-1] if self.tokens.markers > 1 else []
        if mode == "question_likelihood":
            tail = [[*bare[: m - 1], self.end]]
            return frame_pairs([self.prompt_ids()], tail, chunk_length=m, pad_id=self.tokens.pad)
        return frame_questions(
            [[*markers, *bare[: m - self.tokens.markers]]],
            self.layout,
            chunk_length=m,
            score_token=self.end,
            pad_id=self.tokens.pad,
            prompt=self.prompt_ids(),
        )

    def depends_on_question(self, mode: ScoreMode) -> bool:
        """Whether neighbour encodings can only be made once the question is known."""
        constant = self.layout == "prompt" and mode != "answer_likelihood"
        constant = constant or mode == "question_likelihood"
        return self.model.config.conditioned and not constant

    def ask(self, text: str, mode: ScoreMode, *, naive: bool = False) -> QuestionState:
        """Everything of a question that its candidates share."""
        frame = self.frame(text, mode)
        ids, mask = self.tensor(frame.ids), self.tensor(frame.mask)
        vector = None
        if mode == "head" and self.similarity:
            alone = self.tensor(np.array([self.question_ids(text)], np.int64))
            vector = encode_questions(self.model, alone, torch.ones_like(alone))
        # The last token's own likelihood is read before it is fed.
        end = -1 if mode == "question_likelihood" else None
        shared = None if naive else share_prefix(self.model, ids[:, :end], mask[:, :end])
        scored = read_out(self.tensor(frame.scored), frame.suffix, self.settings.readout)
        return QuestionState(ids, mask, scored, vector, shared)

    def encode(self, question: QuestionState, passages: Sequence[Sequence[int]]) -> Candidates:
        """Encode passages for this question."""
        ids, mask = self.padded(passages)
        return Candidates(encode_candidates(self.model, question.shared, ids, mask), mask)

    def score(self, question: QuestionState, candidates: Candidates, mode: ScoreMode) -> Tensor:
        """Scores [n], each candidate alone; for ``attention`` all share one softmax."""
        shared, model = question.shared, self.model
        assert shared is not None
        if mode == "head":
            scores = relevance(
                model,
                shared,
                candidates.states,
                candidates.mask,
                question.scored,
                question.vector,
                self.similarity,
                candidates.keys,
            )
        elif mode == "attention":
            scores = attention_scores(model, shared, candidates.states, candidates.mask, "mass")
        else:
            keys = candidates.keys or project_neighbours(model, candidates.states)
            hidden = push(model, shared, keys, candidates.mask)
            scores = suffix_likelihood(model, shared, hidden, question.ids, question.mask)
        return scores[0].float()

    def attention(self, question: QuestionState, candidates: Candidates) -> Tensor:
        """The question's attention to each token of the candidates [n, r]; sums to 1.

        All candidates are read at once, as RETRO reads its neighbours, in every mode.
        """
        assert question.shared is not None
        states, mask = candidates.states, candidates.mask
        return token_attention(self.model, question.shared, states, mask)[0].float()

    def score_naive(self, question: QuestionState, passages: Sequence[Sequence[int]]) -> Tensor:
        """Scores [n] of the head by one full forward for each candidate."""
        ids, mask = self.padded(passages)
        n = ids.shape[1]
        out = self.model(
            question.ids.expand(n, -1),
            question.mask.expand(n, -1),
            ids[0][:, None, None],
            mask[0][:, None, None],
            with_logits=False,
        )
        suffix = out.hidden[None, :, self.model.config.chunk_length - 1 :]
        scores = self.model.score(take_suffix(suffix, question.scored))
        if question.vector is not None:
            states = out.encoded[:, 0, 0][None]
            scores = scores + self.similarity * similarities(question.vector, states, mask)
        return scores[0].float()

    def frame_answer(self, text: str, answer: str) -> Frame:
        """A reader's prompt for a question, cut to a chunk, followed by an answer."""
        m = self.model.config.chunk_length
        prompt, tail = self.tokens.bare([prompt_of(text), answer])
        return frame_pairs(
            [prompt], [[*tail[: m - 1], self.end]], chunk_length=m, pad_id=self.tokens.pad
        )

    def ask_answer(self, text: str, answer: str) -> QuestionState:
        """A question with an answer, whose likelihood given each passage is the score."""
        frame = self.frame_answer(text, answer)
        ids, mask = self.tensor(frame.ids), self.tensor(frame.mask)
        shared = share_prefix(self.model, ids[:, :-1], mask[:, :-1])
        return QuestionState(ids, mask, self.tensor(frame.scored), None, shared)


def joined(parts: Sequence[Candidates]) -> Candidates:
    """Batches of one question's candidates, padded to the longest, side by side."""
    longest = max(part.mask.shape[2] for part in parts)

    def wide(t: Tensor) -> Tensor:
        fill = t.new_zeros(*t.shape[:2], longest - t.shape[2], *t.shape[3:])
        return torch.cat((t, fill), 2)

    states = torch.cat([wide(part.states) for part in parts], 1)
    return Candidates(states, torch.cat([wide(part.mask) for part in parts], 1))
