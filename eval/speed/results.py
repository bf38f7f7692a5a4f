"""The results file: a section for each part, replaced when its part is measured again."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path("eval/results/speed.md")
INTRODUCTION = """# Speed of RETRO

Written by `sh eval/speed/run.sh PEER`, where PEER is the environment that
`sh eval/speed/setup_peer.sh PEER` makes; each section by its own command. Seconds are medians, with
the fastest and the slowest run behind them. Sides take turns, each in a process of its own; the
first run of each is warm-up and left out. Ratios are medians over the turns, with the least and the
greatest. Memory is the high-water mark of the process, less what its imports took.
"""


def write_section(path: Path, title: str, body: str) -> None:
    """Put a section into the file, in place of the one with that title; the rest stays."""
    text = path.read_text(encoding="utf-8") if path.exists() else INTRODUCTION
    section = f"## {title}\n{body.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: section + "\n", text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    path.parent.mkdir(parents=True, exist_ok=True)
    work = path.with_suffix(".md.partial")
    work.write_text(text.rstrip() + "\n", encoding="utf-8")
    os.replace(work, path)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(middle: float, low: float, high: float, form: str = ".2f") -> str:
    """``middle [low, high]``."""
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def verdict(name: str, found: float, wanted: float) -> str:
    """One line: what was wanted, and what was reached."""
    word = "reached" if found >= wanted else "not reached"
    return f"- {name}: {found:.2f} times, wanted {wanted:g}: {word}."
