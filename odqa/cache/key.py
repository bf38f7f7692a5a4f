"""The key of an artifact or of a stage's results: the hash of what decides them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

#: Characters of a key in the name of a folder.
NAME_LENGTH = 24


def content_key(identity: Mapping[str, object]) -> str:
    """SHA-256 (hex) of the canonical JSON of plain values.

    Raises:
        TypeError: a value that is not plain JSON. ValueError: a number that is not finite.
    """
    return hashlib.sha256(canonical_json(identity)).hexdigest()


def versioned(version: int) -> dict[str, int]:
    """The entry of an identity for the version of the code that makes an artifact.

    Nothing for version 1, which kinds of artifacts had before they had versions.
    """
    return {} if version == 1 else {"version": version}


def canonical_json(value: object) -> bytes:
    """JSON without white space and with sorted keys; raises as `content_key`."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()
