"""``odqa``: the commands and how their errors reach the user."""

from __future__ import annotations

import logging
import sys

import typer

from odqa.cli import (
    ask,
    compare,
    components,
    doctor,
    index,
    mine,
    models,
    run,
    schema,
    train,
    validate,
)
from odqa.errors import OdqaError

app = typer.Typer(
    name="odqa",
    help="Compare open-domain question answering pipelines: which is better, at what cost, why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("compare")(compare.compare)
app.command("run")(run.run)
app.command("ask")(ask.ask)
app.command("index")(index.index)
app.command("validate")(validate.validate)
app.command("components")(components.components)
app.command("schema")(schema.schema)
app.command("doctor")(doctor.doctor)
app.command("train")(train.train)
app.command("mine")(mine.mine)
app.add_typer(models.app, name="models")


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from odqa import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: exit code 0, 2 for anything the user can mend, 130 when interrupted."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("odqa").setLevel(logging.INFO)
    try:
        app(standalone_mode=True)
    except OdqaError as error:
        typer.echo(f"odqa: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("odqa: interrupted; what was finished is kept, run it again to go on", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()
