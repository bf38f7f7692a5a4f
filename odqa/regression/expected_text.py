"""An expected file as text, easy to read and to diff."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from odqa.errors import RunError
from odqa.regression.expected import BOOTSTRAP, Expected


def render_expected(expected: Expected, allow: int | str, version: str) -> str:
    """YAML with one line a score.

    Args:
        allow: as for `odqa.regression.expected.expect`.
        version: of odqa and its code, with which the scores were measured.
    """
    width = "their 95 % bootstrap intervals" if allow == BOOTSTRAP else f"{allow} questions"
    lines = [
        f"# Expected scores of '{expected.benchmark}', by odqa {version}; intervals: {width}.",
        "# odqa check compares a run with them; odqa check RUN_DIR --write makes them anew.",
    ]
    head = expected.model_dump(include={"benchmark", "data", "questions", "specs"})
    lines += yaml.safe_dump(head, sort_keys=False, allow_unicode=True).splitlines()
    lines.append("scores:")
    for pipeline, metrics in expected.scores.items():
        lines.append(f"  {_yaml_key(pipeline)}:")
        for metric, score in metrics.items():
            values = f"value: {score.value}, low: {score.low}, high: {score.high}"
            lines.append(f"    {_yaml_key(metric)}: {{{values}}}")
    return "\n".join(lines) + "\n"


def write_expected(path: Path, text: str) -> None:
    """Write the file whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        cure = "choose another --expected"
        raise RunError(
            f"cannot be written ({error.strerror})", where=str(path), cure=cure
        ) from None


def _yaml_key(text: str) -> str:
    """A key as YAML writes it: quoted where it is no plain text, such as ``1.5``."""
    return str(yaml.safe_dump(text, allow_unicode=True)).splitlines()[0]
