"""Data files that come with odqa and with its base model, compared with their SHA-256 before use.

``checksums.json`` lists them: ``PACKAGE/PATH`` -> SHA-256. ``scripts/checksums.py`` writes it.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache, lru_cache
from pathlib import Path

from odqa.errors import EnvironmentProblem

_ROOT = Path(__file__).parent
CHECKSUMS = _ROOT / "checksums.json"


def checked(path: Path, package: Path = _ROOT) -> Path:
    """The path of a shipped file, once its content is known to be what was shipped.

    Args:
        path: a file that is listed.
        package: the folder of the package that it is part of.

    Raises:
        EnvironmentProblem: it is missing, damaged or not listed.
    """
    name = f"{package.name}/{path.relative_to(package).as_posix()}"
    try:
        stat = path.stat()
        is_same = _sha256(path, (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)) == (
            checksums().get(name)
        )
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})", package) from error
    if not is_same:
        raise _damaged(path, "is not the file that was shipped", package)
    return path


@cache
def checksums() -> dict[str, str]:
    """Name -> SHA-256 of every shipped data file.

    Raises:
        EnvironmentProblem: the list is damaged.
    """
    try:
        return {str(k): str(v) for k, v in json.loads(CHECKSUMS.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise _damaged(CHECKSUMS, "cannot be read", _ROOT) from error


@lru_cache(maxsize=256)
def _sha256(path: Path, _state: tuple[int, int, int]) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _damaged(path: Path, what: str, package: Path) -> EnvironmentProblem:
    return EnvironmentProblem(what, where=str(path), cure=f"reinstall {package.name}")
