"""The settings of a learned sparse checkpoint: SPLADE's format, or sentence-transformers'.

A checkpoint in SPLADE's own format is a masked language model and nothing else; it is read as
sentence-transformers' ``SparseEncoder`` reads it, with maximum pooling. In a folder that
``SparseEncoder`` wrote, modules say how token logits become one vector, and a router may send
questions and passages through different ones. Every setting that sentence-transformers 5 reads is
obeyed or refused by name; ``tests/checkpoints/test_sparse_settings.py`` lists all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from odqa.checkpoints.folder import ROUTER
from odqa.checkpoints.sentence_modules import (
    LIBRARY_SETTINGS,
    MODULES,
    Module,
    known_module,
    read_encoder_settings,
    read_modules,
)
from odqa.checkpoints.sentence_settings import read_prompts
from odqa.checkpoints.settings_file import SettingsFile
from odqa.errors import CheckpointError

POOLING = ("max", "sum")
ACTIVATION = ("relu", "log1p_relu")
_KINDS = "name a checkpoint of a masked language model with SpladePooling, or with a router of both"


@dataclass(frozen=True, slots=True)
class SparseRoute:
    """What texts of one side go through.

    Attributes:
        kind: ``mlm`` (a masked language model and SPLADE's pooling), or ``static`` (one weight for
            every token of the vocabulary).
        folder: of the model, or of the weights.
        pooling, activation: of a language model.
        max_length: tokens, markers included; `None` where only the tokenizer has a limit.
        lower_case: make texts lower case first.
    """

    kind: Literal["mlm", "static"]
    folder: Path
    pooling: str = "max"
    activation: str = "relu"
    max_length: int | None = None
    lower_case: bool = False


@dataclass(frozen=True, slots=True)
class SparseSettings:
    """How questions and passages become sparse vectors; ``prompts``: name -> text."""

    query: SparseRoute
    passage: SparseRoute
    prompts: Mapping[str, str] = field(default_factory=dict)


def read_sparse_settings(folder: Path, name: str) -> SparseSettings:
    """The settings of a checkpoint folder.

    Args:
        folder: the checkpoint.
        name: the user's name for it, for messages.

    Raises:
        CheckpointError: a module or setting that odqa does not compute.
    """
    modules = read_modules(folder)
    if not modules:
        route = SparseRoute("mlm", folder)
        return SparseSettings(route, route)
    file = SettingsFile.read_if_there(folder / LIBRARY_SETTINGS)
    file.refuse("model_type", "SparseEncoder")
    file.refuse("similarity_fn_name", "dot", cure="name a checkpoint that is searched by dot")
    file.warn_of_others(
        ("__version__", "prompts", "default_prompt_name", "similarity_fn_name", "model_type"),
        "sentence-transformers' SparseEncoder",
    )
    prompts = read_prompts(file)
    if modules[0].kind != "Router":
        route = _route(modules, folder / MODULES, name)
        return SparseSettings(route, route, prompts)
    if len(modules) > 1:
        raise _unsupported(modules, name)
    query, passage = _router(modules[0].folder, name)
    return SparseSettings(query, passage, prompts)


def _router(folder: Path, name: str) -> tuple[SparseRoute, SparseRoute]:
    """The routes of questions and of passages."""
    path = folder / ROUTER
    file = SettingsFile.read_module(path, "router")
    file.only(("types", "structure", "parameters"))
    parameters = SettingsFile(path, file.mapping("parameters") or {})
    parameters.only(("default_route", "allow_empty_key", "route_mappings"))
    # Questions and passages always name their route: the default one is never asked for.
    parameters.refuse("route_mappings")
    types = SettingsFile(path, file.mapping("types") or {})
    structure = SettingsFile(path, file.mapping("structure") or {})
    sides = []
    for side in ("query", "document"):
        names = structure.texts(side)
        if not names:
            raise CheckpointError(
                f"its router has no route '{side}'",
                where=str(path),
                cure="name a checkpoint with routes query and document",
            )
        modules = [known_module(types.text(key, ""), folder, key, path) for key in names]
        sides.append(_route(modules, path, name))
    return sides[0], sides[1]


def _route(modules: Sequence[Module], where: Path, name: str) -> SparseRoute:
    kinds = [module.kind for module in modules]
    if any(module.library != "sentence_transformers" for module in modules):
        raise _unsupported(modules, name)
    if kinds == ["SparseStaticEmbedding"]:
        return _static(modules[0].folder)
    if kinds not in (["Transformer", "SpladePooling"], ["MLMTransformer", "SpladePooling"]):
        raise _unsupported(modules, name)
    model = modules[0].folder
    encoder = read_encoder_settings(model, "fill-mask")
    if kinds[0] == "Transformer" and not _fills_masks(model):
        raise CheckpointError(
            "its Transformer gives states, not logits of a masked language model "
            "(transformer_task is not fill-mask)",
            where=str(where),
            cure=_KINDS,
        )
    pooling, activation = _pooling(modules[1].folder)
    return SparseRoute("mlm", model, pooling, activation, encoder.max_length, encoder.lower_case)


def _fills_masks(folder: Path) -> bool:
    """Whether a module Transformer, whose task is another by default, names this one."""
    files = sorted(folder.glob("sentence_*_config.json"))
    return any(SettingsFile.read(f).values.get("transformer_task") == "fill-mask" for f in files)


def _pooling(folder: Path) -> tuple[str, str]:
    file = SettingsFile.read_module(folder / "config.json", "pooling")
    # The width is the vocabulary's whatever the file says; a chunk is no part of the result.
    widths = ("embedding_dimension", "word_embedding_dimension")
    file.only((*widths, "pooling_strategy", "activation_function", "chunk_size"))
    pooling = file.text("pooling_strategy", "max")
    if pooling not in POOLING:
        raise file.wrong("pooling_strategy", " or ".join(POOLING))
    activation = file.text("activation_function", "relu")
    if activation not in ACTIVATION:
        raise file.wrong("activation_function", " or ".join(ACTIVATION))
    return pooling, activation


def _static(folder: Path) -> SparseRoute:
    file = SettingsFile.read_if_there(folder / "config.json")
    file.only(("frozen", "path"))
    # A file of weights by word, which sentence-transformers looks for in the working folder.
    file.refuse("path", cure="load it with sentence-transformers and save it anew")
    return SparseRoute("static", folder)


def _unsupported(modules: Sequence[Module], name: str) -> CheckpointError:
    kinds = ", ".join(module.kind for module in modules)
    return CheckpointError(f"its modules are {kinds}", where=name, cure=_KINDS)
