"""The settings of a ColBERT checkpoint: the file ``artifact.metadata`` beside its weights."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from odqa.checkpoints.folder import read_json
from odqa.errors import CheckpointError

METADATA = "artifact.metadata"


@dataclass(frozen=True, slots=True)
class LateInteractionSettings:
    """The keys of ``artifact.metadata`` that change scores; defaults are colbert-ai's."""

    query_maxlen: int = 32
    doc_maxlen: int = 220
    query_token_id: str = "[unused0]"
    doc_token_id: str = "[unused1]"
    attend_to_mask_tokens: bool = False
    mask_punctuation: bool = True
    similarity: str = "cosine"


def read_settings(folder: Path) -> LateInteractionSettings:
    """Settings of a checkpoint folder; a missing key, or file, is the default.

    Raises:
        CheckpointError: the file is not JSON, or a value is of the wrong type or unknown.
    """
    path = folder / METADATA
    if not path.is_file():
        return LateInteractionSettings()
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise CheckpointError(
            "not a JSON object", where=str(path), cure="fetch the checkpoint again"
        )
    # Index folders nest the same keys under "config".
    raw = raw.get("config", raw)
    names = [field.name for field in fields(LateInteractionSettings)]
    values = {name: raw[name] for name in names if raw.get(name) is not None}
    for name, value in values.items():
        expected = type(getattr(LateInteractionSettings(), name))
        if type(value) is not expected:
            raise CheckpointError(
                f"{name} is {value!r}, which is not a {expected.__name__}", where=str(path)
            )
    settings = LateInteractionSettings(**values)
    if settings.similarity not in ("cosine", "l2"):
        raise CheckpointError(
            f"similarity is '{settings.similarity}'", where=str(path), cure="use cosine or l2"
        )
    return settings
