"""The settings of a late-interaction checkpoint, in colbert-ai's format or in PyLate's.

colbert-ai (ColBERTv2, answerai-colbert-small, jina-colbert) keeps them in ``artifact.metadata`` and
its projection as ``linear.weight`` among the weights. PyLate keeps them in
``config_sentence_transformers.json`` and its projections as ``Dense`` modules.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from odqa.checkpoints.layers import LayerSettings, read_dense
from odqa.checkpoints.sentence_modules import (
    LIBRARY_SETTINGS,
    MODULES,
    read_encoder_settings,
    read_modules,
)
from odqa.checkpoints.settings_file import SettingsFile
from odqa.errors import CheckpointError

METADATA = "artifact.metadata"
Format = Literal["colbert-ai", "PyLate"]

# What colbert-ai reads of its file to run, train and index, and what decides no score here.
_WITHOUT_EFFECT = (
    # Texts that stand for the markers in print, and for the base model that was trained.
    "query_token", "doc_token", "model_name", "checkpoint", "force_resize_embeddings",
    # Training.
    "bsize", "accumsteps", "lr", "maxsteps", "save_every", "resume", "warmup", "warmup_bert",
    "relu", "nway", "use_ib_negatives", "reranker", "distillation_alpha", "ignore_scores",
    "triples", "collection", "queries",
    # Its index and search in it.
    "index_name", "index_path", "index_bsize", "nbits", "kmeans_niters", "ncells",
    "centroid_score_threshold", "ndocs", "load_index_with_mmap", "pool_factor",
    "clustering_mode", "protected_tokens", "configs",
    # Where and how it runs.
    "overwrite", "root", "experiment", "index_root", "name", "rank", "nranks", "amp", "gpus",
    "avoid_fork_if_possible", "meta",
)  # fmt: skip
_OBEYED = (
    *("query_maxlen", "doc_maxlen", "query_token_id", "doc_token_id", "attend_to_mask_tokens"),
    *("mask_punctuation", "similarity", "interaction", "dim"),
)


@dataclass(frozen=True, slots=True)
class LateInteractionSettings:
    """The settings that change scores; defaults are colbert-ai's.

    Attributes:
        query_maxlen, doc_maxlen: tokens per text, markers included.
        query_token_id, doc_token_id: the markers of questions and passages; empty for none.
        attend_to_mask_tokens: whether question tokens see those that fill a question.
        mask_punctuation: whether passages lose their punctuation.
        similarity: of two token vectors.
        dim: width of token vectors; `None` where the file says nothing.
        format: whose conventions hold.
        expands: whether questions are filled to their full length.
        skipped: tokens that passages lose; `None`: by ``mask_punctuation``.
        layers: from the encoder's states to token vectors, where they are modules.
        lower_case: make texts lower case first.
    """

    query_maxlen: int = 32
    doc_maxlen: int = 220
    query_token_id: str = "[unused0]"
    doc_token_id: str = "[unused1]"
    attend_to_mask_tokens: bool = False
    mask_punctuation: bool = True
    similarity: str = "cosine"
    dim: int | None = None
    format: Format = "colbert-ai"
    expands: bool = True
    skipped: tuple[str, ...] | None = None
    layers: tuple[LayerSettings, ...] = ()
    lower_case: bool = False


def read_settings(folder: Path) -> LateInteractionSettings:
    """Settings of a checkpoint in colbert-ai's format; a missing key, or file, is the default.

    Raises:
        CheckpointError: the file is not JSON, or a value is of the wrong type or unknown.
    """
    path = folder / METADATA
    if not path.is_file():
        return LateInteractionSettings()
    file = SettingsFile.read(path)
    # Index folders nest the same keys under "config".
    if (nested := file.mapping("config")) is not None:
        file = SettingsFile(path, nested)
    file.warn_of_others((*_OBEYED, *_WITHOUT_EFFECT), "colbert-ai")
    default = LateInteractionSettings()
    similarity = file.text("similarity", default.similarity)
    if similarity not in ("cosine", "l2"):
        raise CheckpointError(
            f"similarity is '{similarity[:80]}'", where=str(path), cure="use cosine or l2"
        )
    # "flipr" sums over a part of the question's tokens.
    file.refuse("interaction", "colbert")
    return LateInteractionSettings(
        file.whole("query_maxlen") or default.query_maxlen,
        file.whole("doc_maxlen") or default.doc_maxlen,
        file.text("query_token_id", default.query_token_id),
        file.text("doc_token_id", default.doc_token_id),
        file.flag("attend_to_mask_tokens", default.attend_to_mask_tokens),
        file.flag("mask_punctuation", default.mask_punctuation),
        similarity,
        file.whole("dim"),
    )


def read_pylate_settings(folder: Path) -> LateInteractionSettings | None:
    """Settings of a checkpoint in PyLate's format; `None` where it has no ``Dense`` module.

    Raises:
        CheckpointError: a module or setting that odqa does not compute.
    """
    modules = [module for module in read_modules(folder) if module.kind != "Dropout"]
    kinds = [module.kind for module in modules]
    if "Dense" not in kinds or "Pooling" in kinds:
        return None
    if kinds[0] != "Transformer" or set(kinds[1:]) != {"Dense"}:
        raise CheckpointError(
            f"its modules are {', '.join(kinds)}",
            where=str(folder / MODULES),
            cure="name a late-interaction checkpoint of a Transformer and Dense modules",
        )
    file = SettingsFile.read_if_there(folder / LIBRARY_SETTINGS)
    _check_library(file)
    expands = file.flag("do_query_expansion", True)
    layers = tuple(read_dense(module.folder, tokens=True) for module in modules[1:])
    # PyLate gives the encoder the lengths below, whatever its own file says.
    encoder = replace(read_encoder_settings(modules[0].folder), max_length=None)
    skipped = file.texts("skiplist_words")
    return LateInteractionSettings(
        file.whole("query_length") or 32,
        file.whole("document_length") or 180,
        file.text("query_prefix", "[Q] "),
        file.text("document_prefix", "[D] "),
        file.flag("attend_to_expansion_tokens", False) and expands,
        format="PyLate",
        expands=expands,
        skipped=tuple(string.punctuation) if skipped is None else skipped,
        layers=layers,
        lower_case=encoder.lower_case,
    )


def _check_library(file: SettingsFile) -> None:
    file.refuse("model_type", "ColBERT", "SentenceTransformer")
    # PyLate compares by MaxSim of cosines whatever else is written there; XTR is no MaxSim.
    file.refuse("similarity_fn_name", "MaxSim", "cosine")
    name = file.text("default_prompt_name", "")
    prompts = SettingsFile(file.path, file.mapping("prompts") or {})
    if name and prompts.text(name, ""):
        file.refuse("default_prompt_name")
    file.warn_of_others(
        (
            *("__version__", "prompts", "default_prompt_name", "similarity_fn_name", "model_type"),
            *("query_prefix", "document_prefix", "query_length", "document_length"),
            *("attend_to_expansion_tokens", "skiplist_words", "do_query_expansion"),
            "truncate_dim",
        ),
        "PyLate",
    )
