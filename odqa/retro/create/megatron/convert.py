"""From a Megatron legacy checkpoint of Retro to a folder `RetroModel.from_pretrained` reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from odqa.errors import CheckpointError
from odqa.progress import progress as show_progress
from odqa.retro.create.megatron.recipes import recipes
from odqa.retro.create.megatron.settings import Settings, read_config, retrieval_factor
from odqa.retro.create.megatron.shards import Recipe, Shards, open_checkpoint
from odqa.retro.create.streaming import LazyTensor, write_safetensors
from odqa.retro.model.config import RetroConfig
from odqa.retro.model.model import RetroModel
from odqa.retro.model.weights import WEIGHTS_FILE
from odqa.threads import BUILDING_MODELS

Watch = Callable[[list[LazyTensor]], Iterable[LazyTensor]]


def convert_megatron(
    source: Path | str,
    target: Path | str,
    *,
    vocab_size: int | None = None,
    gate: float | None = None,
    progress: Watch | None = None,
) -> Path:
    """Convert a checkpoint tensor by tensor, without holding either model in memory.

    The converted model is Megatron's wherever the length is a multiple of the chunk length. At
    other lengths Megatron lets neighbours attend to the zeros that fill up the first chunk; here
    they are masked, as is padding in neighbours, which Megatron attends to.

    Args:
        source: folder with ``latest_checkpointed_iteration.txt``, or one of its iterations.
        target: folder to write ``config.json`` and ``model.safetensors`` to.
        vocab_size: tokens of the tokenizer; Megatron's padding of the vocabulary is cut off. None
            keeps it.
        gate: factor on the decoder's cross-attention. The instruction-tuned releases are trained
            and run with 0, which is retrieval off; None takes the checkpoint's own.
        progress: iterates over the tensors as they are written; a progress bar by default.

    Returns:
        ``target``.

    Raises:
        CheckpointError: not such a checkpoint, unsafe, incomplete, or with a feature that
            `RetroConfig` cannot express.
    """
    source, target = Path(source), Path(target)
    args, shards = open_checkpoint(source)
    config = read_config(args, shards, str(source), vocab_size=vocab_size, gate=gate)
    factor = retrieval_factor(Settings(args, str(source)), gate)
    tensors = plan(config, shards, factor)
    target.mkdir(parents=True, exist_ok=True)
    write_safetensors(target / WEIGHTS_FILE, tensors, progress or _bar)
    config.save_pretrained(target)
    return target


def plan(config: RetroConfig, shards: Shards, gate: float) -> list[LazyTensor]:
    """Every tensor of the model, merged only when it is written.

    Raises:
        CheckpointError: weights that are missing, left over, or of another shape.
    """
    recipe_of = recipes(config)
    sources = {recipe.source for recipe in recipe_of.values()}
    for problem, names in {
        "lacks": sources - set(shards),
        "holds unknown weights": set(shards) - sources,
    }.items():
        if names:
            raise CheckpointError(f"{problem} {_listed(names)}", where=shards.where)
    with BUILDING_MODELS, torch.device("meta"):
        model = RetroModel(config)
    tensors = []
    for name, expected in model.state_dict().items():
        if name.endswith("cross.gate.weight"):
            make: Callable[[], Tensor] = partial(_gate, gate, shards.dtype)
        else:
            check_shape(name, tuple(expected.shape), recipe_of[name], shards)
            make = partial(_merged, recipe_of[name], shards, expected.shape[0])
        tensors.append(LazyTensor(name, tuple(expected.shape), shards.dtype, make))
    return tensors


def check_shape(name: str, expected: tuple[int, ...], recipe: Recipe, shards: Shards) -> None:
    """Refuse a tensor that would not fit; only padding of the vocabulary may be longer."""
    shape = shards.shape(recipe)
    rows = shape[0] if _of_vocabulary(name) else expected[0]
    if shape != (rows, *expected[1:]) or rows < expected[0]:
        raise CheckpointError(
            f"{recipe.source} gives {list(shape)} where its arguments call for {list(expected)}",
            where=shards.where,
        )


def _of_vocabulary(name: str) -> bool:
    return name in ("decoder.embedding.tokens.weight", "readout.weight")


def _merged(recipe: Recipe, shards: Shards, rows: int) -> Tensor:
    return shards.merge(recipe)[:rows].to(shards.dtype)


def _gate(factor: float, dtype: torch.dtype) -> Tensor:
    # The gate is a tanh of its weight; a model whose factor is 1 has no gate.
    return torch.tensor(math.atanh(factor), dtype=dtype)


def _bar(tensors: list[LazyTensor]) -> Iterable[LazyTensor]:
    return show_progress(tensors, "converting", total=len(tensors), unit="tensor")


def _listed(names: set[str], limit: int = 3) -> str:
    listed = ", ".join(sorted(names)[:limit])
    more = len(names) - limit
    return f"{listed} and {more} more" if more > 0 else listed
