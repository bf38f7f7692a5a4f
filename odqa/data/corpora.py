"""Corpora by name or path, converted once into the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from odqa.cache.digest import FileState, sha256_of
from odqa.data import beir, dpr_tsv, hub
from odqa.data.corpus import Corpus
from odqa.data.embedded import EMBEDDED
from odqa.data.paths import is_file, is_folder, path_from
from odqa.errors import DataError
from odqa.package_files import checked
from odqa.progress import progress
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.cache import Cache

#: Larger files are hashed again only when their state or one of their samples changed.
_HUGE = 2**28
#: Pieces of a large file that are read at every start, evenly spaced, and bytes of each.
_SAMPLES, _SAMPLE = 64, 2**16
#: Raised whenever the same file gives another corpus.
_VERSION = 1


def open_corpus(ref: str, cache: Cache, base: Path = Path()) -> Corpus:
    """A memory-mapped corpus.

    Args:
        ref: ``embedded``, a DPR ``.tsv(.gz)``, a BEIR folder or ``corpus.jsonl(.gz)``, or
            ``hf:owner/name[:config]:split``.
        base: what relative paths start from.

    Raises:
        DataError: anything wrong with it, with file and line. EnvironmentProblem: the hub cannot
            be reached. CacheError: the cache cannot be written.
    """
    if ref == "embedded":
        return _from_file(checked(EMBEDDED / "passages.tsv"), ref, cache)
    if (place := hub.parse_ref(ref)) is not None:
        return _from_hub(place, cache)
    path = path_from(base, ref)
    if beir.is_beir(path):
        return _from_file(path / "corpus.jsonl", ref, cache)
    if is_folder(path):
        raise DataError(
            "is a folder without corpus.jsonl and queries.jsonl",
            where=str(path),
            cure="pass a DPR .tsv(.gz) file or a BEIR folder",
        )
    if not path.suffix and not is_file(path):
        raise DataError(
            f"no such file or name '{ref}'",
            where="data.corpus",
            cure=did_you_mean(ref, ["embedded"]),
        )
    return _from_file(path, ref, cache)


def _from_file(path: Path, name: str, cache: Cache) -> Corpus:
    is_jsonl = ".jsonl" in path.suffixes
    reader = beir.read_passages if is_jsonl else dpr_tsv.read_passages

    def build(work: Path) -> None:
        passages = progress(reader(path), f"read {path.name}", unit=" passages")
        where_rows = None if is_jsonl else _tsv_lines(path)
        with _emptied_on_error(work):
            Corpus.write(passages, work, str(path), where_rows)

    # A missing file or a broken first row is reported before the file is hashed.
    next(iter(reader(path)), None)
    identity = {
        "sha256": _sha256(path, cache),
        "format": "beir" if is_jsonl else "dpr",
        "version": _VERSION,
    }
    return Corpus.open(cache.artifact("corpora", identity, build), name)


def _from_hub(ref: hub.HubRef, cache: Cache) -> Corpus:
    if ref.name == "google-research-datasets/nq_open":
        raise DataError(
            "nq-open brings questions but no passages",
            where="data.corpus",
            cure="pass a DPR .tsv(.gz) file such as psgs_w100.tsv.gz",
        )
    passages = hub.HubPassages(ref)

    def build(work: Path) -> None:
        source = progress(passages, f"read {ref}", len(passages), unit=" passages")
        with _emptied_on_error(work):
            Corpus.write(source, work, str(ref))

    identity = {"hub": str(ref), "files": passages.version, "version": _VERSION}
    return Corpus.open(cache.artifact("corpora", identity, build), str(ref))


@contextmanager
def _emptied_on_error(work: Path) -> Iterator[None]:
    # A refused corpus cannot be resumed, and its partial files may be gigabytes.
    try:
        yield
    except DataError:
        for file in work.iterdir():
            file.unlink()
        raise


def _tsv_lines(path: Path) -> Callable[[int, int], str]:
    def where(first: int, second: int) -> str:
        # Rows may span several lines: their numbers need a second reading.
        lines = [
            line
            for row, (line, _) in enumerate(dpr_tsv.numbered_passages(path))
            if row in (first, second)
        ]
        return f"{path}, lines {lines[0]} and {lines[1]}"

    return where


def _sha256(path: Path, cache: Cache) -> str:
    """SHA-256 of a file; that of a large one is remembered while it seems to be the same file.

    An edit in place changes at least the ctime, even where size and mtime are set back; where a
    file system has no ctime (some network shares), samples of the content may show it.
    """
    state = FileState.of(path)
    if state.bytes < _HUGE:
        return sha256_of(path)

    def build(work: Path) -> None:
        (work / "sha256").write_text(sha256_of(path), encoding="utf-8")

    identity = {"path": str(path.resolve()), **asdict(state), "samples": _sample(path, state.bytes)}
    return (cache.artifact("digests", identity, build) / "sha256").read_text(encoding="utf-8")


def _sample(path: Path, size: int) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as stream:
        for start in np.linspace(0, max(0, size - _SAMPLE), _SAMPLES).astype(int).tolist():
            stream.seek(start)
            digest.update(stream.read(_SAMPLE))
    return str(digest.hexdigest())
