"""Settings of checkpoints that version 0.1.0 passed over and later versions obey.

They enter the content hash of such a checkpoint: what 0.1.0 left in a cache was computed without
them and must not come back. All other checkpoints keep their hashes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from odqa.checkpoints.cross_encoder_settings import read_cross_encoder_settings
from odqa.checkpoints.folder import transformer_folder
from odqa.checkpoints.sentence_settings import encoder_settings, read_sentence_settings
from odqa.checkpoints.settings_file import SettingsFile
from odqa.errors import CheckpointError


def read_anew(folder: Path) -> list[str]:
    """Names of the settings; empty for a checkpoint that cannot be read at all."""
    try:
        return list(_read_anew(folder))
    except CheckpointError:
        # Told, with its reason, where the checkpoint is loaded.
        return []


def _read_anew(folder: Path) -> Iterator[str]:
    model = transformer_folder(folder)
    config = SettingsFile.read_if_there(model / "config.json").values
    if config.get("model_type") == "xlnet":
        yield "token types"
    architectures = config.get("architectures")
    names = [str(name) for name in architectures] if isinstance(architectures, list) else []
    if any(name.endswith("ForSequenceClassification") for name in names):
        activation = read_cross_encoder_settings(folder).activation
        if activation != "Identity":
            yield f"activation {activation}"
    elif (folder / "modules.json").is_file():
        yield from _sentence(folder, model)
    elif names and _is_plain_encoder(names, config.get("model_type"), folder):
        yield "length limit of the tokenizer"


def _is_plain_encoder(names: list[str], model_type: object, folder: Path) -> bool:
    is_other = any("For" in name or name == "HF_ColBERT" for name in names)
    plain_head = any(name.endswith(("ForMaskedLM", "ForPreTraining")) for name in names)
    return (
        (plain_head or not is_other)
        and model_type not in ("dpr", "retro")
        and not (folder / "artifact.metadata").is_file()
    )


def _sentence(folder: Path, model: Path) -> Iterator[str]:
    settings = read_sentence_settings(folder, str(folder))
    assert settings is not None
    encoder = encoder_settings(folder)
    old = SettingsFile.read_if_there(model / "sentence_bert_config.json").values
    tokenizer = SettingsFile.read_if_there(model / "tokenizer_config.json").values
    # 0.1.0 took 256 tokens where these two files named no limit.
    if encoder.max_length != old.get("max_seq_length") or not (
        encoder.max_length or tokenizer.get("model_max_length")
    ):
        yield "length limit"
    if encoder.lower_case:
        yield "lower case"
    if settings.truncate_dim is not None:
        yield "truncate_dim"
    if not settings.pools_prompt:
        yield "include_prompt"
    if not settings.passage_prompt and any(settings.prompts.get(k) for k in ("passage", "corpus")):
        yield "prompts of passages"
