"""What commands print. All of it passes here, so that no text of data can steer a terminal."""

from __future__ import annotations

import logging

import typer

from odqa.escapes import visible


def echo(text: object = "", *, err: bool = False) -> None:
    """Print a text and a line break, control characters made visible."""
    typer.echo(visible(str(text)), err=err)


class VisibleFormatter(logging.Formatter):
    """Messages of loggers, control characters made visible."""

    def format(self, record: logging.LogRecord) -> str:
        """The message of a record."""
        return visible(super().format(record))
