"""A checkpoint's JSON file of settings: typed values, and nothing of it passed over in silence."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from odqa.errors import CheckpointError

_LOG = logging.getLogger(__name__)
_AGAIN = "fetch the checkpoint again"


def read_json(path: Path) -> Any:
    """Content of a checkpoint's JSON file.

    Raises:
        CheckpointError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"not readable as JSON ({error})", where=str(path), cure=_AGAIN
        ) from error


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A JSON object. In every method, an absent key and ``null`` give the default.

    Every method raises CheckpointError, with file and key, for a value of another type.
    """

    path: Path
    values: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> SettingsFile:
        """Of an existing file.

        Raises:
            CheckpointError: it is not JSON, or not an object.
        """
        values = read_json(path)
        if not isinstance(values, dict):
            raise CheckpointError("not a JSON object", where=str(path), cure=_AGAIN)
        return cls(path, values)

    @classmethod
    def read_module(cls, path: Path, what: str) -> SettingsFile:
        """Of a file that a checkpoint cannot do without; ``what`` it is the settings of.

        Raises:
            CheckpointError: it is missing, not JSON, or not an object.
        """
        if not path.is_file():
            raise CheckpointError(
                f"the settings of its {what} are missing", where=str(path), cure=_AGAIN
            )
        return cls.read(path)

    @classmethod
    def read_if_there(cls, path: Path) -> SettingsFile:
        """Of a file that may be absent; then without values."""
        return cls.read(path) if path.is_file() else cls(path, {})

    def whole(self, key: str, *, least: int = 1) -> int | None:
        """A whole number, at least ``least``."""
        value = self.values.get(key)
        if value is None:
            return None
        if type(value) is not int or value < least:
            raise self.wrong(key, f"a whole number from {least} up")
        return value

    def number(self, key: str, default: float) -> float:
        """A finite number."""
        value = self.values.get(key)
        if value is None:
            return default
        if type(value) not in (int, float) or not math.isfinite(value):
            raise self.wrong(key, "a finite number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key)
        if value is None:
            return default
        if type(value) is not bool:
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str, default: str) -> str:
        """A text."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of texts")
        return tuple(value)

    def mapping(self, key: str) -> dict[str, Any] | None:
        """A JSON object within this one."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(key, "a JSON object")
        return value

    def refuse(self, key: str, *accepted: object, cure: str = "") -> None:
        """Refuse a value that odqa does not compute: any but these, null and empty ones.

        Raises:
            CheckpointError: names file, key and value.
        """
        value = self.values.get(key)
        if value in (None, "", False) or value == {} or value == []:
            return
        # True == 1 in Python, but not in a settings file.
        if any(value == choice and type(value) is type(choice) for choice in accepted):
            return
        choices = f", only {' or '.join(map(_short, accepted))}" if accepted else ""
        raise CheckpointError(
            f"{key} is {_short(value)}, which odqa does not compute{choices}",
            where=str(self.path),
            cure=cure or "name another checkpoint",
        )

    def only(self, known: Iterable[str]) -> None:
        """Refuse a key that is none of ``known``, as the home library does.

        Raises:
            CheckpointError: names the key.
        """
        for key in self.values:
            if key not in set(known):
                raise CheckpointError(
                    f"unknown setting {_short(key)}",
                    where=str(self.path),
                    cure="remove it, or name another checkpoint",
                )

    def warn_of_others(self, known: Iterable[str], library: str) -> None:
        """Warn of keys that are none of ``known``, where the home library ignores them too."""
        others = [key for key in self.values if key not in set(known)]
        if others:
            names = ", ".join(map(_short, others))
            verb = "is" if len(others) == 1 else "are"
            warn(f"{self.path}: {names} {verb} unknown to {library} and to odqa, without effect")

    def wrong(self, key: str, expected: str) -> CheckpointError:
        """The error for a value of another type."""
        return CheckpointError(
            f"{key} is {_short(self.values.get(key))}, expected {expected}",
            where=str(self.path),
            cure="correct it, or fetch the checkpoint again",
        )


@cache
def warn(message: str) -> None:
    """Log a warning about a checkpoint, once however often its files are read."""
    _LOG.warning("%s", message)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:79]}…"
