"""Operations of ranking one question, with its own lengths; see `odqa.retro.rank.flops`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from odqa.retro.model.config import RetroConfig
from odqa.retro.rank.flops import UnitCosts

Ready = Literal["online", "encodings", "keys-values"]


def question_gflop(
    config: RetroConfig,
    *,
    mode: str,
    suffix: int,
    passages: Sequence[int],
    ready: Ready = "online",
    naive: bool = False,
    similarity_tokens: int = 0,
) -> float:
    """GFLOP for one question.

    Args:
        mode: ``head``, ``question_likelihood``, ``answer_likelihood`` or ``attention``.
        suffix: question tokens that see passages.
        passages: tokens of each candidate.
        ready: what is precomputed.
        naive: one full forward for each candidate.
        similarity_tokens: question tokens that the neighbour encoder reads; 0 without similarity.
    """
    m, layers = config.chunk_length, config.decoder.layers
    shared_cost = UnitCosts(config, 1)
    total = 0.0 if naive else shared_cost.decoder(m - 1, m / 2, layers)
    if similarity_tokens:
        total += UnitCosts(config, similarity_tokens).encoder()
    if not naive:
        # Below the first cross-attention, and in one pass over all, the suffix runs once.
        is_joint = mode == "attention"
        once = layers if is_joint else config.first_cross_layer - 1
        total += shared_cost.decoder(suffix, m + suffix / 2, once)
        if is_joint:
            total += shared_cost.cross(suffix, sum(passages))
    for tokens in passages:
        cost = UnitCosts(config, tokens)
        if ready == "online":
            total += cost.encoder() + cost.conditioning()
        if ready != "keys-values":
            total += cost.keys_values()
        if naive:
            total += cost.decoder(m - 1 + suffix, (m - 1 + suffix) / 2, layers)
        elif mode != "attention":
            total += cost.decoder(suffix, m + suffix / 2, cost.upper)
        if naive or mode != "attention":
            total += cost.cross(suffix, tokens)
        if mode in ("question_likelihood", "answer_likelihood"):
            total += cost.readout(suffix)
    return total / 1e9
