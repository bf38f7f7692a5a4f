"""Where a named file is on this machine: a folder of one's own, the hub's cache, odqa's cache.

A folder that ``ODQA_DATA`` names comes first: FlashRAG's tree (``triviaqa/test.jsonl``), what DPR's
``download_data.py`` makes (``data/retriever/qas/trivia-test.csv``), or ``NAME/SPLIT.jsonl``. What
is fetched from the hub lies in its cache, what comes from other servers in odqa's.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from odqa.cache.leftovers import RESUME
from odqa.data import hub
from odqa.data.file_digest import file_sha256
from odqa.data.named.download import download, size_at
from odqa.data.named.entries import NamedFile
from odqa.data.paths import is_file
from odqa.errors import DataError, EnvironmentProblem

if TYPE_CHECKING:
    from odqa.cache import Cache

_LOG = logging.getLogger(__name__)

#: Variable with a folder of data.
FOLDER = "ODQA_DATA"
#: Larger files are fetched by ``odqa data NAME --fetch`` alone.
CONSENT_BYTES = 100_000_000

Source = Literal["folder", "hub", "server"]


@dataclass(frozen=True, slots=True)
class Located:
    """A named file that is here.

    ``checked`` says against what its SHA-256 was compared: what the registry has, what it was when
    it was first fetched, or nothing (another version in a folder of one's own).
    """

    named: NamedFile
    path: Path
    source: Source
    sha256: str
    checked: Literal["registry", "first fetch", "nothing"]

    def provenance(self) -> dict[str, str | None]:
        """Plain values for a manifest."""
        return {
            "name": str(self.named),
            "source": str(self.path) if self.source == "folder" else self.named.url,
            "revision": None if self.source == "folder" else self.named.place.revision,
            "sha256": self.sha256,
            "checked": self.checked,
            "licence": self.named.licence,
        }


def locate(named: NamedFile, cache: Cache, *, fetch_large: bool = False) -> Located:
    """The file, fetched where it is not here yet.

    Args:
        fetch_large: fetch it even if it has more than `CONSENT_BYTES`.

    Raises:
        EnvironmentProblem: it is not here, and cannot be reached or is too large to be fetched
            unasked: one line says what to download and where to put it. DataError: it is not what
            the registry has, or has changed since it was first fetched.
    """
    if (path := in_folder(named)) is not None:
        return _of_folder(named, path, cache)
    found = in_hub_cache(named) if named.place.hub is not None else in_own_cache(named, cache)
    if found is None:
        _ask_consent(named, fetch_large)
        found = _from_hub(named) if named.place.hub is not None else _from_server(named, cache)
    source: Source = "hub" if named.place.hub is not None else "server"
    sha256 = file_sha256(found, cache)
    if named.sha256 is not None:
        _compare(named, found, sha256, named.sha256, "the registry has")
        return Located(named, found, source, sha256, "registry")
    _compare(named, found, sha256, _first_digest(named, sha256, cache), "it was first fetched as")
    return Located(named, found, source, sha256, "first fetch")


def in_folder(named: NamedFile) -> Path | None:
    """The file in the folder of one's own."""
    text = os.environ.get(FOLDER)
    if not text:
        return None
    return next((path for path in _candidates(named, Path(text)) if is_file(path)), None)


def in_hub_cache(named: NamedFile) -> Path | None:
    """The file in the hub's cache on this machine."""
    from huggingface_hub import errors

    try:
        return _hub_file(named, local_files_only=True)
    except (errors.LocalEntryNotFoundError, OSError):
        return None


def in_own_cache(named: NamedFile, cache: Cache) -> Path | None:
    """The file in odqa's cache."""
    from odqa.cache.key import NAME_LENGTH, content_key

    folder = cache.root / "fetched" / content_key({"url": named.url})[:NAME_LENGTH]
    path = folder / Path(str(named.file)).name
    return path if is_file(path) else None


def _candidates(named: NamedFile, folder: Path) -> list[Path]:
    names = [str(named.file), *named.also]
    if named.split:
        names.append(f"{named.name}/{named.split}.jsonl")
    # Where a file is offered gzipped or not, both are read.
    return [folder / name for each in names for name in (each, f"{each}.gz")]


def _of_folder(named: NamedFile, path: Path, cache: Cache) -> Located:
    sha256 = file_sha256(path, cache)
    if sha256 == named.sha256:
        return Located(named, path, "folder", sha256, "registry")
    if named.sha256 is not None and path.name == Path(str(named.file)).name:
        _warn_of_version(path, str(named), sha256)
    return Located(named, path, "folder", sha256, "nothing")


@lru_cache
def _warn_of_version(path: Path, name: str, sha256: str) -> None:
    # Once, however often the file is looked for.
    message = "%s: another version of %s than the one that odqa knows (its sha256 is %s…)"
    _LOG.warning(message, path, name, sha256[:12])


def _ask_consent(named: NamedFile, fetch_large: bool) -> None:
    if fetch_large:
        return
    size = None if named.mb is None else round(named.mb * 1e6)
    if size is None:
        try:
            size = size_at(named.url)
        except EnvironmentProblem as error:
            raise _unreachable(named, error.what) from None
    if size is not None and size <= CONSENT_BYTES:
        return
    amount = "of unknown size" if size is None else f"{in_words(size)} to download"
    raise EnvironmentProblem(
        f"is not here, and is {amount}",
        where=str(named),
        cure=f"fetch it with: odqa data {named} --fetch; or put it into a folder ({_put(named)})",
    )


def warn_of_namesake(ref: str, base: Path) -> None:
    """Say that a name is not read as the file or folder that has the same name."""
    if (base / ref).exists():
        message = "'%s' is read as the name of a dataset, not as %s; write ./%s for that"
        _LOG.warning(message, ref, base / ref, ref)


def in_words(size: float) -> str:
    """Bytes as people say them."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"


def _hub_file(named: NamedFile, *, local_files_only: bool = False) -> Path:
    from huggingface_hub import hf_hub_download

    path = hf_hub_download(
        str(named.place.hub),
        str(named.file),
        repo_type="dataset",
        revision=named.place.revision,
        local_files_only=local_files_only,
    )
    return Path(path)


def _from_hub(named: NamedFile) -> Path:
    from huggingface_hub import errors

    if not hub.reachable():
        raise _unreachable(named, "the Hugging Face hub cannot be reached")
    try:
        return _hub_file(named)
    except (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.EntryNotFoundError,
    ) as error:
        what = f"the hub has no such file ({type(error).__name__})"
        raise DataError(what, where=named.url, cure=_put(named)) from None
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise _unreachable(named, f"cannot be fetched ({type(error).__name__})") from None


def _from_server(named: NamedFile, cache: Cache) -> Path:
    name = Path(str(named.file)).name

    def build(work: Path) -> None:
        try:
            download(named.url, work / name, work / RESUME)
        except EnvironmentProblem as error:
            if "broke off" in error.what:
                raise
            raise _unreachable(named, error.what) from None

    return cache.artifact("fetched", {"url": named.url}, build) / name


def _unreachable(named: NamedFile, what: str) -> EnvironmentProblem:
    size = "" if named.mb is None else f" ({in_words(named.mb * 1e6)})"
    return EnvironmentProblem(
        f"{what}, and the file is not on this machine",
        where=str(named),
        cure=f"download {named.url}{size} elsewhere, and {_put(named)}",
    )


def _put(named: NamedFile) -> str:
    folder = os.environ.get(FOLDER)
    if folder:
        return f"save it as {Path(folder) / str(named.file)}"
    return f"save it as FOLDER/{named.file} with {FOLDER}=FOLDER"


def _first_digest(named: NamedFile, sha256: str, cache: Cache) -> str:
    def build(work: Path) -> None:
        (work / "sha256").write_text(sha256, encoding="utf-8")

    folder = cache.artifact("first-digests", {"url": named.url}, build)
    return (folder / "sha256").read_text(encoding="utf-8")


def _compare(named: NamedFile, path: Path, sha256: str, wanted: str, source: str) -> None:
    if sha256 != wanted:
        raise DataError(
            f"is another file ({sha256[:12]}…) than {source} ({wanted[:12]}…)",
            where=f"{named}: {path}",
            cure=f"delete {path.resolve()} and fetch it again",
        )
