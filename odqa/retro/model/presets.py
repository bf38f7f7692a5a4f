"""Configurations by name: ``mini`` for CPU, and the paper's four (table 1, §2.5, appendix C)."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from odqa.errors import CheckpointError
from odqa.retro.model.config import RetroConfig, StackConfig

PAPER_VOCABULARY = 128_000
WORDPIECES = 30_522
PAPER_ENCODER = StackConfig(
    d_model=896, heads=16, head_dim=64, layers=2, d_ffw=3584, cross_layers=(1,)
)


def _paper(d_model: int, heads: int, head_dim: int, layers: int) -> RetroConfig:
    # Table 10's lists from layer 9 contradict §2.5 and the paper's own counts; from 6 they agree.
    decoder = StackConfig(
        d_model=d_model,
        heads=heads,
        head_dim=head_dim,
        layers=layers,
        d_ffw=4 * d_model,
        cross_layers=tuple(range(6, layers + 1, 3)),
    )
    return RetroConfig(
        vocab_size=PAPER_VOCABULARY,
        decoder=decoder,
        encoder=PAPER_ENCODER,
        share_embeddings=False,
        tied_readout=True,
    )


PRESETS: dict[str, RetroConfig] = {
    "mini": RetroConfig(
        vocab_size=WORDPIECES,
        decoder=StackConfig(
            d_model=512, heads=8, head_dim=64, layers=8, d_ffw=2048, cross_layers=(3, 6)
        ),
        encoder=StackConfig(
            d_model=512, heads=8, head_dim=64, layers=2, d_ffw=2048, cross_layers=(1,)
        ),
        share_embeddings=True,
        score_head=True,
    ),
    "172m": _paper(896, 16, 64, 12),
    "425m": _paper(1536, 12, 128, 12),
    "1.5b": _paper(2048, 16, 128, 24),
    "7.5b": _paper(4096, 32, 128, 32),
}


def preset(name: str) -> RetroConfig:
    """A preset by name, upper or lower case; raises CheckpointError for an unknown one."""
    key = name.lower()
    if key not in PRESETS:
        similar = get_close_matches(key, PRESETS, n=1)
        cure = f"did you mean {similar[0]!r}?" if similar else f"known: {', '.join(PRESETS)}"
        raise CheckpointError(f"no RETRO preset {name!r}", cure=cure)
    return PRESETS[key]


def without_retrieval(config: RetroConfig) -> int:
    """Parameters of the plain decoder a RETRO of this size is compared with."""
    return stack_parameters(replace(config.decoder, cross_layers=()), 0)


def parameters(config: RetroConfig) -> int:
    """Parameters without embeddings and read-out, computed from the configuration."""
    decoder = stack_parameters(config.decoder, config.encoder.d_model)
    encoder = stack_parameters(config.encoder, config.decoder.d_model, norm_source=True)
    return decoder + encoder + (config.decoder.d_model + 1 if config.score_head else 0)


def stack_parameters(c: StackConfig, d_source: int, *, norm_source: bool = False) -> int:
    """Parameters of one stack; its cross-attentions read states of width ``d_source``."""
    norm = 1 if c.norm == "rms" else 2
    out_bias = c.bias if c.out_bias is None else c.out_bias
    gated = 3 if c.ffw in ("geglu", "swiglu") else 2
    ffw = gated * c.d_model * c.d_ffw + out_bias * ((gated - 1) * c.d_ffw + c.d_model)
    block = _attention(c, c.position, c.d_model, out_bias) + ffw + 2 * norm * c.d_model
    cross = _attention(c, c.cross_position, d_source, out_bias) + norm * c.d_model + c.gated
    cross += norm * d_source if norm_source else 0
    ends = (c.final_norm + c.embed_norm) * norm * c.d_model
    return c.layers * block + len(c.cross_layers) * cross + ends


def _attention(c: StackConfig, position: str, source: int, out_bias: bool) -> int:
    places = {"xl": c.d_model * c.width + 2 * c.width, "bias": c.buckets * c.heads}
    projections = 2 * c.d_model * c.width + 2 * source * c.width
    biases = c.bias * 3 * c.width + out_bias * c.d_model
    return projections + biases + places.get(position, 0)
