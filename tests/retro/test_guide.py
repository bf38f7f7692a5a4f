"""``docs/retro-code.md`` names files and functions that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RETRO = ROOT / "odqa" / "retro"
CODE_NAMES = re.findall(
    r"`([^`\n]+)`", (ROOT / "docs" / "retro-code.md").read_text(encoding="utf-8")
)


def test_every_file_is_there() -> None:
    files = [name for name in CODE_NAMES if name.endswith((".py", ".md"))]
    assert len(files) > 15
    for name in files:
        assert (RETRO / name).is_file() or (ROOT / name).is_file(), name


def test_every_function_and_class_is_there() -> None:
    sources = [*RETRO.rglob("*.py"), ROOT / "odqa" / "rankers" / "retro.py"]
    names_in_code = set(re.findall(r"\w+", "\n".join(path.read_text("utf-8") for path in sources)))
    for name in CODE_NAMES:
        if re.fullmatch(r"\w+(\.\w+)?", name):
            assert set(name.split(".")) <= names_in_code, name
