"""Configurations by name: ``mini`` for CPU, and the paper's four (table 1, §2.5, appendix C)."""

from __future__ import annotations

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
