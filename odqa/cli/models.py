"""``odqa models``: the embedded models, and ordinary checkpoints made of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.options import CacheFolder
from odqa.cli.output import echo

app = typer.Typer(help="The models that ship with odqa.", no_args_is_help=True)


@app.command("list")
def list_models() -> None:
    """Name, what it is, and whether this version ships it."""
    from odqa.checkpoints.embedded import EMBEDDED, model_dir
    from odqa.errors import CheckpointError

    for name, description in EMBEDDED.items():
        try:
            size = sum(f.stat().st_size for f in model_dir(name).iterdir()) / 1e6
            state = f"{size:.1f} MB"
        except CheckpointError:
            state = "the base model" if name == "minilm" else "not shipped"
        echo(f"embedded:{name}  ({state})  {description}")


@app.command("export")
def export(
    name: Annotated[
        str, typer.Argument(help="Name, such as colbert, or a folder that odqa train left.")
    ],
    to: Annotated[Path, typer.Option("--to", help="New folder for the checkpoint.")],
    cache: CacheFolder = None,
) -> None:
    """Write an ordinary checkpoint that the model's home library loads unchanged."""
    from odqa.cache import Cache
    from odqa.checkpoints.embedded import EMBEDDED, materialise
    from odqa.checkpoints.trained import materialise_trained
    from odqa.errors import CheckpointError

    if to.exists():
        raise CheckpointError("exists already", where=str(to), cure="name a new folder")
    trained = name not in EMBEDDED and Path(name).is_dir()
    store = Cache(cache)
    source = materialise_trained(Path(name), store) if trained else materialise(name, store)
    try:
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("manifest.json", "__pycache__"))
    except OSError as error:
        raise CheckpointError(f"cannot be written ({error})", where=str(to)) from None
    echo(to)
