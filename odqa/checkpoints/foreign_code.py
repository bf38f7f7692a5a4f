"""Refuse checkpoints whose settings make transformers fetch or run code from elsewhere.

``trust_remote_code=False`` is not enough: before version 5.5, transformers took such a permission
from the configuration itself in places, and an attention implementation named there like a
repository is fetched from the hub and run (CVE-2026-5241, CVE-2026-4372).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from odqa.errors import CheckpointError

#: Settings files that transformers reads.
_FILES = ("config.json", "tokenizer_config.json", "generation_config.json", "adapter_config.json")


def refuse_foreign_code(folder: Path, name: str) -> None:
    """Refuse a checkpoint that asks for code, at any depth of its settings.

    Args:
        folder: the checkpoint.
        name: the user's name for it, for messages.

    Raises:
        CheckpointError: names the file and the key.
    """
    for path in (folder / file for file in _FILES):
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # transformers says what is wrong with it.
        for key, value in _settings(settings):
            if (key == "trust_remote_code" and value) or (
                "attn_implementation" in key and "/" in json.dumps(value)
            ):
                raise CheckpointError(
                    f"{path.name} asks for code from elsewhere ({key}: {json.dumps(value)})",
                    where=name,
                    cure="odqa runs no code of checkpoints: remove the key, or name another one",
                )


def _settings(values: object) -> Iterator[tuple[str, object]]:
    """Keys and values at any depth."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield key, value
            yield from _settings(value)
    elif isinstance(values, list):
        for value in values:
            yield from _settings(value)
