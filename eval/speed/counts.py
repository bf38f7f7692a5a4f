"""Operations of one forward pass on both sides, by hand-checkable formulas.

Every matrix product of a pass counts, a multiplication and an addition as two; attention counts
as if nothing were masked. Norms, activations and softmax are left out.
"""

from __future__ import annotations

from eval.speed.sizes import Sizes


def forward_gflop(sizes: Sizes, position: str) -> float:
    """Ours, with positions ``xl`` (the paper's) or ``rope``."""
    a, xl = sizes.inner, position == "xl"
    total = _common(sizes)
    # The chunk is projected once for all of its neighbours.
    total += 4 * _chunk_tokens(sizes) * sizes.width * a
    if xl:
        total += _distances(sizes)
    return total / 1e9


def peer_gflop(sizes: Sizes) -> float:
    """retro-pytorch: the chunk is copied and projected for each neighbour, and encodings are
    projected once more; chunked cross-attention has one more key, a learned null."""
    d, a = sizes.width, sizes.inner
    groups = sizes.batch * sizes.chunks
    copied = sizes.neighbours * _chunk_tokens(sizes)
    read = groups * sizes.neighbours * sizes.retrieved
    null = len(sizes.cross_layers) * groups * sizes.chunk * 4 * a
    return (_common(sizes) + 4 * copied * d * a + 2 * read * d * d + null) / 1e9


def forward_parameters(sizes: Sizes, position: str) -> int:
    """Ours, without biases."""
    d, a = sizes.width, sizes.inner
    attentions = _attentions(sizes)
    places = attentions * (d * a + 2 * a) if position == "xl" else 0
    feed_forward = (sizes.layers + sizes.encoder_layers) * 2 * sizes.feed_forward * d * d
    # One norm before each sub-layer, one more on the chunk that conditions, one at each end.
    norms = attentions + sizes.layers + sizes.encoder_layers + len(sizes.encoder_cross_layers) + 2
    return 2 * sizes.vocabulary * d + attentions * 4 * d * a + places + feed_forward + norms * d


def peer_parameters(sizes: Sizes) -> int:
    """retro-pytorch: no W_R, but biases, nulls, absolute positions and the encoder's projection."""
    d, a, inner = sizes.width, sizes.inner, sizes.feed_forward * sizes.width
    attentions = _attentions(sizes)
    blocks = sizes.layers + sizes.encoder_layers
    attention = attentions * (4 * d * a + d) + len(sizes.cross_layers) * 2 * a
    feed_forward = blocks * (2 * d * inner + inner + d)
    norms = (attentions + blocks + 2) * d
    tables = 2 * sizes.vocabulary * d + sizes.vocabulary + sizes.tokens * d
    return attention + feed_forward + norms + tables + d * d + d


def _attentions(sizes: Sizes) -> int:
    cross = len(sizes.cross_layers) + len(sizes.encoder_cross_layers)
    return sizes.layers + sizes.encoder_layers + cross


def _chunk_tokens(sizes: Sizes) -> int:
    return sizes.batch * sizes.chunks * sizes.chunk * len(sizes.encoder_cross_layers)


def _common(sizes: Sizes) -> float:
    """All but the projection of the retrieving chunk's keys and values."""
    d, a, f = sizes.width, sizes.inner, sizes.feed_forward * sizes.width
    n, t, m, r = sizes.batch * sizes.tokens, sizes.tokens, sizes.chunk, sizes.retrieved
    attending = sizes.batch * sizes.chunks * m
    read = sizes.batch * sizes.chunks * sizes.neighbours * r
    block = 8 * d * a + 4 * d * f
    decoder = sizes.layers * n * (block + 4 * t * a)
    encoder = sizes.encoder_layers * read * (block + 4 * r * a)
    conditioning = len(sizes.encoder_cross_layers) * read * (4 * d * a + 4 * m * a)
    cross = attending * (4 * d * a + 4 * sizes.neighbours * r * a) + 4 * read * d * a
    return decoder + encoder + conditioning + len(sizes.cross_layers) * cross + _readout(sizes, n)


def _readout(sizes: Sizes, tokens: int) -> float:
    return 2 * tokens * sizes.width * sizes.vocabulary


def _distances(sizes: Sizes) -> float:
    """Queries times projected distances; the projections are kept between passes."""
    a, b, m, r = sizes.inner, sizes.batch, sizes.chunk, sizes.retrieved
    groups = b * sizes.chunks
    read = groups * sizes.neighbours * r
    decoder = sizes.layers * b * sizes.tokens * sizes.tokens
    encoder = sizes.encoder_layers * read * (2 * r - 1)
    conditioning = len(sizes.encoder_cross_layers) * read * (r + m - 1)
    cross = len(sizes.cross_layers) * groups * m * (m + r - 1)
    return 2 * a * (decoder + encoder + conditioning + cross)
