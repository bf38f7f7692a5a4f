"""The files of a checkpoint, one per tensor-parallel rank, merged tensor by tensor."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from odqa.errors import CheckpointError
from odqa.retro.create.megatron.safe_load import load_checkpoint

TRACKER = "latest_checkpointed_iteration.txt"
FILE = "model_optim_rng.pt"
HEADS_FIRST = 2.0
"""Since this version fused projections are ordered by head."""


def everything(share: Tensor) -> Tensor:
    """All of a rank's share."""
    return share


@dataclass(frozen=True)
class Recipe:
    """How one tensor of a RETRO model is merged from those of the ranks."""

    source: str
    """Megatron's name, below ``language_model``."""
    dim: int | None = None
    """Dimension that is split over the ranks; None where every rank holds all of it."""
    part: Callable[[Tensor], Tensor] = everything
    """What to take of each rank's share."""


class Shards:
    """The tensors of all ranks under Megatron's names; each is read when it is merged."""

    def __init__(self, ranks: Sequence[Mapping[str, Tensor]], where: str) -> None:
        self.ranks = ranks
        self.where = where
        if any(rank.keys() != ranks[0].keys() for rank in ranks):
            raise CheckpointError("the ranks hold weights of different names", where=where)

    def __contains__(self, name: str) -> bool:
        return name in self.ranks[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self.ranks[0])

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the weights."""
        return next(iter(self.ranks[0].values())).dtype

    def shape(self, recipe: Recipe) -> tuple[int, ...]:
        """Shape of the whole tensor, without reading it."""
        blank = [torch.empty_like(rank[recipe.source], device="meta") for rank in self.ranks]
        return tuple(_joined(blank, recipe, self.where).shape)

    def merge(self, recipe: Recipe) -> Tensor:
        """The whole tensor."""
        return _joined([rank[recipe.source] for rank in self.ranks], recipe, self.where)


def _joined(shares: Sequence[Tensor], recipe: Recipe, where: str) -> Tensor:
    try:
        parts = [recipe.part(share) for share in shares]
        return parts[0] if recipe.dim is None else torch.cat(parts, recipe.dim)
    except (RuntimeError, IndexError) as error:
        raise CheckpointError(f"{recipe.source} cannot be merged ({error})", where=where) from None


def open_checkpoint(source: Path) -> tuple[Namespace, Shards]:
    """Megatron's command line, and the weights.

    ``source`` is the folder of ``latest_checkpointed_iteration.txt``, or that of one iteration.

    Raises:
        CheckpointError: files missing or unsafe, or a layout that cannot be merged.
    """
    paths = rank_files(source)
    files = [load_checkpoint(path) for path in paths]
    args = files[0].get("args")
    if not isinstance(args, Namespace):
        raise CheckpointError("holds no 'args', so its sizes are unknown", where=str(paths[0]))
    version = files[0].get("checkpoint_version", 0)
    if not isinstance(version, int | float) or version < HEADS_FIRST:
        raise CheckpointError(
            f"checkpoint version {version} lays out projections in another order",
            where=str(paths[0]),
            cure=f"save it with a Megatron that writes version {HEADS_FIRST} or later",
        )
    expected = getattr(args, "tensor_model_parallel_size", len(paths))
    if expected != len(paths):
        raise CheckpointError(
            f"{len(paths)} of {expected} tensor-parallel ranks are there", where=str(source)
        )
    ranks = [weights(saved, str(path)) for saved, path in zip(files, paths, strict=True)]
    return args, Shards(ranks, str(source))


def rank_files(source: Path) -> list[Path]:
    """The ranks' files in order, of the iteration the tracker names."""
    folder = source
    tracker = source / TRACKER
    if tracker.is_file():
        iteration = tracker.read_text(encoding="utf-8").strip()
        folder = source / (f"iter_{int(iteration):07d}" if iteration.isdecimal() else "release")
    paths = sorted(folder.glob(f"mp_rank_*/{FILE}"))
    if not paths:
        raise CheckpointError(
            f"no mp_rank_XX/{FILE}", where=str(folder), cure="give a Megatron legacy checkpoint"
        )
    for rank, path in enumerate(paths):
        number = re.fullmatch(r"mp_rank_(\d+)", path.parent.name)
        if number is None:
            raise CheckpointError("pipeline-parallel checkpoints cannot be merged", where=str(path))
        if int(number[1]) != rank:
            raise CheckpointError(f"tensor-parallel rank {rank} is missing", where=str(folder))
    return paths


def weights(saved: Mapping[str, object], where: str) -> dict[str, Tensor]:
    """All tensors of a rank by dotted name; names of older versions are replaced by newer ones."""
    model = saved.get("model")
    inner = model.get("language_model") if isinstance(model, Mapping) else None
    if not isinstance(inner, Mapping):
        raise CheckpointError("holds no 'language_model' of the legacy format", where=where)
    renamed = {"encoder" if key == "transformer" else key: value for key, value in inner.items()}
    return {name.replace("layernorm", "norm"): t.detach() for name, t in flat(renamed)}


def flat(nested: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors of nested dictionaries."""
    for key, value in nested.items():
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
