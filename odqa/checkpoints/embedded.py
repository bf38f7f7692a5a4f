"""Turn a name such as ``embedded:colbert`` into an ordinary checkpoint folder.

Shipped models are changes of the base model, most of them of low rank (LoRA, Hu et al. 2021), a few
megabytes each. Materialising adds the change to the base weights once, in float32, and stores the
result in the cache in the format of the model's home library.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from odqa.checkpoints.base_model import BASE_SHA256, base_model_dir
from odqa.checkpoints.build import materialise_delta
from odqa.checkpoints.delta import read_delta
from odqa.errors import CheckpointError
from odqa.package_files import checked, checksums
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
    "dpr-reader": "DPR's reader: one of several passages, and a span of it",
    "monot5": "an encoder-decoder that says whether a passage is relevant, true or false",
    "fid": "Fusion-in-Decoder: an encoder-decoder that reads several passages at once",
    "lm": "causal language model: prompts, likelihood of a question given a passage",
    "retro": "RETRO ranker whose neighbour encoder sees the question",
    "retro-offline": "RETRO ranker whose neighbour encodings can be computed offline",
    "retro-reader": "RETRO that generates answers",
    "knrm": "ranker of kernels over cosines of word vectors, to be added to BM25's score",
    "dssm": "one vector a text from its letter trigrams",
    "snrm": "latent terms of a text, most of them 0, for an inverted index",
    "drmm": "ranker of histograms of cosines of word vectors, to be added to BM25's score",
}

PREFIX = "embedded:"
# The data package beside this one: a folder for each model, with its weights and its card.
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
    folder = model_dir(model)
    delta = read_delta(folder)
    identity = {"model": model, "base": BASE_SHA256, "delta": delta.sha256, "format": 1}
    return materialise_delta(delta, identity, cache)


def model_dir(name: str) -> Path:
    """Folder of what is shipped of a model: its change of the base model, or all of its weights.

    Raises:
        CheckpointError: this version of odqa ships none. EnvironmentProblem: a file is damaged,
            or missing.
    """
    folder = _MODELS / name
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            "not shipped with this version of odqa",
            where=PREFIX + name,
            cure="name a checkpoint folder or hub id instead",
        )
    prefix = _listed(folder / "")
    listed = [folder / file.removeprefix(prefix) for file in checksums() if file.startswith(prefix)]
    for path in sorted({*listed, *_data_files(folder)}):
        checked(path)
    return folder


def _data_files(folder: Path) -> list[Path]:
    """What decides results; the card does not."""
    return sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")])


def _listed(path: Path) -> str:
    """The name of a model's file in ``checksums.json``; of its folder, with a slash behind."""
    parts = path.relative_to(_MODELS).parts
    return "/".join(("odqa", "models", *parts)) + ("/" if len(parts) == 1 else "")
