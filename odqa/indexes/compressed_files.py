"""Files of a compressed index of token vectors, whoever compressed them.

``centroids.npy`` float32 [c, dim]; ``cutoffs.npy`` float32 [2**bits - 1] and ``values.npy`` float32
[2**bits], of the codec; ``codes.npy`` int32 [tokens], ``residuals.npy`` uint8 [tokens, bytes];
``offsets.npy`` int64 [passages + 1]; for every centroid, the rows of the passages that have it:
``lists.npy`` int32 with ``list_offsets.npy`` int64 [c + 1]; ``recall.json``, as it was measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from odqa.cache.blocks import check_folder
from odqa.errors import CacheError

#: Arrays of the codec, in the order of its arguments.
CODEC = ("centroids", "cutoffs", "values")
_ARRAYS = (*CODEC, "codes", "residuals", "offsets", "lists", "list_offsets")
_RECALL = "recall.json"


def open_arrays(
    folder: Path, mode: Literal["r", "c"] = "r"
) -> tuple[dict[str, np.ndarray], dict[int, float]]:
    """The arrays of an index by name, memory-mapped, and its recall by cut-off.

    Args:
        folder: of the index.
        mode: ``r``; or ``c`` where only a writable array is taken, whose changes reach no file.

    Raises:
        CacheError: the folder holds no complete index.
    """
    check_folder(folder)
    try:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode=mode) for name in _ARRAYS}
        recall = json.loads((folder / _RECALL).read_text(encoding="utf-8"))
        return arrays, {int(key): float(share) for key, share in recall.items()}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise CacheError(
            f"no readable index ({error})",
            where=str(folder),
            cure="delete the folder and run again",
        ) from error


def new_array(folder: Path, name: str, kind: type[np.generic], shape: tuple[int, ...]) -> Any:
    """An array of the index, memory-mapped, to be filled."""
    return np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kind, shape)


def write_lists(folder: Path, codes: np.ndarray, offsets: np.ndarray, count: int) -> None:
    """For every centroid, the rows of the passages that have a token of it, rising.

    Args:
        folder: of the index.
        codes: int32 [tokens], the centroid of each token.
        offsets: int64 [passages + 1].
        count: centroids.
    """
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    pairs = np.unique(codes.astype(np.int64) * len(offsets) + rows)
    np.save(folder / "lists.npy", (pairs % len(offsets)).astype(np.int32))
    starts = np.searchsorted(pairs, np.arange(count + 1) * len(offsets))
    np.save(folder / "list_offsets.npy", starts.astype(np.int64))


def write_recall(folder: Path, recall: Mapping[int, float]) -> None:
    """Recall by cut-off; of an index that is new, none."""
    (folder / _RECALL).write_text(json.dumps(dict(recall)) + "\n", encoding="utf-8")
