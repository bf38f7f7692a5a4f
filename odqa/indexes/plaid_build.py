"""Building an index for colbert-ai's PLAID from token vectors that are there.

What ``CollectionIndexer`` of colbert-ai 0.2.22 does on the CPU: sample and seeds, k-means, cut-offs
and compression; the last two are its own code. Its run is not used whole, since it encodes with its
own checkpoint class, prints, and hands everything on in pickled files. The files here are the
numpy arrays of `odqa.indexes.compressed_files`, and no pickle is written or read.
"""

from __future__ import annotations

import io
import random
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from odqa.errors import ComponentError
from odqa.indexes.colbert_ai import colbert_ai
from odqa.indexes.compressed_files import CODEC, new_array, write_lists, write_recall
from odqa.indexes.config import PlaidTokens
from odqa.indexes.token_centroids import train_centroids
from odqa.indexes.token_store import TokenStore
from odqa.progress import progress

# Dot products with centroids at once. colbert-ai takes 16 times as many: 2 GiB.
_PRODUCTS = 2**25
# Of the sample, for the cut-offs: a share, most vectors, and most numbers that torch sorts.
_HELD_OUT, _MOST_HELD_OUT, _MOST_NUMBERS = 0.05, 50_000, 2**24
# Tokens that colbert-ai expects of a passage when it decides how many passages to sample.
_TYPICAL_TOKENS = 120


def check_width(dim: int, config: PlaidTokens) -> None:
    """Raises ComponentError where colbert-ai cannot pack vectors of this width."""
    if dim % (8 * config.nbits):
        raise ComponentError(
            f"token vectors are {dim} wide: colbert-ai takes multiples of {8 * config.nbits} "
            f"with nbits: {config.nbits}",
            where="index.nbits",
            cure="set fewer, or index.type to residual",
        )


def build_plaid_index(folder: Path, store: TokenStore, config: PlaidTokens) -> None:
    """Compress a token store into ``folder``; recall is still to be measured.

    Deterministic by ``config.seed``, which no other random numbers depend on.

    Raises:
        ComponentError: a width that cannot be packed, or more centroids than sampled vectors.
    """
    import torch

    total, dim = store.vectors.shape
    check_width(dim, config)
    sample, held_out = _samples(store, config.seed)
    default = 2 ** int(np.log2(16 * total**0.5))
    count = config.centroids or min(len(sample), default)
    if count > len(sample):
        raise ComponentError(
            f"{count:,} centroids of {len(sample):,} sampled token vectors",
            where="index.centroids",
            cure="set fewer, or leave it out",
        )
    means = train_centroids(sample.float().numpy(), count, config.kmeans_niters)
    centroids = torch.nn.functional.normalize(torch.from_numpy(means), dim=-1)
    codec = _codec(centroids, held_out, dim, config.nbits)
    codes = new_array(folder, "codes", np.int32, (total,))
    residuals = new_array(folder, "residuals", np.uint8, (total, dim * config.nbits // 8))
    step = max(1, _PRODUCTS // count)
    starts = range(0, total, step)
    for start in progress(starts, "compressing token vectors", len(starts), unit="block"):
        part = slice(start, start + step)
        packed = codec.compress(torch.from_numpy(np.array(store.vectors[part])))
        codes[part], residuals[part] = packed.codes.numpy(), packed.residuals.numpy()
    codes.flush()
    residuals.flush()
    arrays = (codec.centroids, codec.bucket_cutoffs, codec.bucket_weights)
    for name, array in zip(CODEC, arrays, strict=True):
        np.save(folder / f"{name}.npy", array.numpy())
    np.save(folder / "offsets.npy", store.offsets)
    write_lists(folder, codes, store.offsets, count)
    write_recall(folder, {})


def _samples(store: TokenStore, seed: int) -> tuple[Any, Any]:
    """Vectors to train on, and others held out for the cut-offs: float16 tensors [n, dim].

    Random numbers are drawn as by ``_sample_pids`` and ``_concatenate_and_split_sample``.
    """
    import torch

    size = min(len(store), 1 + int(16 * (_TYPICAL_TOKENS * len(store)) ** 0.5))
    rows = sorted(random.Random(seed).sample(range(len(store)), size))
    vectors = torch.from_numpy(store.gather(rows)[0])
    generator = torch.Generator().manual_seed(seed)
    vectors = vectors[torch.randperm(len(vectors), generator=generator)]
    held_out = int(min(_HELD_OUT * len(vectors), _MOST_HELD_OUT))
    if not held_out:
        # Under 20 vectors colbert-ai would take quantiles of nothing.
        return vectors, vectors
    split = len(vectors) - held_out
    return vectors[:split], vectors[split:][: _MOST_NUMBERS // vectors.shape[1]]


def _codec(centroids: Any, held_out: Any, dim: int, nbits: int) -> Any:
    """colbert-ai's codec, with cut-offs and values of the differences of held-out vectors."""
    home = colbert_ai()
    settings = plaid_settings(dim=dim, nbits=nbits)
    indexer = home.indexer.__new__(home.indexer)
    indexer.config, indexer.use_gpu, indexer.verbose = settings, False, 0
    # It prints the mean differences.
    with redirect_stdout(io.StringIO()):
        cutoffs, weights, mean = indexer._compute_avg_residual(centroids, held_out)
    # It keeps centroids in 16 bits, and compresses with those.
    return home.codec(settings, centroids.half(), mean, cutoffs, weights)


def plaid_settings(**keys: Any) -> Any:
    """A ``ColBERTConfig`` that uses no GPU: its kernels there score in 16 bits."""
    settings = colbert_ai().config(**keys)
    settings.total_visible_gpus = 0
    return settings
