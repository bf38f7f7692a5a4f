"""``odqa``: the commands and how their errors reach the user."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import NoReturn

import typer

from odqa.cli import (
    analyse,
    ask,
    bits,
    cache,
    check,
    compare,
    components,
    data,
    doctor,
    export,
    index,
    interrupt,
    log,
    mine,
    models,
    report,
    reproduce,
    run,
    schema,
    table,
    teach,
    train,
    validate,
)
from odqa.cli.output import VisibleFormatter, echo
from odqa.errors import OdqaError
from odqa.threads import wait_asleep

#: Exit codes of commands ended by SIGINT and by SIGTERM, as in a shell.
_INTERRUPTED, _TERMINATED = 130, 143
#: Base of all errors in arguments of a command. Newer versions of typer contain their own click.
_USAGE_ERROR: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

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
app.command("data")(data.data)
app.command("schema")(schema.schema)
app.command("check")(check.check)
app.command("reproduce")(reproduce.reproduce)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("table")(table.table)
app.command("log")(log.log)
app.command("doctor")(doctor.doctor)
app.command("train")(train.train)
app.command("mine")(mine.mine)
app.command("bits")(bits.bits)
app.command("teach")(teach.teach)
app.add_typer(models.app, name="models")
app.add_typer(analyse.app, name="analyse")
app.add_typer(cache.app, name="cache")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from odqa import __version__

        echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False,
        "--version",
        help="Print the version and stop.",
        is_eager=True,
        callback=_print_version,
    ),
) -> None:
    """Options of odqa itself; an eager one is served before a command is looked for."""


class _Terminated(SystemExit):
    """SIGTERM, from a scheduler, ``timeout`` or ``kill``: the command ends as after Ctrl-C.

    It is no KeyboardInterrupt, which typer would turn into exit code 130.
    """


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


def main() -> None:
    """Entry point: exit code 0; 2 for errors of the user; 130, 143 when stopped (INT, TERM)."""
    signal.signal(signal.SIGTERM, _terminate)
    interrupt.end_soon_after_signals()
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("odqa").setLevel(logging.INFO)
    # Warnings of transformers about tokenizers do not concern users of odqa.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    wait_asleep()
    try:
        code = app(prog_name="odqa", standalone_mode=False) or 0
    except OdqaError as error:
        code = _refuse(str(error))
    except _USAGE_ERROR as error:
        code = _refuse_usage(error)
    except _Terminated:
        code = _TERMINATED
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    if code in (_INTERRUPTED, _TERMINATED):
        echo(f"\nodqa: {interrupt.message()}", err=True)
    sys.exit(code)


def _refuse(lines: str) -> int:
    for line in lines.splitlines():
        echo(f"odqa: {line}", err=True)
    return 2


def _refuse_usage(error: Exception) -> int:
    """One line for a wrong argument, with the command whose help lists the valid ones."""
    message: str = error.format_message()  # type: ignore[attr-defined]
    if "\n" in message:
        # The message of a command without arguments is its whole help.
        echo(message, err=True)
        return 2
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "odqa"
    return _refuse(f"{message.rstrip('.')}; see {command} --help")


if __name__ == "__main__":
    main()
