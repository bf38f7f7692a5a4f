"""Turn a name such as ``embedded:colbert`` into an ordinary checkpoint folder.

A shipped model is a low-rank change of the base model (LoRA, Hu et al. 2021), a few megabytes each.
Materialising adds the change to the base weights once, in float32, and stores the result in the
cache in the format of the model's home library.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from odqa.checkpoints.base_model import BASE_SHA256, base_model_dir
from odqa.checkpoints.build import materialise_delta
from odqa.checkpoints.delta import read_delta
from odqa.errors import CheckpointError
from odqa.package_files import checked
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.cache import Cache

EMBEDDED: dict[str, str] = {
    "minilm": "sentence encoder: all-MiniLM-L6-v2 itself, mean pooling, unit length",
    "sentence": "one encoder for questions and passages, trained like the two towers",
    "splade": "learned sparse vectors: words of the vocabulary and their weights, a SparseEncoder",
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

PREFIX = "embedded:"
# The data package beside this one: a folder for each model, with its change and its card.
_MODELS = Path(__file__).parent.parent / "models"


def materialise(name: str, cache: Cache | None = None) -> Path:
    """Checkpoint folder of an embedded model; built on first use, then taken from the cache.

    Args:
        name: a key of `EMBEDDED`, with or without ``embedded:`` before it.
        cache: where the folder is stored; default: the user's cache.

    Raises:
        CheckpointError: unknown name, weights that are not shipped or not the published ones.
        CacheError: the cache cannot be written.
    """
    model = name.removeprefix(PREFIX)
    if model not in EMBEDDED:
        raise CheckpointError(
            f"no embedded model '{model}'",
            where=PREFIX + model,
            cure=did_you_mean(model, EMBEDDED),
        )
    if model == "minilm":
        return base_model_dir()
    delta = read_delta(delta_dir(model))
    identity = {"model": model, "base": BASE_SHA256, "delta": delta.sha256, "format": 1}
    return materialise_delta(delta, identity, cache)


def delta_dir(name: str) -> Path:
    """Folder of the shipped change of a model.

    Raises:
        CheckpointError: this version of odqa ships none. EnvironmentProblem: a file is damaged.
    """
    folder = _MODELS / name
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            "not shipped with this version of odqa",
            where=PREFIX + name,
            cure="name a checkpoint folder or hub id instead",
        )
    for file in ("config.json", "delta.safetensors"):
        checked(folder / file)
    return folder
