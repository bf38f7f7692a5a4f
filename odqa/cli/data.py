"""``odqa data``: question sets and corpora that go by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from odqa.cli.options import CacheFolder
from odqa.cli.output import echo

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.named import NamedFile


def data(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME[:SPLIT]]", help="A set, a split of it, or a corpus.", show_default=False
        ),
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch it, however large it is, and check it.")
    ] = False,
    cache: CacheFolder = None,
) -> None:
    """List question sets and corpora that go by name: sizes, licences, whether they are here.

    Those of up to 100 MB are fetched when they are first used, larger ones with --fetch alone. A
    folder that ODQA_DATA names comes before any download.
    """
    from odqa.cache import Cache
    from odqa.data.named import locate, named_files
    from odqa.data.named.locate import in_words
    from odqa.errors import DataError

    store = Cache(cache)
    if name is None:
        if fetch:
            raise DataError("nothing is named", where="--fetch", cure="odqa data NAME --fetch")
        _list(list(named_files()), store)
        return
    named = _found(name)
    if not fetch:
        _describe(named, store)
        return
    if named.file is None:
        cure = f"it comes when it is used: --data {named}"
        raise DataError("is read by the library datasets", where=str(named), cure=cure)
    if named.mb is not None:
        echo(f"{named}: {in_words(named.mb * 1e6)} from {named.url}")
    found = locate(named, store, fetch_large=True)
    against = {"registry": "as odqa knows it", "first fetch": "as it was when first fetched"}
    checked = against.get(found.checked, "compared with nothing: it is of your own folder")
    echo(f"{found.path}\nsha256 {found.sha256}, {checked}")


def _found(name: str) -> NamedFile:
    from odqa.data.named import find_corpus, find_questions
    from odqa.data.named.entries import corpus_names, set_names
    from odqa.errors import DataError
    from odqa.suggest import did_you_mean

    named = find_corpus(name) or find_questions(name)
    if named is None:
        cure = did_you_mean(name, [*set_names(), *corpus_names()])
        raise DataError(f"no dataset is named '{name}'", where="odqa data", cure=cure)
    return named


def _list(files: list[NamedFile], cache: Cache) -> None:
    from odqa.report.terminal.lines import aligned

    rows = [["name", "here", "licence", "questions", "passages", "MB"]]
    for named in files:
        sizes = {"questions": "", "corpus": ""} | {named.kind: f"{named.size:,}"}
        mark = " *" if named.is_default and named.split else ""
        place = _place(named, cache)
        rows.append(
            [
                f"{named}{mark}",
                "folder" if Path(place).is_absolute() else place or "-",
                named.licence,
                *sizes.values(),
                "?" if named.mb is None else f"{named.mb:,.{0 if named.mb >= 100 else 1}f}",
            ]
        )
    for line in aligned(rows, texts=3):
        echo(line)
    echo("*: the split that NAME alone means; odqa data NAME says more of one")


def _describe(named: NamedFile, cache: Cache) -> None:
    from odqa.data.named.locate import FOLDER, in_words

    unit = "passages" if named.kind == "corpus" else "questions"
    size = "its server says" if named.mb is None else in_words(named.mb * 1e6)
    revision = named.place.revision or "not pinned"
    sha256 = named.sha256 or "of the first download, compared afterwards"
    echo(f"{named}: {named.about}")
    echo(f"  {named.size:,} {unit}; licence: {named.licence}; {named.place.licence}")
    echo(f"  from {named.url}")
    echo(f"  revision {revision}; sha256 {sha256}; to download: {size}")
    names = ", ".join([str(named.file), *named.also]) if named.file else "-"
    echo(f"  in a folder that {FOLDER} names: {names}")
    echo(f"  here: {_place(named, cache) or 'no'}")


def _place(named: NamedFile, cache: Cache) -> str:
    """Where it is on this machine; nothing is fetched or asked for that."""
    from odqa.data.named.locate import in_folder, in_hub_cache, in_own_cache

    if named.file is None:
        return ""
    if (path := in_folder(named)) is not None:
        return str(path.resolve())
    found = in_hub_cache(named) if named.place.hub else in_own_cache(named, cache)
    return "" if found is None else "cache"
