"""``odqa cache``: what the cache holds, whether it is sound, and removing leftovers."""

from __future__ import annotations

from typing import Annotated

import typer

from odqa.cli.options import CacheFolder
from odqa.cli.output import echo

app = typer.Typer(
    help="List, verify and clean the cache of artifacts.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def show(context: typer.Context, cache: CacheFolder = None) -> None:
    """List kinds of artifacts with their sizes; the subcommands verify and clean."""
    if context.invoked_subcommand is not None:
        return
    from odqa.cache import Cache
    from odqa.cache.survey import kinds

    root = Cache(cache).root
    rows = kinds(root)
    echo(f"{root}")
    for kind in rows:
        line = f"{kind.name:<20} {kind.artifacts:>6} {_size(kind.bytes):>10}"
        if kind.leftovers:
            line += f"   leftovers: {kind.leftovers}, {_size(kind.leftover_bytes)}"
        echo(line)
    artifacts, size = sum(kind.artifacts for kind in rows), sum(kind.bytes for kind in rows)
    echo(f"{'all':<20} {artifacts:>6} {_size(size):>10}")


@app.command("verify")
def verify(
    cache: CacheFolder = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove what is damaged; it is built when needed.")
    ] = False,
) -> None:
    """Read every byte of every artifact and compare it with its SHA-256.

    One line for each damaged artifact; exit code 2 where one is left.
    """
    from odqa.cache import Cache
    from odqa.cache.survey import artifacts, damage, remove_artifact
    from odqa.progress import progress

    folders = artifacts(Cache(cache).root)
    damaged = left = 0
    for folder in progress(folders, "verify", len(folders), unit="artifact"):
        if (what := damage(folder)) is None:
            continue
        damaged += 1
        is_removed = repair and remove_artifact(folder)
        left += not is_removed
        echo(f"{folder}: {what}{'; removed' if is_removed else ''}")
    echo(f"{len(folders)} artifacts, {damaged} damaged")
    if left:
        if not repair:
            echo("remove what is damaged: odqa cache verify --repair", err=True)
        raise typer.Exit(2)


@app.command("clean")
def clean(cache: CacheFolder = None) -> None:
    """Remove what killed runs left behind, unfinished artifacts included."""
    from odqa.cache import Cache
    from odqa.cache.survey import clean as clean_cache

    total = 0
    for path, size in clean_cache(Cache(cache).root):
        total += size
        echo(f"{path}: {_size(size)}")
    echo(f"removed {_size(total)}")


def _size(n: int) -> str:
    size = float(n)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
