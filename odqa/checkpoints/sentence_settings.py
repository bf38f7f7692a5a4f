"""The settings of a sentence-transformers checkpoint: pooling, normalisation, prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from odqa.checkpoints.folder import read_json
from odqa.errors import CheckpointError

Pooling = Literal["mean", "cls", "pooler"]

_MODES: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "mean": "mean",
    "cls": "cls",
}
_QUERY_PROMPTS = ("query",)
# In the order in which sentence-transformers looks for them.
_PASSAGE_PROMPTS = ("document", "passage", "corpus")


@dataclass(frozen=True, slots=True)
class SentenceSettings:
    """``max_length`` counts tokens, markers included; `None` where the folder has no limit."""

    pooling: Pooling
    normalize: bool
    max_length: int | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)

    @property
    def query_prompt(self) -> str:
        """Text to put before every question; usually empty."""
        return self._prompt(_QUERY_PROMPTS)

    @property
    def passage_prompt(self) -> str:
        """Text to put before every passage; usually empty."""
        return self._prompt(_PASSAGE_PROMPTS)

    def _prompt(self, names: tuple[str, ...]) -> str:
        return next((self.prompts[name] for name in names if name in self.prompts), "")


def read_sentence_settings(folder: Path, name: str) -> SentenceSettings | None:
    """Settings from ``modules.json`` and the files it names; `None` when there is no such file.

    Args:
        folder: the checkpoint.
        name: the user's name for it, for messages.

    Raises:
        CheckpointError: a module or pooling mode that odqa does not compute.
    """
    if not (folder / "modules.json").is_file():
        return None
    pooling: Pooling | None = None
    normalize = False
    max_length: int | None = None
    for module in read_json(folder / "modules.json"):
        kind = str(module["type"]).rsplit(".", 1)[-1]
        module_folder = folder / str(module.get("path", ""))
        if kind == "Transformer":
            max_length = _max_length(module_folder)
        elif kind == "Pooling":
            pooling = _pooling(module_folder / "config.json", name)
        elif kind == "Normalize":
            normalize = True
        elif kind != "Dropout":
            raise CheckpointError(
                f"its module '{kind}' is not supported",
                where=name,
                cure="name a checkpoint of Transformer, Pooling and Normalize modules",
            )
    return SentenceSettings(pooling or "mean", normalize, max_length, _prompts(folder))


def _max_length(folder: Path) -> int | None:
    path = folder / "sentence_bert_config.json"
    length = read_json(path).get("max_seq_length") if path.is_file() else None
    return int(length) if length else None


def _pooling(path: Path, name: str) -> Pooling:
    config: dict[str, Any] = read_json(path)
    mode = config.get("pooling_mode")
    modes = [key for key, on in config.items() if key.startswith("pooling_mode_") and on is True]
    modes = [mode] if isinstance(mode, str) else modes
    if len(modes) != 1 or modes[0] not in _MODES:
        raise CheckpointError(
            f"pooling {', '.join(modes) or 'of no kind'} is not supported",
            where=name,
            cure="name a checkpoint with mean or cls pooling",
        )
    return _MODES[modes[0]]


def _prompts(folder: Path) -> dict[str, str]:
    path = folder / "config_sentence_transformers.json"
    prompts = read_json(path).get("prompts") if path.is_file() else None
    return {str(key): str(text) for key, text in (prompts or {}).items()}
