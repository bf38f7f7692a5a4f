"""``odqa report``: what a run folder shows, written again."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from odqa.cli.main import app
from odqa.comparison.folder import save
from odqa.errors import RunError
from odqa.testing.synthetic import synthetic_comparison


def report(*args: str) -> str:
    result = CliRunner().invoke(app, ["report", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_report_tables_and_figures_are_written_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    save(synthetic_comparison(3, 2, explained=1), run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    (run / "report.html").write_text("an old one")
    printed = report(str(run))
    assert str(run / "report.html") in printed and str(run / "figures") in printed
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "For 1 question the best passages show" in page
    assert (run / "table.txt").read_text().startswith("sbert-colbert has the highest em")
    assert (run / "figures" / "quality-em.pdf").is_file()
    assert {path: path.read_bytes() for path in before} == before  # data stay as they were


def test_it_can_be_written_elsewhere(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    save(synthetic_comparison(3, 2), run)
    report(str(run), "--out", str(out))
    assert not (run / "report.html").exists()
    assert (out / "report.html").is_file() and (out / "table.tex").is_file()


def test_no_run_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run folder; pass a folder that odqa compare finished"):
        report(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
