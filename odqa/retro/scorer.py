"""A RETRO checkpoint at work as a ranker: texts in, scores out, one question at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from odqa.encoders.heads import load_tokenizer
from odqa.encoders.tokens import TextTokens
from odqa.errors import CheckpointError
from odqa.retro.frames import Frame, LayoutName, frame_pairs, frame_questions, pad_passages
from odqa.retro.joint import attention_scores, token_attention
from odqa.retro.layouts import (
    NeighbourKeys,
    SharedPrefix,
    encode_candidates,
    project_candidates,
    push,
    share_prefix,
)
from odqa.retro.likelihood import suffix_likelihood
from odqa.retro.model import RetroModel
from odqa.retro.offline import encode_neighbours, project_kv, prompt_chunk, stack_kv, unstack_kv
from odqa.retro.prepacked import prepack
from odqa.retro.ranking import take_suffix
from odqa.retro.ranking_settings import RankingSettings
from odqa.retro.similarity import encode_questions, relevance, similarities

ScoreMode = Literal["head", "question_likelihood", "attention"]


@dataclass(frozen=True)
class Asked:
    """A question ready to meet candidates.

    ``ids`` and ``mask`` [1, T]; ``scored`` [1]; ``vector`` [1, e], None without similarity;
    ``shared`` is None where every candidate gets a full forward.
    """

    ids: Tensor
    mask: Tensor
    scored: Tensor
    vector: Tensor | None
    shared: SharedPrefix | None


@dataclass(frozen=True)
class Candidates:
    """Passages as the decoder reads them: ``states`` [1, n, r, e], ``mask`` [1, n, r]."""

    states: Tensor
    mask: Tensor
    keys: NeighbourKeys | None = None


class RetroScorer:
    """Model, tokenizer and settings of one checkpoint folder.

    Args:
        folder: in the format of `RetroModel.save_pretrained`, with a tokenizer beside it.
        name: how the user calls it, for messages.
        layout: None takes the one it was trained with.
        similarity: None takes the weight it was trained with.
        passage_tokens: None takes the model's neighbour length.

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
        self.model = RetroModel.from_pretrained(folder, device=device or "cpu", dtype=dtype)
        prepack(self.model)
        self.settings = RankingSettings.read(folder)
        self.layout: LayoutName = layout or self.settings.layout
        self.similarity = self.settings.similarity if similarity is None else similarity
        config = self.model.config
        self.passage_tokens = passage_tokens or config.neighbour_length
        stack = config.encoder
        if stack.position == "absolute" and self.passage_tokens > stack.max_positions:
            raise CheckpointError(
                f"takes {stack.max_positions} tokens, passage_tokens is {self.passage_tokens}",
                where=name,
                cure=f"set passage_tokens to {stack.max_positions} or less",
            )
        tokenizer = load_tokenizer(folder, name)
        if len(tokenizer) > config.vocab_size:
            raise CheckpointError(
                f"its tokenizer knows {len(tokenizer)} tokens, its model {config.vocab_size}",
                where=name,
                cure="name a checkpoint whose files belong together",
            )
        self._tokens = TextTokens(tokenizer, self.passage_tokens)
        self._end = end_token(tokenizer, name)

    def tokenise(self, texts: Sequence[str]) -> tuple[list[list[int]], int]:
        """Token ids of passages, markers included, and how many were cut off."""
        found = self._tokens(texts)
        return found.ids, found.truncated

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character offsets of the tokens that `tokenise` makes of a passage."""
        return self._tokens.spans(text)

    def question_ids(self, text: str) -> list[int]:
        """A question with its markers, cut to a chunk."""
        (bare,) = self._tokens.bare([text])
        return self._tokens.marked(bare[: self.model.config.chunk_length - self._tokens.markers])

    def frame(self, text: str, mode: ScoreMode) -> Frame:
        """The question as it is laid out over chunks."""
        m = self.model.config.chunk_length
        (bare,) = self._tokens.bare([text])
        before = self._tokens.marked([])[:-1] if self._tokens.markers > 1 else []
        if mode == "question_likelihood":
            tail = [[*bare[: m - 1], self._end]]
            return frame_pairs([self.prompt_ids()], tail, chunk_length=m, pad_id=self._tokens.pad)
        return frame_questions(
            [[*before, *bare[: m - self._tokens.markers]]],
            self.layout,
            chunk_length=m,
            score_token=self._end,
            pad_id=self._tokens.pad,
            prompt=self.prompt_ids(),
        )

    def prompt_ids(self) -> list[int]:
        """The constant first chunk."""
        (bare,) = self._tokens.bare([self.settings.prompt])
        return self._tokens.marked(bare)[: self.model.config.chunk_length]

    def depends_on_question(self, mode: ScoreMode) -> bool:
        """Whether neighbour encodings can only be made once the question is known."""
        constant = self.layout == "prompt" or mode == "question_likelihood"
        return self.model.config.conditioned and not constant

    def ask(self, text: str, mode: ScoreMode, *, naive: bool = False) -> Asked:
        """Everything of a question that its candidates share."""
        frame = self.frame(text, mode)
        ids, mask = self._tensor(frame.ids), self._tensor(frame.mask)
        vector = None
        if mode == "head" and self.similarity:
            alone = self._tensor(np.array([self.question_ids(text)], np.int64))
            vector = encode_questions(self.model, alone, torch.ones_like(alone))
        # The last token's own likelihood is read before it is fed.
        end = -1 if mode == "question_likelihood" else None
        shared = None if naive else share_prefix(self.model, ids[:, :end], mask[:, :end])
        return Asked(ids, mask, self._tensor(frame.scored), vector, shared)

    def encode(self, asked: Asked, passages: Sequence[Sequence[int]]) -> Candidates:
        """Read passages for this question."""
        ids, mask = self._padded(passages)
        return Candidates(encode_candidates(self.model, asked.shared, ids, mask), mask)

    def score(self, asked: Asked, found: Candidates, mode: ScoreMode) -> Tensor:
        """Scores [n], each candidate alone; for ``attention`` all share one softmax."""
        shared, model = asked.shared, self.model
        assert shared is not None
        if mode == "head":
            scores = relevance(
                model,
                shared,
                found.states,
                found.mask,
                asked.scored,
                asked.vector,
                self.similarity,
                found.keys,
            )
        elif mode == "attention":
            scores = attention_scores(model, shared, found.states, found.mask, "mass")
        else:
            keys = found.keys or project_candidates(model, found.states)
            hidden = push(model, shared, keys, found.mask)
            scores = suffix_likelihood(model, shared, hidden, asked.ids, asked.mask)
        return scores[0].float()

    def attention(self, asked: Asked, found: Candidates) -> Tensor:
        """What each token of the candidates gets of the question's attention [n, r], in sum 1.

        All are read at once, as RETRO reads its neighbours, whatever the mode scores by.
        """
        assert asked.shared is not None
        return token_attention(self.model, asked.shared, found.states, found.mask)[0].float()

    def score_naive(self, asked: Asked, passages: Sequence[Sequence[int]]) -> Tensor:
        """Scores [n] of the head by one full forward for each candidate."""
        ids, mask = self._padded(passages)
        n = ids.shape[1]
        out = self.model(
            asked.ids.expand(n, -1),
            asked.mask.expand(n, -1),
            ids[0][:, None, None],
            mask[0][:, None, None],
            with_logits=False,
        )
        suffix = out.hidden[None, :, self.model.config.chunk_length - 1 :]
        scores = self.model.score(take_suffix(suffix, asked.scored))
        if asked.vector is not None:
            states = out.encoded[:, 0, 0][None]
            scores = scores + self.similarity * similarities(asked.vector, states, mask)
        return scores[0].float()

    def answer_likelihood(
        self, question: str, answer: str, passages: Sequence[Sequence[int]]
    ) -> Tensor:
        """Log-likelihood [n] of an answer after the question, under each passage: a teacher."""
        m = self.model.config.chunk_length
        (tail,) = self._tokens.bare([answer])
        frame = frame_pairs(
            [self.question_ids(question)],
            [[*tail[: m - 1], self._end]],
            chunk_length=m,
            pad_id=self._tokens.pad,
        )
        ids, mask = self._tensor(frame.ids), self._tensor(frame.mask)
        shared = share_prefix(self.model, ids[:, :-1], mask[:, :-1])
        asked = Asked(ids, mask, self._tensor(frame.scored), None, shared)
        return self.score(asked, self.encode(asked, passages), "question_likelihood")

    def width(self, keys: bool) -> int:
        """Numbers per token that `pack` writes."""
        config = self.model.config
        more = 2 * len(config.decoder.cross_layers) * config.decoder.width if keys else 0
        return config.encoder.d_model + more

    @torch.inference_mode()
    def pack(self, passages: Sequence[Sequence[int]], keys: bool) -> list[np.ndarray]:
        """What can be stored of passages: float32 [tokens, width] each.

        Raises:
            ValueError: the encodings depend on the question (`depends_on_question`).
        """
        ids, mask = self._padded(passages)
        chunk = self._prompt() if self.model.config.conditioned else None
        states = encode_neighbours(self.model, ids[0], mask[0], chunk)
        rows = states
        if keys:
            kv = stack_kv(project_kv(self.model, states))
            rows = torch.cat((states, kv.permute(0, 4, 1, 2, 3, 5).flatten(3).flatten(2)), -1)
        each = rows.float().cpu().numpy()
        return [row[: len(ids)] for row, ids in zip(each, passages, strict=True)]

    def unpack(self, rows: np.ndarray, mask: np.ndarray, keys: bool) -> Candidates:
        """From stored rows [n, r, width] and their mask [n, r]."""
        dtype, config = self.model.token_table().dtype, self.model.config
        whole = self._tensor(rows).to(dtype)
        seen = self._tensor(mask)[None]
        states = whole[None, ..., : config.encoder.d_model]
        if not keys:
            return Candidates(states, seen)
        stack = config.decoder
        shape = (len(stack.cross_layers), 2, stack.heads, stack.head_dim)
        kv: Tensor = torch.unflatten(whole[..., config.encoder.d_model :], -1, shape)
        return Candidates(states, seen, unstack_kv(self.model, kv.permute(0, 2, 3, 4, 1, 5)))

    def _prompt(self) -> tuple[Tensor, Tensor]:
        m = self.model.config.chunk_length
        frame = frame_pairs(
            [self.prompt_ids()], [[self._end]], chunk_length=m, pad_id=self._tokens.pad
        )
        ids, mask = self._tensor(frame.ids), self._tensor(frame.mask)
        return prompt_chunk(self.model, ids[0, :m], mask[0, :m])

    def _padded(self, passages: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        ids, mask = pad_passages(passages, length=self.passage_tokens, pad_id=self._tokens.pad)
        return self._tensor(ids)[None], self._tensor(mask)[None]

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.model.device)


def joined(parts: Sequence[Candidates]) -> Candidates:
    """Batches of one question's candidates, padded to the longest, side by side."""
    longest = max(part.mask.shape[2] for part in parts)

    def wide(t: Tensor) -> Tensor:
        fill = t.new_zeros(*t.shape[:2], longest - t.shape[2], *t.shape[3:])
        return torch.cat((t, fill), 2)

    states = torch.cat([wide(part.states) for part in parts], 1)
    return Candidates(states, torch.cat([wide(part.mask) for part in parts], 1))


def end_token(tokenizer: Any, name: str) -> int:
    """What ends a text: the separator, else the end token; CheckpointError where there is none."""
    for token in (tokenizer.sep_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise CheckpointError(
        "its tokenizer has neither a separator nor an end token",
        where=name,
        cure="add one to its special_tokens_map.json",
    )
