"""From the name of a checkpoint to a local folder with configuration and weights.

A name is a local folder, one written by ``odqa train``, ``embedded:NAME``, or an id on the Hugging
Face hub. No code of a checkpoint is ever executed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.checkpoints.embedded import PREFIX, materialise
from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.folder import check_complete
from odqa.checkpoints.hub import from_hub
from odqa.checkpoints.trained import is_trained, materialise_trained
from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from odqa.cache import Cache

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?(@[\w./-]+)?")


def resolve_checkpoint(ref: str, cache: Cache | None = None) -> Path:
    """The folder behind a checkpoint name, with ``config.json`` and weights in it.

    Args:
        ref: local folder, ``embedded:NAME`` or hub id (``owner/name``, ``owner/name@REVISION``).
        cache: where embedded and trained checkpoints are built; default: the user's cache.

    Raises:
        CheckpointError: no such folder or hub id, or one without configuration or weights.
        EnvironmentProblem: the hub cannot be reached, and the checkpoint is not in its cache.
    """
    if ref.startswith(PREFIX):
        return materialise(ref, cache)
    path = _path(ref)
    if path.is_dir():
        if is_trained(path):
            return materialise_trained(path, cache)
        check_complete(path, ref)
        return path
    if path.is_file():
        raise CheckpointError(
            "is a file, not a checkpoint folder", where=ref, cure="pass the folder that holds it"
        )
    if ref.startswith((".", "/", "~")) or not _HUB_ID.fullmatch(ref):
        raise _no_folder(ref)
    folder = from_hub(ref)
    check_complete(folder, ref)
    return folder


def _path(ref: str) -> Path:
    """The path that a name would be; CheckpointError for what no file can be called."""
    try:
        path = Path(ref).expanduser()
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError, ValueError) as error:
        # A part that is a file, a name that is too long, no right to look, a user that is not.
        if not isinstance(error, NotADirectoryError):
            raise _no_folder(ref) from error
    if not ref.strip() or not ref.isprintable():
        raise _no_folder(ref)
    return path


def _no_folder(ref: str) -> CheckpointError:
    shown = ref if ref.strip() and ref.isprintable() and len(ref) <= 200 else f"{ref[:80]!r}"
    return CheckpointError("no such checkpoint folder", where=shown, cure="check the path")


def checkpoint_sources(cache: Cache, *refs: str) -> dict[str, str]:
    """Name -> content hash of checkpoints, for `Component.sources`.

    Raises:
        CheckpointError, EnvironmentProblem: as `resolve_checkpoint`.
    """
    return {ref: checkpoint_fingerprint(resolve_checkpoint(ref, cache)) for ref in refs}
