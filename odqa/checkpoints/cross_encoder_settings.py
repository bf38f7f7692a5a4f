"""How sentence-transformers' CrossEncoder makes scores of a checkpoint's logits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from odqa.checkpoints.folder import transformer_folder
from odqa.checkpoints.layers import activation_name
from odqa.checkpoints.sentence_modules import (
    LIBRARY_SETTINGS,
    read_encoder_settings,
    read_modules,
)
from odqa.checkpoints.settings_file import SettingsFile
from odqa.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class CrossEncoderSettings:
    """``activation`` is a class of torch.nn, applied to all logits of a pair."""

    activation: str
    lower_case: bool = False


def read_cross_encoder_settings(folder: Path) -> CrossEncoderSettings:
    """Settings from ``config.json``, and from ``modules.json`` where there is one.

    Without an activation of its own, a checkpoint with one label gets a sigmoid, any other none.

    Raises:
        CheckpointError: a setting that odqa does not compute, or an activation that is none of
            `odqa.checkpoints.layers.ACTIVATIONS`.
    """
    config = SettingsFile.read(transformer_folder(folder) / "config.json")
    own = config.mapping("sentence_transformers")
    default = "torch.nn.Sigmoid" if _labels(config) == 1 else "torch.nn.Identity"
    if own is not None and "activation_fn" in own:
        file, key = SettingsFile(config.path, own), "activation_fn"
    else:
        file, key = config, "sbert_ce_default_activation_function"
    lower_case = False
    if modules := read_modules(folder):
        if [module.kind for module in modules] != ["Transformer"]:
            raise CheckpointError(
                f"its modules are {', '.join(module.kind for module in modules)}",
                where=str(folder / "modules.json"),
                cure="name a cross-encoder of a Transformer module alone",
            )
        lower_case = read_encoder_settings(modules[0].folder, "sequence-classification").lower_case
        library = SettingsFile.read_if_there(folder / LIBRARY_SETTINGS)
        library.refuse("model_type", "CrossEncoder")
        _refuse_prompt(library)
        if library.values.get("activation_fn") is not None:
            file, key = library, "activation_fn"
    return CrossEncoderSettings(activation_name(file, key, default), lower_case)


def _labels(config: SettingsFile) -> int:
    """As transformers counts them: by the names of the labels, or a number; two without either."""
    labels = config.mapping("id2label")
    number = config.whole("num_labels")
    if number is not None:
        return number
    return 2 if labels is None else len(labels)


def _refuse_prompt(library: SettingsFile) -> None:
    """The default prompt would stand before every question."""
    name = library.text("default_prompt_name", "")
    prompts = SettingsFile(library.path, library.mapping("prompts") or {})
    if name and prompts.text(name, ""):
        library.refuse("default_prompt_name")
