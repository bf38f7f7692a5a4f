"""A short form of `eval.reliability.kill_commands`, and that it notices what it must."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from eval.reliability.kill_commands import Command, export, files, series
from odqa.comparison.folder import save
from odqa.testing.kills import count_writes, killed_after, killed_at
from odqa.testing.synthetic import synthetic_comparison


def test_killed_exports_are_completed(tmp_path: Path) -> None:
    save(synthetic_comparison(2, 2), tmp_path / "A")
    command = Command("export", export, files)
    number, counts = series(command, tmp_path, 6, 120.0, random.Random(0))
    assert number >= 6
    assert counts == {"equal": counts.total()}


def careless(root: Path, out: Path) -> None:
    """Takes what is there for what it has written itself, and forgets a draft."""
    out.mkdir(exist_ok=True)
    for name in ("a", "b"):
        if not (out / name).exists():
            with (out / name).open("w") as file:
                (out / ".draft").write_text(name)
                file.write(name)
                file.flush()
                (out / ".draft").unlink()


def test_half_files_and_drafts_are_found(tmp_path: Path) -> None:
    command = Command("careless", careless, files)
    _, counts = series(command, tmp_path, 9, 20.0, random.Random(3))
    assert counts["OTHER RESULT"]
    assert any(outcome.startswith("LEFT OVER") for outcome in counts)


def test_writes_are_counted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    # A folder, two files, a draft written and removed for each.
    assert count_writes(out, lambda: careless(tmp_path, out)) == 7


def test_killed_after_processor_time(tmp_path: Path) -> None:
    def busy() -> None:
        while True:
            pass

    assert killed_after(0.05, busy)
    assert not killed_after(60.0, lambda: (tmp_path / "done").write_text(""))
    assert (tmp_path / "done").exists()
    with pytest.raises(RuntimeError, match="by itself"):
        killed_after(60.0, lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="by itself"):
        count_writes(tmp_path, lambda: 1 / 0)
    assert not killed_at(2, tmp_path, lambda: (tmp_path / "one").write_text(""))
