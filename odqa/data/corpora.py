"""Corpora by name or path, converted once into the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.data import beir, dpr_tsv, hub
from odqa.data.corpus import Corpus
from odqa.data.embedded import EMBEDDED
from odqa.data.file_digest import file_sha256
from odqa.data.lines import content_name
from odqa.data.named.entries import corpus_names, find_corpus
from odqa.data.named.locate import locate, warn_of_namesake
from odqa.data.paths import is_file, is_folder, path_from
from odqa.errors import DataError
from odqa.package_files import checked
from odqa.progress import progress
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.cache import Cache

#: Raised whenever the same file gives another corpus.
_VERSION = 1


def open_corpus(ref: str, cache: Cache, base: Path = Path()) -> Corpus:
    """A memory-mapped corpus.

    Args:
        ref: ``embedded``, a name of `odqa.data.named`, a DPR ``.tsv(.gz)``, a BEIR folder or
            ``corpus.jsonl(.gz)`` (``.zip`` too), or ``hf:owner/name[:config]:split``. A name
            counts before a file of that name.
        base: what relative paths start from.

    Raises:
        DataError: anything wrong with it, with file and line. EnvironmentProblem: the hub cannot
            be reached. CacheError: the cache cannot be written.
    """
    if ref == "embedded":
        return _from_file(checked(EMBEDDED / "passages.tsv"), ref, cache)
    if (place := hub.parse_ref(ref)) is not None:
        return _from_hub(place, cache)
    if (named := find_corpus(ref)) is not None:
        warn_of_namesake(ref, base)
        return _from_file(locate(named, cache).path, ref, cache)
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
            cure=did_you_mean(ref, ["embedded", *corpus_names()]),
        )
    return _from_file(path, ref, cache)


def _from_file(path: Path, name: str, cache: Cache) -> Corpus:
    is_jsonl = ".jsonl" in Path(content_name(path)).suffixes
    reader = beir.read_passages if is_jsonl else dpr_tsv.read_passages

    def build(work: Path) -> None:
        passages = progress(reader(path), f"read {path.name}", unit=" passages")
        where_rows = None if is_jsonl else _tsv_lines(path)
        with _emptied_on_error(work):
            Corpus.write(passages, work, str(path), where_rows)

    # A missing file or a broken first row is reported before the file is hashed.
    next(iter(reader(path)), None)
    identity = {
        "sha256": file_sha256(path, cache),
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
