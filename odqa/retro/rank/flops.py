"""How many operations each ranking layout takes, by hand-checkable formulas.

One multiplication and one addition count as two. Norms, activations, softmax and the position
logits are left out: they grow linearly with what is counted and are small beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from odqa.retro.model.config import RetroConfig


@dataclass(frozen=True)
class Ranking:
    """A ranking to be counted: candidates, tokens of a question, of a passage, of an answer."""

    candidates: int = 100
    question: int = 20
    passage: int = 128
    answer: int = 5


class UnitCosts:
    """Forward operations of the parts of a model (a float, in FLOP)."""

    def __init__(self, config: RetroConfig, passage: int) -> None:
        self.config, self.r = config, passage
        d, e = config.decoder, config.encoder
        gated = 3 if d.ffw in ("geglu", "swiglu") else 2
        gated_encoder = 3 if e.ffw in ("geglu", "swiglu") else 2
        self._block = 4 * d.d_model * d.width + gated * d.d_model * d.d_ffw
        self._encoder_block = 4 * e.d_model * e.width + gated_encoder * e.d_model * e.d_ffw

    def decoder(self, tokens: float, context: float, layers: int) -> float:
        """``layers`` blocks over ``tokens`` that see ``context`` tokens on average."""
        return layers * tokens * (2 * self._block + 4 * context * self.config.decoder.width)

    def encoder(self) -> float:
        """One passage through the encoder, without conditioning."""
        e, r = self.config.encoder, self.r
        return e.layers * (2 * r * self._encoder_block + 4 * r * r * e.width)

    def conditioning(self) -> float:
        """One passage attending to the retrieving chunk."""
        e, r, m = self.config.encoder, self.r, self.config.chunk_length
        return len(e.cross_layers) * 4 * r * e.width * (e.d_model + m)

    def keys_values(self) -> float:
        """One encoded passage projected for every cross layer."""
        d, e = self.config.decoder, self.config.encoder
        return len(d.cross_layers) * 4 * self.r * e.d_model * d.width

    def cross(self, tokens: float, keys: float) -> float:
        """Chunked cross-attention of ``tokens`` over projected ``keys``."""
        d = self.config.decoder
        return len(d.cross_layers) * 4 * tokens * d.width * (d.d_model + keys)

    def readout(self, tokens: float) -> float:
        """Logits over the whole vocabulary."""
        return 2 * tokens * self.config.decoder.d_model * self.config.vocab_size

    @property
    def upper(self) -> int:
        """Layers from min(P) on, which run for each candidate."""
        return self.config.decoder.layers - self.config.first_cross_layer + 1


def ranking_gflop(config: RetroConfig, ranking: Ranking | None = None) -> dict[str, float]:
    """GFLOP a question needs online under each layout.

    The keys name mode, layout and what is precomputed. ``unconditioned`` counts the same model
    with an empty P_enc; layouts with offline parts are exact only then, or with a constant first
    chunk. Read-out is included where a likelihood needs it.
    """
    size = ranking or Ranking()
    cost = UnitCosts(config, size.passage)
    n, q, s, r, m = (
        size.candidates,
        size.question,
        size.answer,
        size.passage,
        config.chunk_length,
    )
    once = cost.decoder(m, m / 2, config.decoder.layers)
    below = config.first_cross_layer - 1
    encode = cost.encoder() + cost.conditioning() + cost.keys_values()
    one = cost.decoder(1, m, cost.upper) + cost.cross(1, r)
    echo = cost.decoder(q + 2, m + q / 2, cost.upper) + cost.cross(q + 2, r)
    echo_once = once + cost.decoder(q + 1, m + q / 2, below)
    likely = cost.decoder(q, m + q / 2, cost.upper) + cost.cross(q, r) + cost.readout(q)
    likely_once = cost.decoder(q, m + q / 2, below)
    answer = cost.decoder(s, m + s / 2, cost.upper) + cost.cross(s, r) + cost.readout(s)
    mass = cost.decoder(1, m, cost.upper) + cost.cross(1, n * r)
    flop = {
        "head, naive": n * (encode + once + cost.cross(1, r)),
        "head, prefix": once + n * (encode + one),
        "head, prefix, unconditioned": once + n * (encode - cost.conditioning() + one),
        "head, prefix, encodings offline": once + n * (cost.keys_values() + one),
        "head, prefix, keys and values offline": once + n * one,
        "head, echo": echo_once + n * (encode + echo),
        "head, echo, keys and values offline": echo_once + n * echo,
        "question likelihood": likely_once + n * (encode + likely),
        "question likelihood, keys and values offline": likely_once + n * likely,
        "answer likelihood": once + n * (encode + answer),
        "attention mass": once + n * encode + mass,
    }
    return {name: value / 1e9 for name, value in flop.items()}
