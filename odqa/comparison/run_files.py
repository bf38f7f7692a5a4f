"""The files of a run folder that may be read: in the folder, and as they were saved.

A run folder may come from anywhere. Nothing outside of it is read, whatever names its manifest
has and whatever links it holds. The manifest lists every file of data with its SHA-256, and has
one itself; folders of earlier versions have neither, and are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from odqa.errors import RunError

MANIFEST = "manifest.json"
#: Keys that the manifest file has beside the manifest: file -> SHA-256, and its own SHA-256.
_FILES, _DIGEST = "files", "digest"


class RunFiles:
    """The files of a run folder by their names in it, such as ``pipelines/bm25/costs.json``.

    Args:
        folder: the run folder.
        digests: SHA-256 of every file of data; `None` in folders of earlier versions.

    Raises:
        RunError: a listed file is missing or was changed.
    """

    def __init__(self, folder: Path, digests: Mapping[str, str] | None) -> None:
        self.folder = folder
        self._digests = digests
        for name, digest in (digests or {}).items():
            if sha256(self.path(name)) != digest:
                raise damaged(folder, f"{name} is not as it was saved")

    def path(self, name: str) -> Path:
        """The path of a file that has to be there.

        Raises:
            RunError: it is not there, or no plain file of the folder.
        """
        path = self.find(name)
        if path is None:
            raise damaged(self.folder, f"{name} is missing")
        return path

    def find(self, name: str) -> Path | None:
        """The path of a file; `None` where the folder has none of that name.

        Raises:
            RunError: it is no plain file of the folder, or the manifest does not list it.
        """
        parts = PurePosixPath(name).parts
        path = self.folder.joinpath(*parts)
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
            raise damaged(self.folder, f"{name!r} is no file of the folder")
        if not os.path.lexists(path):
            return None
        if not path.is_file():
            raise damaged(self.folder, f"{name} is no file")
        if self._digests is not None and name not in self._digests:
            raise damaged(self.folder, f"{name} is not listed in {MANIFEST}")
        return path


def damaged(folder: Path, what: str) -> RunError:
    """The error for a folder that is not as it was saved."""
    return RunError(
        f"damaged run folder ({what})",
        where=str(folder),
        cure="copy it again from where it came, or run the comparison again",
    )


def refuse_links_out(folder: Path) -> None:
    """Refuse a folder that holds a link to a place outside of it.

    Raises:
        RunError: names the link.
    """
    root = os.path.realpath(folder)
    for parent, folders, files in os.walk(root):
        for path in (Path(parent, name) for name in (*folders, *files)):
            # Not Path.resolve(), which raises for links in a circle.
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                raise RunError(
                    f"{path.relative_to(root)} links to a place outside of the run folder",
                    where=str(folder),
                    cure="remove the link; a run folder holds its files itself",
                )


def write_manifest(folder: Path, values: Mapping[str, Any]) -> None:
    """Write the manifest file, with the SHA-256 of every file that the folder has so far."""
    files = {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    data = {**values, _FILES: files}
    data[_DIGEST] = _digest(data)
    (folder / MANIFEST).write_text(_as_text(data), encoding="utf-8")


def read_manifest(folder: Path) -> tuple[dict[str, Any], RunFiles]:
    """The values of the manifest file, and the files that it lists, checked.

    Raises:
        RunError: it cannot be read, or it or a file was changed.
    """
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        data = json.loads(text)
        # Half of a surrogate pair is text in JSON, and in no file.
        json.dumps(data, ensure_ascii=False).encode()
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(folder, f"{MANIFEST} cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise damaged(folder, f"{MANIFEST} holds no keys")
    if _FILES not in data and _DIGEST not in data:
        return data, RunFiles(folder, None)
    digest = data.pop(_DIGEST, None)
    if digest != _digest(data) or _as_text({**data, _DIGEST: digest}) != text:
        raise damaged(folder, f"{MANIFEST} is not as it was saved")
    return data, RunFiles(folder, data.pop(_FILES))


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of the file without its own."""
    return hashlib.sha256(_as_text(data).encode()).hexdigest()


def _as_text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
