"""What commands print. All of it passes here, so that no text of data can steer a terminal."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING

import typer

from odqa.escapes import visible

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison


def echo(text: object = "", *, err: bool = False) -> None:
    """Print a text and a line break, control characters made visible."""
    typer.echo(visible(str(text)), err=err)


def echo_table(comparison: Comparison) -> None:
    """Print verdict and summary, as wide as the terminal is; the best in bold where it can."""
    from odqa.report.terminal.render import render_summary

    width = shutil.get_terminal_size((120, 24)).columns
    is_plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))
    bold = str if is_plain else partial(typer.style, bold=True)
    # Its texts are made visible where they are put in: control characters left are the style's.
    typer.echo(render_summary(comparison, width=width, bold=bold))


class VisibleFormatter(logging.Formatter):
    """Messages of loggers, control characters made visible."""

    def format(self, record: logging.LogRecord) -> str:
        """The message of a record."""
        return visible(super().format(record))
