"""Completions in the cache, each by the content of what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.cache.key import versioned
from odqa.generation.language_model import Completion

if TYPE_CHECKING:
    from odqa.cache import Cache

_KIND, _FILE, _VERSION = "completions", "completion.json", 1
#: What is kept; prices are those of today's spec, and the rest says how it came here.
_LEFT_OUT = ("price", "from_cache")


def find_completion(cache: Cache, identity: Mapping[str, object]) -> Completion | None:
    """What was answered before; `None` where nothing was."""
    folder = cache.finished(_KIND, _identity(identity))
    return None if folder is None else replace(_read(folder), from_cache=True)


def keep_completion(
    cache: Cache, identity: Mapping[str, object], ask: Callable[[], Completion]
) -> Completion:
    """What ``ask`` returns, kept at once; of several processes that ask the same, one asks.

    Raises:
        CacheError: it cannot be written; otherwise as ``ask``.
    """
    asked = False

    def build(work: Path) -> None:
        nonlocal asked
        asked = True
        values = {k: v for k, v in asdict(ask()).items() if k not in _LEFT_OUT}
        (work / _FILE).write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")

    completion = _read(cache.artifact(_KIND, _identity(identity), build))
    return completion if asked else replace(completion, from_cache=True)


def _identity(identity: Mapping[str, object]) -> dict[str, object]:
    return {**identity, **versioned(_VERSION)}


def _read(folder: Path) -> Completion:
    values = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    tokens = tuple((token, value) for token, value in values.pop("first_token"))
    return Completion(**values, first_token=tokens)
