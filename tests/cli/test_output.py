"""No text of a user's data steers the terminal that a command prints to."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import odqa.cli
from odqa.cli.main import app
from odqa.cli.output import VisibleFormatter
from odqa.comparison.folder import save
from odqa.testing.synthetic import synthetic_comparison


def test_commands_print_by_one_function() -> None:
    for path in Path(odqa.cli.__file__).parent.glob("*.py"):
        if path.name != "output.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(
                r"typer\.(echo|secho|style)|click\.echo|print\(|std(out|err)\.", text
            )


@pytest.mark.parametrize(
    "args",
    [
        ("validate", "\x1b[2Jspec.yaml"),
        ("validate", "\udcff.yaml"),
        ("compare", "\x1b]0;title\x07"),
        ("\x1b[31mcommand",),
        ("run", "bm25", "--set", "\x9b31m.k=5"),
    ],
)
def test_errors_show_control_characters(args: tuple[str, ...], tmp_path: Path) -> None:
    program = "import sys; from odqa.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *args], capture_output=True, cwd=tmp_path, check=False
    )
    printed = (done.stdout + done.stderr).decode("utf-8")
    assert done.returncode == 2
    assert printed.startswith("odqa: ") and "Traceback" not in printed
    assert re.search(r"\\(x1b|x9b|udcff)", printed)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", printed)


def test_logged_messages_show_them_too() -> None:
    record = logging.LogRecord("odqa", logging.INFO, "", 0, "prepare %s", ("\x1b[2J",), None)
    assert VisibleFormatter("%(message)s").format(record) == r"prepare \x1b[2J"


def test_what_is_exported_or_listed_shows_them(tmp_path: Path) -> None:
    run = tmp_path / "\x1b[2Jrun"
    save(synthetic_comparison(2, 2), run)
    printed = CliRunner().invoke(app, ["report", str(run)]).output
    assert r"\x1b[2Jrun" in printed and "\x1b" not in printed
