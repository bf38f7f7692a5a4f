"""Turn a name such as ``embedded:colbert`` into an ordinary checkpoint folder.

What is shipped is the base model's name and a low-rank change of it (LoRA, Hu et al. 2021), a few
megabytes each. Materialising adds the change to the base weights once, in float32, and keeps the
result in the cache in the format of the model's home library.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.errors import CheckpointError
from odqa.models.base import BASE_SHA256, base_model_dir
from odqa.models.delta import Delta, read_delta
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.cache import Cache

EMBEDDED: dict[str, str] = {
    "minilm": "sentence encoder: all-MiniLM-L6-v2 itself, mean pooling, unit length",
    "sentence": "one encoder for questions and passages, trained like the two towers",
    "colbert": "late interaction: 128 dimensions a token, colbert-ai's format",
    "dpr-question": "question side of the two-tower retriever, mean pooling, inner product",
    "dpr-passage": "passage side of the two-tower retriever, mean pooling, inner product",
    "cross-encoder": "relevance of a question-passage pair, one logit",
    "reader": "extractive reader: start and end of the answer span",
    "retro": "RETRO ranker whose neighbour encoder sees the question",
    "retro-offline": "RETRO ranker whose neighbour encodings can be computed offline",
    "retro-decoder": "RETRO ranker whose decoder ranks, with and without its cosine",
    "retro-reader": "RETRO that generates answers",
}

_PREFIX = "embedded:"
_HERE = Path(__file__).parent


def materialise(name: str, cache: Cache | None = None) -> Path:
    """Checkpoint folder of an embedded model; built on first use, then taken from the cache.

    Args:
        name: a key of `EMBEDDED`, with or without ``embedded:`` before it.
        cache: where the folder is kept; default: the user's cache.

    Raises:
        CheckpointError: unknown name, weights that are not shipped or not the published ones.
        CacheError: the cache cannot be written.
    """
    short = name.removeprefix(_PREFIX)
    if short not in EMBEDDED:
        raise CheckpointError(
            f"no embedded model '{short}'",
            where=_PREFIX + short,
            cure=did_you_mean(short, EMBEDDED),
        )
    if short == "minilm":
        return base_model_dir()
    delta = read_delta(delta_dir(short))
    identity = {"model": short, "base": BASE_SHA256, "delta": delta.sha256, "format": 1}
    return built(delta, identity, cache)


def built(delta: Delta, identity: Mapping[str, Any], cache: Cache | None) -> Path:
    """The checkpoint that a change makes, from the cache or put there.

    Args:
        delta: the change.
        identity: decides whether it has been built before.
        cache: default: the user's cache.

    Raises:
        CheckpointError: the change does not fit the base model.
        CacheError: the cache cannot be written.
    """
    from odqa.cache import Cache as DefaultCache
    from odqa.models.checkpoint import build_checkpoint

    return (cache or DefaultCache()).artifact(
        "checkpoint", identity, lambda work: build_checkpoint(base_model_dir(), delta, work)
    )


def delta_dir(name: str) -> Path:
    """Folder of the shipped change of a model.

    Raises:
        CheckpointError: this version of odqa ships none.
    """
    folder = _HERE / name
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            "not shipped with this version of odqa",
            where=_PREFIX + name,
            cure="name a checkpoint folder or hub id instead",
        )
    return folder
