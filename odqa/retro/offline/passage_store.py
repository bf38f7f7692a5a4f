"""The neighbour store of one checkpoint over one corpus, shared by rankers and readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.devices import device_identity
from odqa.interfaces import Stored
from odqa.prepared_component import Opened
from odqa.retro.offline.neighbour_store import NeighbourStore, passage_neighbours

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.retro.offline.checkpoint import RetroCheckpoint

#: What is precomputed of a passage.
Ready = Literal["online", "encodings", "keys-values"]
# Raised whenever the same checkpoint begins to store other content.
_VERSION = 1


def open_passage_store(
    checkpoint: RetroCheckpoint, cache: Cache, corpus: Corpus, neighbours: Ready, *, budget: int
) -> Opened[NeighbourStore | None]:
    """Open, build or resume building the encodings of all passages; nothing for ``online``.

    The content depends on weights, passage tokens, number format and corpus, and on no parameter of
    a stage: a ranker and a reader with one checkpoint read one store.

    Args:
        neighbours: ``keys-values`` stores those of every cross-attention too.
        budget: tokens per forward pass, padding included.
    """
    if neighbours == "online":
        return Opened(None)
    keys = neighbours == "keys-values"
    identity = {
        "what": "RETRO neighbours",
        "version": _VERSION,
        "checkpoint": checkpoint_fingerprint(checkpoint.folder),
        "prompt": checkpoint.settings.prompt if checkpoint.model.config.conditioned else None,
        "passage_tokens": checkpoint.passage_tokens,
        "keys": keys,
        "dtype": str(checkpoint.model.token_table().dtype),
        "corpus": corpus.fingerprint,
        **device_identity(checkpoint.model.device),
    }
    store = passage_neighbours(
        cache,
        corpus,
        identity,
        dim=checkpoint.width(keys),
        tokenise=checkpoint.tokenise,
        pack=lambda passages: checkpoint.pack(passages, keys),
        budget=budget,
    )
    return Opened(store, (Stored(f"neighbour {neighbours}", store.bytes),))
