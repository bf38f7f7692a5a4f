"""The settings of a sentence-transformers checkpoint: what comes after its encoder, and prompts.

Every setting that sentence-transformers 5 reads is obeyed or refused by name;
``tests/checkpoints/test_setting_tables.py`` lists all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from odqa.checkpoints.layers import LayerSettings, read_dense, read_layer_norm
from odqa.checkpoints.sentence_modules import (
    LIBRARY_SETTINGS,
    EncoderSettings,
    Module,
    read_encoder_settings,
    read_modules,
)
from odqa.checkpoints.settings_file import SettingsFile, warn
from odqa.errors import CheckpointError

#: ``pooler`` (the model's own), or modes of `POOLING_MODES`, several joined by ``+``.
Pooling = str

POOLING_MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
# In the order in which sentence-transformers joins the vectors of several.
_OLD_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_KINDS = "name a checkpoint of Transformer, Pooling, Dense, LayerNorm and Normalize modules"


@dataclass(frozen=True, slots=True)
class SentenceSettings:
    """What a checkpoint does to the token vectors of its encoder.

    Attributes:
        pooling: token vectors to one.
        normalize: to unit length, after everything else.
        max_length: tokens, markers included; `None` where only the tokenizer has a limit.
        prompts: name -> text.
        pools_prompt: whether the tokens of a prompt count in pooling.
        layers: after pooling, in order.
        truncate_dim: how many numbers of a vector are kept; `None`: all.
    """

    pooling: Pooling
    normalize: bool
    max_length: int | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    pools_prompt: bool = True
    layers: tuple[LayerSettings, ...] = ()
    truncate_dim: int | None = None

    @property
    def query_prompt(self) -> str:
        """Text to put before every question; usually empty."""
        return self.prompts.get("query", "")

    @property
    def passage_prompt(self) -> str:
        """Text to put before every passage; usually empty."""
        return self.prompts.get("document", "")


def read_sentence_settings(folder: Path, name: str) -> SentenceSettings | None:
    """Settings from ``modules.json`` and the files it names; `None` when there is no such file.

    Args:
        folder: the checkpoint.
        name: the user's name for it, for messages.

    Raises:
        CheckpointError: a module or setting that odqa does not compute.
    """
    if not (folder / "modules.json").is_file():
        return None
    modules = [module for module in read_modules(folder) if module.kind != "Dropout"]
    kinds = [module.kind for module in modules]
    for module in modules:
        if module.kind not in _COMPUTED or module.library != "sentence_transformers":
            raise CheckpointError(
                f"its module '{module.kind}' is not supported", where=name, cure=_KINDS
            )
    if kinds[:2] != ["Transformer", "Pooling"] or {"Transformer", "Pooling"} & set(kinds[2:]):
        raise CheckpointError(
            f"its modules are {', '.join(kinds) or 'none'}: Transformer and Pooling must be the "
            "first two",
            where=name,
            cure=_KINDS,
        )
    encoder = read_encoder_settings(modules[0].folder)
    pooling, pools_prompt = _pooling(modules[1].folder)
    layers = [_layer(module) for module in modules[2:]]
    library = SettingsFile.read_if_there(folder / LIBRARY_SETTINGS)
    _check_library(library)
    truncate_dim = library.whole("truncate_dim")
    normalize = _normalizes_last(layers, truncate_dim)
    if normalize:
        layers.pop()
    _check_similarity(library, normalize)
    return SentenceSettings(
        pooling,
        normalize,
        encoder.max_length,
        read_prompts(library),
        pools_prompt,
        tuple(layers),
        truncate_dim,
    )


def encoder_settings(folder: Path) -> EncoderSettings:
    """Of a sentence-transformers or plain checkpoint: limit and lower case of its texts.

    Raises:
        CheckpointError: as `read_encoder_settings`.
    """
    modules = read_modules(folder)
    return read_encoder_settings(modules[0].folder) if modules else EncoderSettings()


_COMPUTED = ("Transformer", "Pooling", "Dense", "LayerNorm", "Normalize")


def _layer(module: Module) -> LayerSettings:
    if module.kind == "Dense":
        return read_dense(module.folder, tokens=False)
    if module.kind == "LayerNorm":
        return read_layer_norm(module.folder)
    return LayerSettings("normalize", module.folder)


def _pooling(folder: Path) -> tuple[Pooling, bool]:
    """How token vectors become one, and whether the tokens of a prompt count."""
    file = SettingsFile.read_module(folder / "config.json", "pooling")
    # The width is the encoder's whatever the file says.
    widths = ("word_embedding_dimension", "embedding_dimension")
    file.only((*widths, "pooling_mode", "include_prompt", *_OLD_MODES))
    mode = file.values.get("pooling_mode")
    if mode is None:
        modes = [name for key, name in _OLD_MODES.items() if file.flag(key, False)] or ["mean"]
    else:
        modes = mode if isinstance(mode, list) else [mode]
    if not modes or not all(isinstance(m, str) and m in POOLING_MODES for m in modes):
        raise file.wrong("pooling_mode", f"some of {', '.join(POOLING_MODES)}")
    return "+".join(modes), file.flag("include_prompt", True)


def _check_library(file: SettingsFile) -> None:
    file.refuse("model_type", "SentenceTransformer")
    file.warn_of_others(
        (
            *("__version__", "prompts", "default_prompt_name", "similarity_fn_name"),
            *("truncate_dim", "model_type"),
        ),
        "sentence-transformers",
    )


def _normalizes_last(layers: list[LayerSettings], truncate_dim: int | None) -> bool:
    return bool(layers) and layers[-1].kind == "normalize" and truncate_dim is None


def _check_similarity(file: SettingsFile, normalize: bool) -> None:
    """Vectors are compared by their inner product, as they come out of the modules.

    Of unit vectors that is the cosine, and the nearest has the largest one. sentence-transformers
    writes "cosine" into every folder that it saves, also into those of other models.
    """
    if normalize:
        file.refuse("similarity_fn_name", "cosine", "dot", "euclidean")
        return
    file.refuse("similarity_fn_name", "cosine", "dot", cure="name a checkpoint trained for those")
    if file.values.get("similarity_fn_name") == "cosine":
        warn(
            f"{file.path}: similarity_fn_name is cosine, but its vectors have no unit length: they "
            "are compared by inner product; set normalize: true for the cosine"
        )


def read_prompts(file: SettingsFile) -> dict[str, str]:
    """Name -> text of the prompts in ``config_sentence_transformers.json``.

    Raises:
        CheckpointError: they are no texts, or the default is none of them.
    """
    if "prompts" in file.values and file.values["prompts"] is None:
        raise file.wrong("prompts", "a JSON object")
    raw = SettingsFile(file.path, file.mapping("prompts") or {})
    prompts = {key: raw.text(key, "") for key in raw.values}
    default = file.text("default_prompt_name", "")
    if default and default not in {"query", "document", *prompts}:
        raise file.wrong("default_prompt_name", "a name among the prompts")
    if not prompts.get("document"):
        _warn_of_unused(file, prompts)
    return prompts


def _warn_of_unused(file: SettingsFile, prompts: Mapping[str, str]) -> None:
    """sentence-transformers 5 has an empty prompt "document" and takes no other for passages."""
    for key in ("passage", "corpus"):
        if prompts.get(key):
            warn(
                f"{file.path}: the prompt '{key}' is not put before passages, as in "
                "sentence-transformers, which takes 'document' alone; set passage_prefix to use it"
            )
