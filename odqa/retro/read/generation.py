"""Greedy and beam search on the cached decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from odqa.retro.model.attention import KeyValues
from odqa.retro.model.decoding import CachedDecoder, Retrieve
from odqa.retro.model.model import Neighbours, RetroModel, left_pad


@dataclass(frozen=True)
class Generated:
    """New tokens without the end token, and the sum of log-probabilities, end token included."""

    tokens: tuple[int, ...]
    score: float


def same_passages(neighbours: Neighbours, first_chunk: int) -> Retrieve:
    """Give every chunk from ``first_chunk`` on the same neighbours; earlier ones see nothing.

    ``neighbours`` has l = 1 and one row for each question; beams of a question share its row.
    """

    def retrieve(ids: Tensor, mask: Tensor, chunk: int) -> Neighbours | None:
        del mask
        if chunk < first_chunk:
            return None
        beams = ids.shape[0] // neighbours.mask.shape[0]

        def spread(t: Tensor | None) -> Tensor | None:
            return None if t is None else t.repeat_interleave(beams, 0)

        keys = neighbours.keys and {
            layer: KeyValues(*(part.repeat_interleave(beams, 0) for part in pair))
            for layer, pair in neighbours.keys.items()
        }
        token_mask = neighbours.mask.repeat_interleave(beams, 0)
        return Neighbours(token_mask, spread(neighbours.ids), spread(neighbours.encoded), keys)

    return retrieve


@torch.no_grad()
def generate(
    model: RetroModel,
    ids: Tensor,
    mask: Tensor | None = None,
    *,
    retrieve: Retrieve | None = None,
    max_new_tokens: int = 32,
    end_token: int | None = None,
    beams: int = 1,
    length_penalty: float = 1.0,
) -> list[Generated]:
    """Continue prompts [B, T], padded left where ``mask`` is false.

    Args:
        retrieve: neighbours for each chunk that fills up; None is closed-book.
        end_token: stops a sequence; None runs to ``max_new_tokens``.
        beams: 1 is greedy.
        length_penalty: finished beams are ranked by score / length ** penalty.

    Returns:
        The best continuation of each prompt.
    """
    fill = model.fill(ids.shape[1])
    if fill:
        ids, mask = left_pad(ids, None if mask is None else mask.bool(), fill, model.config.pad_id)
    decoder = CachedDecoder(model, retrieve)
    search = _Beams(ids.shape[0], beams, end_token, length_penalty, ids.device)
    wide = ids.repeat_interleave(beams, 0)
    wide_mask = None if mask is None else mask.repeat_interleave(beams, 0)
    hidden = decoder.feed(wide, wide_mask)
    for step in range(max_new_tokens):
        rows, tokens = search.advance(model.logits(hidden[:, -1]))
        if search.done or step == max_new_tokens - 1:
            break
        if beams > 1:
            decoder.reorder(rows)
        hidden = decoder.feed(tokens[:, None])
    return search.best()


class _Beams:
    """The open beams [B, beams] and the finished ones of every prompt."""

    def __init__(
        self, batch: int, beams: int, end: int | None, penalty: float, device: torch.device
    ) -> None:
        self.batch, self.beams, self.end, self.penalty = batch, beams, end, penalty
        self.scores = torch.full((batch, beams), float("-inf"), device=device)
        # All beams start equal; only the first may score, or they would stay equal.
        self.scores[:, 0] = 0.0
        self.tokens = torch.empty(batch, beams, 0, dtype=torch.long, device=device)
        self.finished: list[list[Generated]] = [[] for _ in range(batch)]

    @property
    def done(self) -> bool:
        """Whether every prompt has as many finished beams as beams were set."""
        return all(len(finished) >= self.beams for finished in self.finished)

    def advance(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Choose the next tokens; returns the rows they extend and the tokens, both [B * beams]."""
        vocab = logits.shape[-1]
        steps = logits.float().log_softmax(-1).reshape(self.batch, self.beams, vocab)
        # An end token closes a beam, so twice the beams leave enough open ones.
        width = min(2 * self.beams, self.beams * vocab)
        scores, flat = (self.scores[..., None] + steps).flatten(1).topk(width)
        parents, tokens = flat // vocab, flat % vocab
        ends = torch.zeros_like(tokens, dtype=torch.bool)
        if self.end is not None:
            ends = tokens == self.end
            self._close(scores, parents, ends)
        order = ends.int().argsort(dim=1, stable=True)[:, : self.beams]
        closed = ends.gather(1, order)
        self.scores = scores.gather(1, order).masked_fill(closed, float("-inf"))
        parents, tokens = parents.gather(1, order), tokens.gather(1, order)
        index = parents[..., None].expand(-1, -1, self.tokens.shape[-1])
        self.tokens = torch.cat((self.tokens.gather(1, index), tokens[..., None]), -1)
        first = torch.arange(self.batch, device=tokens.device)[:, None] * self.beams
        return (first + parents).flatten(), tokens.flatten()

    def best(self) -> list[Generated]:
        """The best finished or open continuation of every prompt."""
        chosen = []
        for row, finished in enumerate(self.finished):
            still_open = [
                Generated(tuple(tokens.tolist()), float(score))
                for tokens, score in zip(self.tokens[row], self.scores[row], strict=True)
            ]
            enough = len(finished) >= self.beams
            chosen.append(max(finished if enough else [*finished, *still_open], key=self._rank))
        return chosen

    def _close(self, scores: Tensor, parents: Tensor, ends: Tensor) -> None:
        # Only an end among the best beams closes one; a worse one is beaten by open beams.
        for row, place in ends[:, : self.beams].nonzero().tolist():
            finished = self.finished[row]
            if len(finished) < self.beams and scores[row, place] > float("-inf"):
                tokens = self.tokens[row, parents[row, place]].tolist()
                finished.append(Generated(tuple(tokens), float(scores[row, place])))

    def _rank(self, generated: Generated) -> float:
        length: float = max(len(generated.tokens), 1) ** self.penalty
        return generated.score / length
